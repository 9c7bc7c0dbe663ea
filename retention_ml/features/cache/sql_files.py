"""SQL that is generated from expressions, kept as a file instead of generated each day."""

import hashlib
import json
import logging
from collections.abc import Callable
from functools import cache
from importlib.metadata import version
from pathlib import Path

import retention_ml
from retention_ml.atomic_files import write_text

logger = logging.getLogger(__name__)

_GENERATORS = ("ibis-framework", "sqlglot")


def sql_folder(home: Path) -> Path:
    """Where a home keeps generated SQL."""
    return home / "cache" / "sql"


def cached_sql(folder: Path, name: str, generate: Callable[[], str]) -> str:
    """The SQL of that name in a folder, generated where it is not there, torn or of other code.

    A folder that cannot be written is done without.

    Parameters
    ----------
    name : str
        Names everything that the SQL depends on besides the code.
    generate : callable
    """
    path = folder / f"{name}.json"
    code_sha256 = _code_sha256()
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        sql = stored["sql"]
        if stored == _content(code_sha256, sql):
            return str(sql)
        why = "it is torn, or of another version"
    except FileNotFoundError:
        why = "there is none yet"
    except (OSError, ValueError, TypeError, KeyError):
        why = "it cannot be read"
    logger.info("The SQL %s is generated anew: %s.", name, why)
    sql = generate()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_text(path, json.dumps(_content(code_sha256, sql)), mode=0o600)
    except OSError as error:
        logger.warning(
            "The SQL %s cannot be kept in %s (%s). It is generated each time, which takes longer.",
            name,
            folder,
            error.strerror or error,
        )
    return sql


def _content(code_sha256: str, sql: str) -> dict[str, str]:
    return {
        "code_sha256": code_sha256,
        "sha256": hashlib.sha256(sql.encode()).hexdigest(),
        "sql": sql,
    }


@cache
def _code_sha256() -> str:
    """The digest of all code of the library, and of what generates SQL: whatever could change it."""
    root = Path(retention_ml.__file__).parent
    total = hashlib.sha256(" ".join(version(name) for name in _GENERATORS).encode())
    for path in sorted(root.rglob("*.py")):
        total.update(str(path.relative_to(root)).encode())
        total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()
