"""The server of Superset: how it is started and asked, and what it is told."""

import os
from collections.abc import Mapping
from pathlib import Path

import psutil

from retention_ml import atomic_files
from retention_ml.settings import PROJECT, Settings
from retention_ml.stack import databases, keys
from retention_ml.stack.components import answers
from retention_ml.stack.postgres import free_port, is_free
from retention_ml.stack.processes import Component

NAME = "superset"
USER = "admin"
ENVIRONMENT = PROJECT / ".venv-superset"
"""Where `make superset` installs it: it needs SQLAlchemy 1.4, the platform 2."""
FOLDER = PROJECT / "docker" / "superset"
_PREFERRED_PORT = 8088
_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "USER", "LD_LIBRARY_PATH")


def component(settings: Settings, port: int | None = None) -> Component:
    """The server, to look at and to stop; given a port, also to start."""
    command = (
        str(ENVIRONMENT / "bin" / "python"), "-m", "gunicorn", "--workers", "1",
        "--worker-class", "gthread", "--threads", "8", "--timeout", "120",
        "--bind", f"127.0.0.1:{port}", "superset.app:create_app()",
    )  # fmt: skip
    return Component(
        name=NAME,
        command=command if port else (),
        environment=variables(settings) if port else {},
        run_folder=settings.home / "run",
        log_folder=settings.home / "logs",
    )


def variables(settings: Settings, inherited: Mapping[str, str] | None = None) -> dict[str, str]:
    """What Superset is told: its own database, and the warehouse as `retention_bi` sees it.

    Nothing of it is among its arguments, which every user of the machine can read.
    """
    inherited = os.environ if inherited is None else inherited
    secrets = keys.load(settings.home)
    return {name: value for name, value in inherited.items() if name in _INHERITED} | {
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
        "PYTHONUNBUFFERED": "1",
        "DO_NOT_TRACK": "true",
        "SCARF_ANALYTICS": "false",
        "SUPERSET_CONFIG_PATH": str(FOLDER / "superset_config.py"),
        "SUPERSET_HOME": str(settings.home / "superset"),
        "SUPERSET_SECRET_KEY": secrets["superset_session"],
        "SUPERSET_ADMIN_PASSWORD": secrets["superset_admin"],
        "SUPERSET_METADATA_URI": databases.address(settings.home, NAME, driver="psycopg2"),
        "SUPERSET_WAREHOUSE_URI": databases.address(
            settings.home, databases.READER, "retention", driver="psycopg2"
        ),
    }


def port(home: Path, *, is_running: bool) -> int:
    """The remembered port; a new one if somebody else has taken it meanwhile."""
    remembered = remembered_port(home)
    if remembered is not None and (is_running or is_free(remembered)):
        return remembered
    chosen = _PREFERRED_PORT if is_free(_PREFERRED_PORT) else free_port()
    atomic_files.write_text(_port_file(home), str(chosen))
    return chosen


def remembered_port(home: Path) -> int | None:
    """The port of the last start, None if there was none."""
    try:
        return int(_port_file(home).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


def url(port: int) -> str:
    """The address of its page and API."""
    return f"http://127.0.0.1:{port}"


def status(settings: Settings) -> dict[str, object] | None:
    """How it is, as `local.status` says it of every part; None while it does not run."""
    pid, at = component(settings).pid(), remembered_port(settings.home)
    if pid is None or at is None:
        return None
    has_database = databases.server(settings.home).is_running()
    state = (
        "without postgres"
        if not has_database
        else "healthy"
        if answers(f"{url(at)}/health")
        else "starting"
    )
    return {"name": NAME, "state": state, "pid": pid, "address": url(at)}


def memory_megabytes(pid: int) -> int:
    """What its processes hold, memory that they share counted once."""
    leader = psutil.Process(pid)
    processes = [leader, *leader.children(recursive=True)]
    return round(sum(int(each.memory_full_info().pss) for each in processes) / 1_000_000)


def _port_file(home: Path) -> Path:
    return home / "run" / "superset-port"
