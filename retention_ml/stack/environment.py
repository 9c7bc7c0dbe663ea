"""The environment of every process of the local stack, and what the stack listens on."""

import json
import os
import socket
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from retention_ml import atomic_files
from retention_ml.settings import PROJECT, Settings
from retention_ml.stack import databases, keys
from retention_ml.stack.postgres import free_port
from retention_ml.stack.processes import MARKER

_PREFERRED = {"airflow": 8080, "mlflow": 5000}
_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "USER", "LD_LIBRARY_PATH")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """The loopback ports of the two pages."""

    airflow: int
    mlflow: int

    @property
    def airflow_url(self) -> str:
        """The address of Airflow's page and API."""
        return f"http://127.0.0.1:{self.airflow}"

    @property
    def mlflow_url(self) -> str:
        """The address of MLflow's page and API."""
        return f"http://127.0.0.1:{self.mlflow}"


def is_free(port: int) -> bool:
    """Whether nothing listens on a loopback port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def ports(home: Path, running: Iterable[str] = ()) -> Ports:
    """The remembered ports; new ones for those that somebody else has taken meanwhile.

    Parameters
    ----------
    home : Path
        The home whose `run/ports.json` remembers them.
    running : iterable of str
        Which of "airflow" and "mlflow" run, so that their ports are theirs.
    """
    path = home / "run" / "ports.json"
    try:
        remembered = {name: int(port) for name, port in json.loads(path.read_text("utf-8")).items()}
    except (OSError, ValueError, AttributeError):
        remembered = {}
    running = set(running)
    chosen = {
        name: next(
            (
                port
                for port in (remembered.get(name), preferred)
                if port is not None and ((name in running and name in remembered) or is_free(port))
            ),
            None,
        )
        or free_port()
        for name, preferred in _PREFERRED.items()
    }
    if chosen != remembered:
        atomic_files.write_text(path, json.dumps(chosen))
    return Ports(**chosen)


def remembered_ports(home: Path) -> Ports | None:
    """The ports of the last start, None if there was none."""
    try:
        return Ports(**json.loads((home / "run" / "ports.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _driver(url: str) -> str:
    # SQLAlchemy 2.1 takes a bare postgresql:// for psycopg 3.
    return url.replace("postgresql://", "postgresql+psycopg2://", 1)


def build(
    settings: Settings, at: Ports, inherited: Mapping[str, str] | None = None
) -> dict[str, str]:
    """The variables of every component.

    Of the caller's environment only `RETENTION_*`, Airflow's connections and what names the
    machine is passed on: a stray `AIRFLOW__*` or a proxy would be found out much later.
    """
    inherited = os.environ if inherited is None else inherited
    home = settings.home
    secrets = keys.load(home)
    airflow_home = home / "airflow"
    inherited_variables = {
        name: value
        for name, value in inherited.items()
        if name in _INHERITED
        or name.startswith("AIRFLOW_CONN_")
        or (name.startswith("RETENTION_") and name not in (MARKER, "RETENTION_RUN_ID"))
    }
    threads = str(settings.compute.threads)
    bin_folder = str(Path(sys.executable).parent)
    return inherited_variables | {
        "PATH": f"{bin_folder}{os.pathsep}{inherited_variables.get('PATH', os.defpath)}",
        "PYTHONPATH": str(PROJECT / "plugins"),
        "PYTHONUNBUFFERED": "1",
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
        "OMP_WAIT_POLICY": "PASSIVE",
        "OMP_NUM_THREADS": threads,
        "GX_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "true",
        "GIT_PYTHON_REFRESH": "quiet",
        "RETENTION_HOME": str(home),
        "RETENTION_SOURCES": str(settings.sources),
        "RETENTION_EXPECTATIONS": str(settings.expectations),
        "MLFLOW_TRACKING_URI": settings.tracking_uri or at.mlflow_url,
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "3",
        "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
        "AIRFLOW_HOME": str(airflow_home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(PROJECT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(PROJECT / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": str(max(2, min(settings.compute.threads + 1, 8))),
        "AIRFLOW__CORE__FERNET_KEY": secrets["airflow_fernet"],
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__DEFAULT_TIMEZONE": settings.calendar.timezone,
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{at.airflow_url}/execution/",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(airflow_home / "passwords.json"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": _driver(databases.address(home, "airflow")),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC": databases.address(home, "airflow").replace(
            "postgresql://", "postgresql+asyncpg://", 1
        ),
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(at.airflow),
        "AIRFLOW__API__BASE_URL": at.airflow_url,
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API__SECRET_KEY": secrets["airflow_session"],
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets["airflow_jwt"],
        "AIRFLOW__API_AUTH__JWT_ISSUER": "retention",
        "AIRFLOW__LOGGING__NAMESPACE_LEVELS": "great_expectations=WARNING alembic=WARNING",
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(home / "logs" / "tasks"),
        "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.1",
        "AIRFLOW__SCHEDULER__ENABLE_HEALTH_CHECK": "False",
        # A task whose process died with the machine or the scheduler is tried again after a minute;
        # Airflow's own five would look like a standstill. Heartbeats come every five seconds.
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "60",
        "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "60",
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "10",
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "30",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    }


def mlflow_backend(home: Path) -> str:
    """The address of MLflow's database."""
    return _driver(databases.address(home, "mlflow"))
