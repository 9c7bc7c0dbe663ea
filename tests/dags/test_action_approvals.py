"""The question before the actions of a day are sent, and what each answer means."""

from datetime import UTC, datetime
from typing import Any

from retention_airflow import action_approvals

ASSIGNED: dict[str, Any] = {
    "as_of": "2026-03-01",
    "status": "waiting",
    "questions": [{"subject": "action", "subject_id": "mail", "version": "abcdef0123456789"}],
    "actions": {"none": 900, "mail": 40},
    "contacts_count": 40,
    "holdout_count": 100,
    "explored_count": 60,
    "cost_cents": 80.0,
    "budget_cents": 100.0,
}
ANN = {"id": "1", "name": "ann"}


def test_a_day_that_waits_is_asked_about() -> None:
    assert action_approvals.is_needed(ASSIGNED)
    assert not action_approvals.is_needed({**ASSIGNED, "status": "shadow"})
    assert not action_approvals.is_needed({**ASSIGNED, "questions": []})


def test_the_question_says_how_many_get_what_and_what_one_agrees_to() -> None:
    asked = action_approvals.question(ASSIGNED)
    assert asked["subject"] == "Send the actions of 2026-03-01 to 40 customers?"
    for words in ("action `mail`", "| mail | 40 |", "80%", "100 customers"):
        assert words in asked["body"]
    assert "none" not in asked["body"]


def test_only_a_persons_answer_counts() -> None:
    assert action_approvals.answer(None) is None
    silent = {"chosen_options": ["Reject"], "responded_by_user": None}
    assert action_approvals.answer(silent) is None
    at = datetime(2026, 3, 1, 8, tzinfo=UTC)
    answered = {"responded_by_user": ANN, "responded_at": at.isoformat()}
    yes = {**answered, "chosen_options": ["Approve"], "params_input": {"why": "ok"}}
    assert action_approvals.answer(yes) == {
        "by": "ann", "answered_at": at, "reason": "ok", "is_rejected": False,
    }  # fmt: skip
    no = {**answered, "chosen_options": ["Reject"], "params_input": {}}
    assert action_approvals.answer(no) == {
        "by": "ann", "answered_at": at, "reason": "", "is_rejected": True,
    }  # fmt: skip


def test_what_has_nothing_to_do_after_the_assignment_is_not_started() -> None:
    waiting = {"status": "waiting", "questions": [{"subject": "action"}]}
    decided = {"status": "released", "questions": []}
    assert action_approvals.left_out(waiting, is_enabled=True) == []
    assert action_approvals.left_out(decided, is_enabled=True) == ["question"]
    assert action_approvals.left_out(decided, is_enabled=False) == ["question", "release"]
