"""The process that tasks are forked from starts with the scheduler, and nowhere else."""

import multiprocessing
from multiprocessing import forkserver
from typing import Any

import pytest
from retention_airflow.runs import warm_up


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    calls: list[bool] = []
    monkeypatch.setattr(forkserver, "ensure_running", lambda: calls.append(True))
    return calls


@pytest.mark.parametrize(
    ("method", "parent", "starts"),
    [("forkserver", None, 1), ("forkserver", "a worker", 0), ("fork", None, 0), (None, None, 0)],
    ids=["scheduler", "task", "executor that forks", "triggerer"],
)
def test_it_starts_where_tasks_will_be_forked_from_it(
    method: str | None,
    parent: Any,
    starts: int,
    started: list[bool],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(multiprocessing, "get_start_method", lambda allow_none: method)
    monkeypatch.setattr(multiprocessing, "parent_process", lambda: parent)
    warm_up.on_starting()
    assert len(started) == starts
