"""Cells follow from the day alone, and a customer is in one of them."""

from collections import Counter
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retention_ml.aggregates.kinds import (
    COHORTS_COUNT,
    CUSTOMER_CELLS_MAX,
    TIERS,
    Cell,
    Kind,
    cells,
    counts_of,
    period_of,
)

DAYS = st.dates(date(2020, 1, 1), date(2040, 1, 1))
MONTHS = st.none() | DAYS.map(lambda day: day.replace(day=1))
CUSTOMERS = st.lists(st.builds(Cell, cohort_on=MONTHS, risk_tier=st.sampled_from(TIERS)))


def test_a_week_has_a_cell_a_tier_and_a_month_twelve_cohorts_and_the_earlier_ones() -> None:
    assert [cell.risk_tier for cell in cells(Kind.RISK_TIERS, date(2026, 3, 2))] == list(TIERS)
    months = {cell.cohort_on for cell in cells(Kind.COHORTS, date(2026, 3, 1))}
    assert len(months) == COHORTS_COUNT + 1
    assert months - {None} == {
        *(date(2025, month, 1) for month in range(3, 13)),
        date(2026, 1, 1),
        date(2026, 2, 1),
    }


def test_the_newest_cohort_is_that_of_the_last_day_whose_orders_are_known() -> None:
    assert cells(Kind.COHORTS, date(2026, 3, 1))[0].cohort_on == date(2026, 2, 1)
    assert cells(Kind.COHORTS, date(2026, 3, 2))[0].cohort_on == date(2026, 3, 1)


def test_who_came_before_the_first_cohort_or_at_an_unknown_time_counts_with_the_earlier_ones() -> (
    None
):
    customers = {Cell(cohort_on=date(2019, 1, 1), risk_tier="low"): 3, Cell(risk_tier="low"): 4}
    day = date(2026, 3, 1)
    by_cell = dict(
        zip(cells(Kind.COHORTS, day), counts_of(Kind.COHORTS, day, customers), strict=True)
    )
    assert by_cell[Cell(risk_tier="low")] == 7
    assert sum(by_cell.values()) == 7


@pytest.mark.parametrize("kind", Kind)
@given(day=DAYS, shop=CUSTOMERS, cohort=MONTHS, tier=st.sampled_from(TIERS))
@settings(max_examples=60, deadline=None)
def test_a_further_customer_changes_one_count_by_one(
    kind: Kind, day: date, shop: list[Cell], cohort: date | None, tier: str
) -> None:
    further = Cell(cohort_on=cohort, risk_tier=tier)
    if kind is Kind.RISK_TIERS:
        shop = [Cell(risk_tier=cell.risk_tier) for cell in shop]
        further = Cell(risk_tier=tier)
    before = counts_of(kind, day, Counter(shop))
    after = counts_of(kind, day, Counter([*shop, further]))
    assert sum(before) == len(shop)
    assert sum(abs(b - a) for a, b in zip(before, after, strict=True)) == CUSTOMER_CELLS_MAX


@given(day=DAYS)
@settings(max_examples=60, deadline=None)
def test_a_month_has_at_most_five_weeks_that_begin_in_it(day: date) -> None:
    first = day.replace(day=1)
    mondays = {period_of(Kind.RISK_TIERS, first + timedelta(days=n)) for n in range(31)}
    assert sum(each.month == first.month for each in mondays) in (4, 5)
    assert period_of(Kind.COHORTS, day) == first
