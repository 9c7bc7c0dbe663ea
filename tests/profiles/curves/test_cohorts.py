"""Cohorts: counts by hand, what each share is, and which of them may not be believed."""

from typing import Any

import numpy as np
import pytest

from retention_ml.profiles.curves.cohorts import cohorts, is_left_truncated
from retention_ml.profiles.histories import Histories
from tests.worlds.histories import histories_of, random_purchases


def rows(
    history: Histories, period_days: int = 30, lapsed_days: int = 90
) -> dict[Any, dict[str, Any]]:
    """The rows by cohort (its month in 2024) and period."""
    table = cohorts(history, period_days=period_days, lapsed_days=lapsed_days)
    return {(row["cohort_on"].month, row["period"]): row for row in table.to_pylist()}


def test_counts_are_those_made_by_hand() -> None:
    """a and b begin in January (days 0 and 10), c in February (day 40); the day is 105."""
    history = histories_of({"a": [0, 35, 70], "b": [10, 80, 104], "c": [40]}, 105)
    result = rows(history)
    assert set(result) == {(1, 0), (1, 1), (1, 2), (2, 0), (2, 1)}
    counted = {
        key: (row["customers_count"], row["observed_count"], row["ordered_count"],
              row["ordered_later_count"], row["previous_count"], row["ordered_both_count"],
              row["at_risk_count"], row["is_incomplete"])
        for key, row in result.items()
    }  # fmt: skip
    assert counted == {
        (1, 0): (2, 2, 2, 2, 0, 0, 0, False),
        (1, 1): (2, 2, 1, 2, 2, 1, 2, False),  # a; both later
        (1, 2): (2, 2, 2, 2, 1, 1, 2, False),  # b too, on day 80
        (2, 0): (1, 1, 1, 1, 0, 0, 0, False),
        (2, 1): (1, 1, 0, 0, 1, 0, 1, False),
    }


def test_a_period_that_is_not_over_for_all_is_marked_and_counts_those_for_whom_it_is() -> None:
    history = histories_of({"a": [0], "b": [25]}, 62)
    assert (rows(history)[1, 1]["observed_count"], rows(history)[1, 1]["is_incomplete"]) == (
        1,
        True,
    )
    assert rows(history)[1, 0]["is_incomplete"] is False


def test_a_shop_younger_than_a_period_has_no_rows() -> None:
    assert rows(histories_of({"a": [0], "b": [3]}, 29)) == {}
    assert set(rows(histories_of({"a": [0], "b": [3]}, 30))) == {(1, 0)}


def test_first_orders_soon_after_the_beginning_of_the_data_are_left_truncated() -> None:
    history = histories_of({"a": [0], "b": [89], "c": [90], "d": [200]}, 400)
    assert is_left_truncated(history, 90).tolist() == [True, True, False, False]
    flags = {key[0]: row["is_left_truncated"] for key, row in rows(history).items()}
    assert flags == {1: True, 3: True, 7: False}  # b and c began in March


@pytest.mark.parametrize("seed", range(5))
def test_hazards_multiply_to_the_unbounded_share_and_periods_do_not(seed: int) -> None:
    """On customers observed for all periods; who comes back is lost for ever in the product."""
    purchases = random_purchases(np.random.default_rng(seed), 150, 60)
    returning = {
        name: [*days, *(day + 170 for day in days[::3])] for name, days in purchases.items()
    }
    history = histories_of(returning, 900)
    table = cohorts(history, period_days=30, lapsed_days=90).to_pandas()
    table = table[table.period <= 6].groupby("period").sum(numeric_only=True)
    share = table.ordered_later_count / table.observed_count
    hazard = 1 - (table.ordered_later_count / table.at_risk_count)[1:]
    assert np.prod(1 - hazard) == pytest.approx(share[6])
    every = np.prod((table.ordered_both_count / table.previous_count)[1:])
    ratio = table.ordered_count[6] / table.observed_count[6]
    assert every < ratio <= share[6]


def test_every_order_and_customer_is_counted_once() -> None:
    history = histories_of(random_purchases(np.random.default_rng(3), 80, 500), 500)
    table = cohorts(history, period_days=30, lapsed_days=90).to_pandas()
    first = table[table.period == 0]
    over = history.today - history.first >= 30
    assert first.observed_count.sum() == first.ordered_count.sum() == over.sum()
    pairs = {
        (buyer, (day - history.first[buyer]) // 30)
        for buyer, day in zip(history.buyer.tolist(), history.day.tolist(), strict=True)
    }
    done = [
        (buyer, period)
        for buyer, period in pairs
        if history.first[buyer] + (period + 1) * 30 <= history.today
    ]
    assert table.ordered_count.sum() == len(done)
