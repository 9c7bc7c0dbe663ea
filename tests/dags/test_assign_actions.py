"""The task `release` of `assign_actions`: an answer is recorded once, and for what was asked."""

import importlib.util
from datetime import date
from types import ModuleType
from typing import Any

import pytest

from tests.dags.conftest import DAGS

DAY = date(2026, 3, 1)
MAIL = {"subject": "action", "subject_id": "mail", "version": "abc"}
WAITING = {"status": "waiting", "questions": [MAIL]}
RELEASED = {"status": "released", "questions": []}
YES = {"chosen_options": ["Approve"], "responded_by_user": {"id": "1", "name": "ann"}}


@pytest.fixture(scope="module")
def dag_file() -> ModuleType:
    spec = importlib.util.spec_from_file_location("assign_file", DAGS / "70_assign_actions.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class _Day:
    """The doors of one day: released as soon as an answer is recorded."""

    def __init__(self, standing: dict[str, Any]) -> None:
        self.standing, self.called = standing, list[str]()

    def call(self, door: Any, **arguments: Any) -> dict[str, Any]:
        self.called.append(door.__name__)
        if door.__name__ == "approve":
            assert self.standing["questions"], "the door refuses an answer that nobody waits for"
            self.standing = RELEASED
        return self.standing


def _release(
    dag_file: ModuleType, monkeypatch: pytest.MonkeyPatch, day: _Day, response: Any = YES
) -> Any:
    from retention_ml.settings import load

    settings = load({"RETENTION_ACTIONS__ENABLED": "true"})
    monkeypatch.setattr(dag_file.doors, "call", day.call)
    monkeypatch.setattr(dag_file.doors, "settings", lambda: settings)
    monkeypatch.setattr(dag_file.approvals, "response_to", lambda _, is_required: response)
    monkeypatch.setattr(dag_file, "as_of", lambda: DAY)
    return dag_file.assign_actions().get_task("release").python_callable(WAITING)


def test_an_answer_is_recorded_and_the_day_released(
    dag_file: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    day = _Day(WAITING)
    assert _release(dag_file, monkeypatch, day) == RELEASED
    assert day.called == ["assign", "approve", "assign"]


def test_killed_after_the_answer_was_recorded_the_task_can_be_repeated(
    dag_file: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    day = _Day(RELEASED)
    assert _release(dag_file, monkeypatch, day) == RELEASED
    assert day.called == ["assign"]


def test_an_answer_counts_only_for_what_the_person_was_asked(
    dag_file: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = {"status": "waiting", "questions": [{**MAIL, "version": "def"}]}
    day = _Day(changed)
    assert _release(dag_file, monkeypatch, day) == changed
    assert day.called == ["assign"]


def test_where_nobody_answered_nothing_is_recorded(
    dag_file: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    day = _Day(WAITING)
    assert _release(dag_file, monkeypatch, day, response=None) == WAITING
    assert day.called == []
