"""The digest of the code that a fit runs, so that results of other code are not reused."""

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from retention_ml.models.training.data import training_data

# What a fit runs; features are in the digests of the training data and of what is predicted.
_ROOTS = ("retention_ml.models", "retention_ml.labels", "retention_ml.statistics")
LIBRARIES = ("lightgbm", "numpy", "optuna", "scikit-learn", "scipy")


@cache
def code_digest(module: str) -> str:
    """SHA-256 over a module, all it and the training data import of `_ROOTS`, and the libraries."""
    total = hashlib.sha256()
    for name, path in sorted(_reached(module).items()):
        total.update(f"{name}\0".encode())
        total.update(path.read_bytes())
    for library, installed in versions().items():
        total.update(f"{library}\0{installed}\0".encode())
    return total.hexdigest()


@cache
def versions() -> dict[str, str]:
    """The installed versions of the libraries that results depend on."""
    return {library: version(library) for library in LIBRARIES}


def _reached(module: str) -> dict[str, Path]:
    """Files of the modules that a module imports, at the top or inside functions, itself too."""
    files: dict[str, Path] = {}
    waiting = [module, training_data.__name__]
    while waiting:
        name = waiting.pop()
        path = _file(name)
        if name in files or path is None:
            continue
        files[name] = path
        waiting += _imported(path)
    return files


def _imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        yield from (name for name in names if name.startswith(_ROOTS))


@cache
def _file(name: str) -> Path | None:
    try:
        spec = find_spec(name)
    except ModuleNotFoundError:  # a name inside a module, not a module
        return None
    return Path(spec.origin) if spec and spec.origin else None
