"""The parts of the local stack besides Postgres: how each is started and how it is asked."""

import json
import sys
import urllib.request
from datetime import datetime
from typing import Any

from retention_ml.settings import Settings
from retention_ml.stack import environment
from retention_ml.stack.environment import Ports
from retention_ml.stack.processes import Component

AIRFLOW = ("api-server", "scheduler", "dag-processor", "triggerer")
NAMES = ("mlflow", *AIRFLOW)
_HEARTBEATS = {
    "scheduler": ("scheduler", "latest_scheduler_heartbeat"),
    "dag-processor": ("dag_processor", "latest_dag_processor_heartbeat"),
    "triggerer": ("triggerer", "latest_triggerer_heartbeat"),
}


def component(settings: Settings, name: str) -> Component:
    """A part that can be looked at and stopped, but not started."""
    return Component(
        name=name,
        command=(),
        environment={},
        run_folder=settings.home / "run",
        log_folder=settings.home / "logs",
    )


def startable(settings: Settings, name: str, at: Ports) -> Component:
    """A part that can also be started."""
    return Component(
        name=name,
        command=_command(settings, name, at),
        environment=_environment(settings, name, at),
        run_folder=settings.home / "run",
        log_folder=settings.home / "logs",
    )


def _environment(settings: Settings, name: str, at: Ports) -> dict[str, str]:
    variables = environment.build(settings, at)
    if name == "mlflow":
        # Not among the arguments, which every user of the machine can read.
        variables["MLFLOW_BACKEND_STORE_URI"] = environment.mlflow_backend(settings.home)
    return variables


def _command(settings: Settings, name: str, at: Ports) -> tuple[str, ...]:
    if name == "mlflow":
        return (
            sys.executable, "-m", "mlflow", "server",
            "--host", "127.0.0.1", "--port", str(at.mlflow), "--workers", "1",
            "--artifacts-destination", str(settings.home / "mlflow" / "artifacts"),
        )  # fmt: skip
    options = {"scheduler": ("--skip-serve-logs",), "triggerer": ("--skip-serve-logs",)}
    return (sys.executable, "-m", "airflow", name, *options.get(name, ()))


def healthy(settings: Settings, at: Ports) -> set[str]:
    """The names of the parts that run and answer; a heartbeat from before the start is none."""
    alive = {name for name in NAMES if component(settings, name).pid() is not None}
    answering = {"mlflow"} if mlflow_answers(at) else set()
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
    try:
        with _open(f"{at.mlflow_url}/health") as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _open(url: str) -> Any:
    # The loopback address is never behind a proxy.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    return opener.open(url, timeout=5)
