"""The days of a training."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retention_ml.labels.cutoffs import Plan, days_needed, newest_matured, plan
from retention_ml.labels.definition import ChurnDefinition

DEFINITION = ChurnDefinition(active_days=90, lead_days=0, horizon_days=28)
FIRST = date(2024, 1, 1)


def _matured(found: Plan, definition: ChurnDefinition = DEFINITION, embargo: int = 0) -> list[date]:
    """The days learnt from whose windows close before the first day judged on."""
    known = min(found.evaluation) - timedelta(days=embargo)
    return [day for day in found.training if definition.window(day)[1] <= known]


def test_a_window_that_has_not_settled_does_not_count() -> None:
    as_of = date(2024, 6, 1)
    newest = newest_matured(DEFINITION, as_of=as_of, settle_days=3, data_ends_on=as_of)
    assert newest == date(2024, 5, 1)
    assert DEFINITION.window(newest)[1] + timedelta(days=3) == as_of


def test_a_window_beyond_the_last_order_does_not_count() -> None:
    newest = newest_matured(
        DEFINITION, as_of=date(2024, 9, 1), settle_days=1, data_ends_on=date(2024, 6, 1)
    )
    assert DEFINITION.window(newest)[1] == date(2024, 6, 1)


def test_the_windows_learnt_from_close_before_the_first_day_judged_on() -> None:
    found = plan(
        DEFINITION,
        newest=date(2024, 12, 1),
        data_begins_on=FIRST,
        cutoff_count=6,
        cutoff_every_days=14,
        evaluation_count=2,
        embargo_days=5,
    )
    assert found is not None
    assert found.evaluation == (date(2024, 11, 17), date(2024, 12, 1))
    # Six whose windows close, and one of which 23 of 28 days are known before the embargo.
    assert len(found.training) == 7
    assert found.training[-2:] == (date(2024, 10, 6), date(2024, 10, 20))
    # Six matured ones, and one of which 14 days are known.
    assert len(found.final) == 7
    assert found.final[-2:] == (date(2024, 12, 1), date(2024, 12, 15))
    assert found.notes == ()


def test_a_short_history_gives_fewer_days_and_says_so() -> None:
    found = plan(
        DEFINITION,
        newest=FIRST + timedelta(days=30 + 28 + 28),
        data_begins_on=FIRST,
        cutoff_count=6,
        cutoff_every_days=14,
        evaluation_count=2,
        embargo_days=0,
    )
    assert found is not None
    assert len(_matured(found)) == 2
    assert len(found.evaluation) == 2
    assert found.notes == ("2 instead of 6 days to learn from: the history is short",)


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
def test_what_is_said_to_be_needed_is_exactly_what_gives_a_plan(every: int, embargo: int) -> None:
    needed = days_needed(DEFINITION, cutoff_every_days=every, embargo_days=embargo)

    def planned(days: int) -> bool:
        found = plan(
            DEFINITION,
            newest=FIRST + timedelta(days=days - 28),
            data_begins_on=FIRST,
            cutoff_count=6,
            cutoff_every_days=every,
            evaluation_count=2,
            embargo_days=embargo,
        )
        return found is not None

    assert planned(needed)
    assert not planned(needed - 1)


@given(
    history=st.integers(0, 900),
    horizon=st.integers(1, 120),
    lead=st.integers(0, 30),
    embargo=st.integers(0, 40),
    every=st.integers(1, 60),
    learnt=st.integers(1, 12),
    judged=st.integers(1, 6),
)
def test_no_outcome_learnt_from_reaches_into_the_days_judged_on(
    history: int, horizon: int, lead: int, embargo: int, every: int, learnt: int, judged: int
) -> None:
    definition = ChurnDefinition(active_days=60, lead_days=lead, horizon_days=horizon)
    newest = FIRST + timedelta(days=history)
    found = plan(
        definition,
        newest=newest,
        data_begins_on=FIRST,
        cutoff_count=learnt,
        cutoff_every_days=every,
        evaluation_count=judged,
        embargo_days=embargo,
    )
    if found is None:
        return
    known = min(found.evaluation) - timedelta(days=embargo)
    enough = timedelta(days=definition.shortest_days)
    assert max(found.training) + enough <= known
    assert max(found.final) + enough <= definition.window(newest)[1]
    assert min(found.days) >= FIRST + timedelta(days=definition.history_days)
    assert max(found.evaluation) == newest
    assert newest in found.final
    assert 1 <= len(_matured(found, definition, embargo)) <= learnt
    assert 1 <= len(found.evaluation) <= judged


def test_a_negative_control_that_ignores_the_horizon_is_caught() -> None:
    newest = date(2024, 12, 1)
    naive_training = newest - timedelta(days=14)
    with pytest.raises(AssertionError):
        assert DEFINITION.window(naive_training)[1] <= newest
