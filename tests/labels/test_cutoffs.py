"""The days of a training."""

from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retention_ml.clock import day_number
from retention_ml.labels.cutoffs import Plan, days_needed, plan
from retention_ml.labels.definition import ChurnDefinition
from retention_ml.labels.maturity import Feed, newest_known
from retention_ml.settings import Settings

DEFINITION = ChurnDefinition(active_days=90, lead_days=0, horizon_days=28)
FIRST = date(2024, 1, 1)


def _matured(
    training_plan: Plan, definition: ChurnDefinition = DEFINITION, embargo: int = 0
) -> list[date]:
    """The training days whose windows close before the first evaluation day."""
    evaluation_start = min(training_plan.evaluation) - timedelta(days=embargo)
    return [day for day in training_plan.training if definition.window(day)[1] <= evaluation_start]


def _newest(as_of: date, *, settle_days: int, data_ends_on: date) -> date:
    settings = Settings(
        churn={"active_days": 90, "lead_days": 0, "horizon_days": 28, "settle_days": settle_days}
    )
    last = day_number(data_ends_on) - 1
    coverage = Feed(order_days=np.array([last - 100, last]), orders_count=2, guests_count=0)
    return newest_known(coverage, settings, as_of)


def test_a_window_that_has_not_settled_does_not_count() -> None:
    as_of = date(2024, 6, 1)
    newest = _newest(as_of, settle_days=3, data_ends_on=as_of)
    assert newest == date(2024, 5, 1)
    assert DEFINITION.window(newest)[1] + timedelta(days=3) == as_of


def test_a_window_beyond_the_last_order_does_not_count() -> None:
    newest = _newest(date(2024, 9, 1), settle_days=1, data_ends_on=date(2024, 6, 1))
    assert DEFINITION.window(newest)[1] == date(2024, 6, 1)


def test_the_windows_trained_on_close_before_the_first_evaluation_day() -> None:
    training_plan = plan(
        DEFINITION,
        newest=date(2024, 12, 1),
        data_begins_on=FIRST,
        cutoff_count=6,
        cutoff_every_days=14,
        evaluation_count=2,
        embargo_days=5,
    )
    assert training_plan is not None
    assert training_plan.evaluation == (date(2024, 11, 17), date(2024, 12, 1))
    # Six whose windows close, and one of which 23 of 28 days are known before the embargo.
    assert len(training_plan.training) == 7
    assert training_plan.training[-2:] == (date(2024, 10, 6), date(2024, 10, 20))
    # Six matured ones, and one of which 14 days are known.
    assert len(training_plan.final) == 7
    assert training_plan.final[-2:] == (date(2024, 12, 1), date(2024, 12, 15))
    assert training_plan.notes == ()


def test_a_short_history_gives_fewer_days_and_says_so() -> None:
    training_plan = plan(
        DEFINITION,
        newest=FIRST + timedelta(days=30 + 28 + 28),
        data_begins_on=FIRST,
        cutoff_count=6,
        cutoff_every_days=14,
        evaluation_count=2,
        embargo_days=0,
    )
    assert training_plan is not None
    assert len(_matured(training_plan)) == 2
    assert len(training_plan.evaluation) == 2
    assert training_plan.notes == ("2 instead of 6 training days: the history is short",)


def test_a_history_one_day_too_short_gives_no_plan() -> None:
    enough = FIRST + timedelta(days=30 + 28)
    common = {
        "data_begins_on": FIRST,
        "cutoff_count": 6,
        "cutoff_every_days": 14,
        "evaluation_count": 2,
        "embargo_days": 0,
    }
    shortest = plan(DEFINITION, newest=enough, **common)  # type: ignore[arg-type]
    assert shortest is not None
    assert (len(_matured(shortest)), len(shortest.evaluation)) == (1, 1)
    assert plan(DEFINITION, newest=enough - timedelta(days=1), **common) is None  # type: ignore[arg-type]
    needed = days_needed(DEFINITION, cutoff_every_days=14, embargo_days=0)
    assert FIRST + timedelta(days=needed) == enough + timedelta(days=28)


@pytest.mark.parametrize("every", [1, 7, 13, 30])
@pytest.mark.parametrize("embargo", [0, 5])
def test_the_days_needed_are_exactly_those_that_give_a_plan(every: int, embargo: int) -> None:
    needed = days_needed(DEFINITION, cutoff_every_days=every, embargo_days=embargo)

    def planned(days: int) -> bool:
        training_plan = plan(
            DEFINITION,
            newest=FIRST + timedelta(days=days - 28),
            data_begins_on=FIRST,
            cutoff_count=6,
            cutoff_every_days=every,
            evaluation_count=2,
            embargo_days=embargo,
        )
        return training_plan is not None

    assert planned(needed)
    assert not planned(needed - 1)


@given(
    history=st.integers(0, 900),
    horizon=st.integers(1, 120),
    lead=st.integers(0, 30),
    embargo=st.integers(0, 40),
    every=st.integers(1, 60),
    cutoff_count=st.integers(1, 12),
    evaluation_count=st.integers(1, 6),
)
def test_no_outcome_of_the_training_reaches_into_the_evaluation_days(
    history: int,
    horizon: int,
    lead: int,
    embargo: int,
    every: int,
    cutoff_count: int,
    evaluation_count: int,
) -> None:
    definition = ChurnDefinition(active_days=60, lead_days=lead, horizon_days=horizon)
    newest = FIRST + timedelta(days=history)
    training_plan = plan(
        definition,
        newest=newest,
        data_begins_on=FIRST,
        cutoff_count=cutoff_count,
        cutoff_every_days=every,
        evaluation_count=evaluation_count,
        embargo_days=embargo,
    )
    if training_plan is None:
        return
    evaluation_start = min(training_plan.evaluation) - timedelta(days=embargo)
    enough = timedelta(days=definition.shortest_days)
    assert max(training_plan.training) + enough <= evaluation_start
    assert max(training_plan.final) + enough <= definition.window(newest)[1]
    assert min(training_plan.days) >= FIRST + timedelta(days=definition.history_days)
    assert max(training_plan.evaluation) == newest
    assert newest in training_plan.final
    assert 1 <= len(_matured(training_plan, definition, embargo)) <= cutoff_count
    assert 1 <= len(training_plan.evaluation) <= evaluation_count


def test_a_negative_control_that_ignores_the_horizon_is_caught() -> None:
    newest = date(2024, 12, 1)
    naive_training = newest - timedelta(days=14)
    with pytest.raises(AssertionError):
        assert DEFINITION.window(naive_training)[1] <= newest
