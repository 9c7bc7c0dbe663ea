"""What becomes known on a day, in one process: outcomes, trials, experiments, lists."""

from collections.abc import Callable
from datetime import date
from typing import Any

from retention_airflow import approvals, doors, ranker_approvals
from retention_ml.receipts import DoorReceipt

Door = Callable[..., DoorReceipt]


def measure(
    day: date, *, scores: tuple[Door, Door], experiments: Door, lists: tuple[Door, Door]
) -> list[dict[str, Any]]:
    """The receipts of all doors that need nobody's answer; called within a task.

    What waits for a person is left to the tasks `question` and `question_ranker`; where nothing
    does, they and the tasks that follow the answer are skipped.

    Parameters
    ----------
    day : date
    scores, lists : tuple of doors
        What measures the published scores, or lists, and what decides the trial of their models.
    experiments : door
        What reads the open experiments.

    Raises
    ------
    Exception
        The first error, after every other door was called: they do not depend on each other.
    """
    mode = doors.settings().promotion.mode
    is_asked = False

    def compare_scores() -> list[dict[str, Any]]:
        nonlocal is_asked
        measured = doors.call(scores[0], as_of=day)
        is_asked = approvals.is_needed(measured, mode)
        return [measured] if is_asked else [measured, doors.call(scores[1], as_of=day)]

    def compare_lists() -> list[dict[str, Any]]:
        return [doors.call(door, as_of=day) for door in lists]

    receipts = doors.each(
        compare_scores, lambda: [doors.call(experiments, as_of=day)], compare_lists
    )
    is_asked_about_ranker = ranker_approvals.is_needed(receipts[-1])
    left = [] if is_asked else ["question", "decide"]
    left += [] if is_asked_about_ranker else ["question_ranker", "decide_ranker"]
    return doors.go_on_without(*left, result=receipts) if left else receipts
