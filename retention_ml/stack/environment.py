"""The environment of every process of the local stack, and what the stack listens on."""

import json
import os
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from retention_ml import atomic_files
from retention_ml.settings import PROJECT, Settings
from retention_ml.stack import databases, keys, mlflow_login
from retention_ml.stack.postgres import free_port, is_free
from retention_ml.stack.processes import MARKER

ROLES = {"admin": "admin", "engineer": "op", "approver": "user", "viewer": "viewer"}
"""The logins of Airflow's page with their role: a viewer reads; an approver also starts runs and
answers questions; an engineer also changes connections and pools, and answers none."""

_PREFERRED = {"airflow": 8080, "mlflow": 5000}
_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "USER", "LD_LIBRARY_PATH")

# No module of ours: a task shall run the code and the settings of the moment it starts.
_IMPORTED_BEFORE_TASKS = (
    "airflow.executors.local_executor", "airflow.dag_processing.dagbag",
    "airflow.sdk.execution_time.supervisor",
    "airflow.sdk.execution_time.task_runner", "ibis", "sqlalchemy", "adbc_driver_postgresql.dbapi",
    "duckdb", "pydantic_settings", "lightgbm", "sklearn.ensemble", "numba", "great_expectations",
    "mlflow.tracking", "pyarrow.dataset", "pyarrow.parquet", "pgpq", "jinja2",
    "matplotlib.figure", "matplotlib.backends.backend_agg",
    # What numba imports when the first compiled loop is called.
    "numba.np.npyimpl", "numba.np.linalg", "numba.np.arraymath", "numba.np.unsafe.ndarray",
    "numba.np.random.generator_methods", "numba.np.polynomial.polynomial_functions",
    "numba.np.types.datetime_registry", "numba.cpython.unicode", "numba.cpython.heapq",
    "numba.cpython.randomimpl", "numba.typed.typeddict", "numba.typed.typedlist",
    "numba.typed.typedset", "numba.experimental.jitclass.base", "numba.misc.cffiimpl",
    "numba.misc.gdb_hook", "cffi.api",
    # What Ibis imports when the first expression is compiled.
    "ibis.backends.duckdb", "ibis.backends.postgres",
)  # fmt: skip


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


def ports(home: Path, running: Collection[str] = ()) -> Ports:
    """The remembered ports; new ones for those that somebody else has taken meanwhile.

    Parameters
    ----------
    home : Path
        The home whose `run/ports.json` remembers them.
    running : collection of str
        Which of "airflow" and "mlflow" run, so that their ports are theirs.
    """
    remembered = remembered_ports(home)
    chosen = {}
    for name, preferred in _PREFERRED.items():
        port = getattr(remembered, name, None)
        if port is None or not (name in running or is_free(port)):
            port = preferred if is_free(preferred) else free_port()
        chosen[name] = port
    if Ports(**chosen) != remembered:
        atomic_files.write_text(_ports_file(home), json.dumps(chosen))
    return Ports(**chosen)


def remembered_ports(home: Path) -> Ports | None:
    """The ports of the last start, None if there was none."""
    try:
        return Ports(**json.loads(_ports_file(home).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _ports_file(home: Path) -> Path:
    return home / "run" / "ports.json"


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
    bin_folder = Path(sys.executable).parent
    return inherited_variables | {
        "PATH": f"{bin_folder}{os.pathsep}{inherited_variables.get('PATH', os.defpath)}",
        "PYTHONPATH": str(PROJECT / "plugins"),
        "PYTHONUNBUFFERED": "1",
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
        "OMP_WAIT_POLICY": "PASSIVE",
        "OMP_NUM_THREADS": str(settings.compute.threads),
        "GX_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "true",
        "GIT_PYTHON_REFRESH": "quiet",
        "RETENTION_HOME": str(home),
        "RETENTION_SOURCES": str(settings.sources),
        "RETENTION_EXPECTATIONS": str(settings.expectations),
        "RETENTION_ACTIONS_FOLDER": str(settings.actions_folder),
        "MLFLOW_TRACKING_URI": settings.tracking_uri or at.mlflow_url,
        **mlflow_login.client_variables(settings),
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
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(
            f"{login}:{role}" for login, role in ROLES.items()
        ),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(airflow_home / "passwords.json"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": databases.address(
            home, "airflow", driver="psycopg2"
        ),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC": databases.address(
            home, "airflow", driver="asyncpg"
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
        # Tasks are forked from a process that has imported what nearly all of them need.
        "AIRFLOW__SCHEDULER__MP_START_METHOD": "forkserver",
        "AIRFLOW__CORE__MP_FORKSERVER_PRELOAD": ",".join(_IMPORTED_BEFORE_TASKS),
        "AIRFLOW__SCHEDULER__ENABLE_HEALTH_CHECK": "False",
        # Whether a task's process has ended is looked at between heartbeats: every five seconds, a
        # task would often hold its place for so long after its end.
        "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
        # A task whose process died with the machine or the scheduler is tried again after a minute;
        # Airflow's own five would look like a standstill.
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "60",
        "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "60",
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "10",
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "60",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        **pushed_metrics(settings),
    }


def metrics_url(settings: Settings) -> str:
    """The address of `retention metrics serve`, from this machine."""
    return _url(settings.metrics.host, settings.metrics.port)


def live_url(settings: Settings) -> str:
    """The address of `retention serve`, from this machine."""
    return _url(settings.live.host, settings.live.port)


def _url(host: str, port: int) -> str:
    is_any = host == "0.0.0.0"  # noqa: S104  (it is not bound to here)
    return f"http://{'127.0.0.1' if is_any else host}:{port}"


def pushed_metrics(settings: Settings) -> dict[str, str]:
    """What makes Airflow push its own figures to `retention metrics serve`; empty if that is off."""
    if not settings.metrics.enabled:
        return {}
    return {
        "AIRFLOW__METRICS__OTEL_ON": "True",
        # Names that hold a DAG's and a task's: a family for each, beside the labels.
        "AIRFLOW__METRICS__LEGACY_NAMES_ON": "False",
        "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": f"{metrics_url(settings)}/v1/metrics",
        "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL": "http/protobuf",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        # Seconds. Each task pushes once more as it ends: by default it tries for ten if nobody answers.
        "OTEL_EXPORTER_OTLP_METRICS_TIMEOUT": "2",
        "OTEL_METRIC_EXPORT_INTERVAL": str(1_000 * settings.metrics.push_seconds),
    }
