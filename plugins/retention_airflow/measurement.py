"""What becomes known on a day, in one process: outcomes, trials, experiments, lists."""

from datetime import date
from typing import Any

from retention_airflow import approvals, doors, ranker_approvals


def measure(day: date) -> list[dict[str, Any]]:
    """The receipts of all doors that need nobody's answer; called within a task.

    What waits for a person is left to the tasks `question` and `question_ranker`; where nothing
    does, they and the tasks that follow the answer are skipped.

    Raises
    ------
    Exception
        The first error, after every other door was called: they do not depend on each other.
    """
    from retention_ml.outcomes.experiment.look import look
    from retention_ml.outcomes.lists.decide_ranker import decide_ranker
    from retention_ml.outcomes.lists.measure_lists import measure_lists
    from retention_ml.outcomes.measure import measure as measure_scores
    from retention_ml.outcomes.trial.decide import decide

    mode = doors.settings().promotion.mode
    is_asked = False

    def scores() -> list[dict[str, Any]]:
        nonlocal is_asked
        measured = doors.call(measure_scores, as_of=day)
        is_asked = approvals.is_needed(measured, mode)
        return [measured] if is_asked else [measured, doors.call(decide, as_of=day)]

    def lists() -> list[dict[str, Any]]:
        return [doors.call(door, as_of=day) for door in (measure_lists, decide_ranker)]

    receipts = doors.each(scores, lambda: [doors.call(look, as_of=day)], lists)
    is_asked_about_ranker = ranker_approvals.is_needed(receipts[-1])
    left = [] if is_asked else ["question", "decide"]
    left += [] if is_asked_about_ranker else ["question_ranker", "decide_ranker"]
    return doors.go_on_without(*left, result=receipts) if left else receipts
