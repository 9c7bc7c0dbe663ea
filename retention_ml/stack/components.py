"""The parts of the local stack besides Postgres: how each is started and how it is asked."""

import json
import sys
import urllib.request
from datetime import datetime
from pathlib import Path
from typing import Any

from retention_ml.settings import Settings
from retention_ml.stack import databases, environment, mlflow_login
from retention_ml.stack.environment import Ports
from retention_ml.stack.processes import Component

AIRFLOW = ("api-server", "scheduler", "dag-processor", "triggerer")
NAMES = ("mlflow", *AIRFLOW)
METRICS = "metrics"
LIVE = "live"
OPTIONAL = (METRICS, LIVE)
DRIVING = ("scheduler", "dag-processor")  # without either, no day runs
_HEARTBEATS = {
    "scheduler": ("scheduler", "latest_scheduler_heartbeat"),
    "dag-processor": ("dag_processor", "latest_dag_processor_heartbeat"),
    "triggerer": ("triggerer", "latest_triggerer_heartbeat"),
}


def names(settings: Settings) -> tuple[str, ...]:
    """The parts that `up` starts."""
    enabled = {METRICS: settings.metrics.enabled, LIVE: settings.live.enabled}
    return (*NAMES, *(name for name in OPTIONAL if enabled[name]))


def component(settings: Settings, name: str, at: Ports | None = None) -> Component:
    """A part that can be looked at and stopped; given the stack's ports, also started."""
    variables = environment.build(settings, at) if at else {}
    if at and name == "mlflow":
        # Not among the arguments, which every user of the machine can read.
        store = databases.address(settings.home, "mlflow", driver="psycopg2")
        variables["MLFLOW_BACKEND_STORE_URI"] = store
        variables |= mlflow_login.server_variables(settings)
    return Component(
        name=name,
        command=_command(settings, name, at) if at else (),
        environment=variables,
        run_folder=settings.home / "run",
        log_folder=settings.home / "logs",
    )


def _command(settings: Settings, name: str, at: Ports) -> tuple[str, ...]:
    if name == "mlflow":
        return (
            sys.executable, "-m", "mlflow", "server",
            "--host", "127.0.0.1", "--port", str(at.mlflow), "--workers", "1",
            "--artifacts-destination", str(settings.home / "mlflow" / "artifacts"),
            *mlflow_login.server_arguments(settings),
        )  # fmt: skip
    if name in OPTIONAL:
        words = {METRICS: ("--verbose", "metrics", "serve"), LIVE: ("serve",)}
        return (str(Path(sys.executable).with_name("retention")), *words[name])
    options = ("--skip-serve-logs",) if name in ("scheduler", "triggerer") else ()
    return (sys.executable, "-m", "airflow", name, *options)


def running(settings: Settings) -> set[str]:
    """The names of the parts whose process runs."""
    every = (*NAMES, *OPTIONAL)
    return {name for name in every if component(settings, name).pid() is not None}


def healthy(settings: Settings, at: Ports) -> set[str]:
    """The names of the parts that run and answer; a heartbeat from before the start is none.

    None is without Postgres: MLflow and Airflow's page answer then too, and can do nothing.
    """
    if not databases.server(settings.home).is_running():
        return set()
    alive = running(settings)
    answering = {"mlflow"} if mlflow_answers(at) else set()
    if settings.metrics.enabled and answers(f"{environment.metrics_url(settings)}/health"):
        answering.add(METRICS)
    if settings.live.enabled and answers(f"{environment.live_url(settings)}/health"):
        answering.add(LIVE)
    try:
        with _open(f"{at.airflow_url}/api/v2/monitor/health") as answer:
            report: dict[str, dict[str, Any]] = json.load(answer)
    except (OSError, ValueError):
        return alive & answering
    answering.add("api-server")
    for name, (key, heartbeat) in _HEARTBEATS.items():
        state = report.get(key) or {}
        started = component(settings, name).started_at()
        beat = state.get(heartbeat)
        if (
            state.get("status") == "healthy"
            and beat
            and started is not None
            and datetime.fromisoformat(beat).timestamp() > started
        ):
            answering.add(name)
    return alive & answering


def mlflow_answers(at: Ports) -> bool:
    """Whether MLflow answers."""
    return answers(f"{at.mlflow_url}/health")


def answers(url: str) -> bool:
    """Whether what is at an address of this machine answers with 200."""
    try:
        with _open(url) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _open(url: str) -> Any:
    # The loopback address is never behind a proxy.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    return opener.open(url, timeout=5)
