"""Runs that failed and were not made good, as `retention status` names them."""

from datetime import date, datetime
from typing import Any

import pytest

from retention_ml.errors import StackError
from retention_ml.settings import Settings
from retention_ml.stack import components, environment, local
from retention_ml.stack.airflow_api import AirflowApi
from retention_ml.stack.environment import Ports


def _run(dag: str, day: str, hour: int, state: str = "failed") -> dict[str, Any]:
    at = f"2026-03-0{day[-1]}T0{hour}:00:00Z"
    return {
        "dag_id": dag,
        "dag_run_id": f"{dag}-{day}-{hour}",
        "partition_key": day,
        "state": state,
        "run_after": at,
        "end_date": at,
    }


@pytest.fixture
def airflow(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """An Airflow that runs, with the runs in this list."""
    runs: list[dict[str, Any]] = []
    monkeypatch.setattr(environment, "remembered_ports", lambda home: Ports(airflow=1, mlflow=2))
    monkeypatch.setattr(components, "running", lambda settings: {"api-server"})

    def failed(api: AirflowApi, since: datetime, limit: int = 50) -> list[dict[str, Any]]:
        return [run for run in reversed(runs) if run["state"] == "failed"]

    def of_day(api: AirflowApi, dag_id: str, day: date) -> list[dict[str, Any]]:
        return [r for r in runs if (r["dag_id"], r["partition_key"]) == (dag_id, str(day))]

    monkeypatch.setattr(AirflowApi, "failed_runs", failed)
    monkeypatch.setattr(AirflowApi, "runs", of_day)
    return runs


def test_a_failed_run_is_named_once_with_its_day(
    settings: Settings, airflow: list[dict[str, Any]]
) -> None:
    airflow += [_run("score", "2026-03-01", 1), _run("score", "2026-03-01", 2)]
    assert local.failed_runs(settings) == {"score 2026-03-01": "failed 2026-03-01T02:00:00Z"}


def test_a_run_that_was_made_good_is_no_failure(
    settings: Settings, airflow: list[dict[str, Any]]
) -> None:
    airflow += [
        _run("score", "2026-03-01", 1),
        _run("score", "2026-03-01", 2, "success"),
        _run("build", "2026-03-02", 3, "success"),
        _run("build", "2026-03-02", 4),
    ]
    assert list(local.failed_runs(settings)) == ["build 2026-03-02"]


def test_an_airflow_that_does_not_answer_is_said(
    settings: Settings, airflow: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(*_: object, **__: object) -> list[dict[str, Any]]:
        raise StackError("Airflow does not answer.")

    monkeypatch.setattr(AirflowApi, "failed_runs", silent)
    assert local.failed_runs(settings) == {"Airflow": "Airflow does not answer."}


def test_without_an_airflow_of_its_own_nothing_is_asked(settings: Settings) -> None:
    assert local.failed_runs(settings) == {}
