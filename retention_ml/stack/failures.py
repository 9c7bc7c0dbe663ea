"""Runs of the local Airflow that failed and were not made good."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from retention_ml import clock
from retention_ml.errors import StackError
from retention_ml.settings import Settings
from retention_ml.stack import components, environment, keys
from retention_ml.stack.airflow_api import AirflowApi


def failed_runs(settings: Settings, *, days: int = 7) -> dict[str, str]:
    """Runs that failed in the last days and were not made good since, newest first.

    By DAG and day, with the time of the failure; empty where Airflow does not run here. Where it
    does not answer, that is said instead.
    """
    at = environment.remembered_ports(settings.home)
    if at is None or "api-server" not in components.running(settings):
        return {}
    api = AirflowApi(at.airflow_url, "admin", keys.load(settings.home)["airflow_admin"])
    shown: dict[str, str] = {}
    try:
        for run in api.failed_runs(clock.now() - timedelta(days=days)):
            day = run.get("partition_key")
            name = f"{run['dag_id']} {day or run['dag_run_id']}"
            if name not in shown and not (day and _is_made_good(api, run, str(day))):
                shown[name] = f"failed {run.get('end_date') or run['run_after']}"
    except StackError as error:
        return {"Airflow": str(error)}
    return shown


def _is_made_good(api: AirflowApi, failed: Mapping[str, Any], day: str) -> bool:
    """Whether a later run of the DAG for the day succeeded."""
    return any(
        run["state"] == "success" and str(run["run_after"]) > str(failed["run_after"])
        for run in api.runs(str(failed["dag_id"]), date.fromisoformat(day))
    )
