"""Curves until the next order and until a lapse: what is censored when."""

from typing import Any

import pytest

from retention_ml.profiles.curves import survival_curves as module
from retention_ml.profiles.curves.survival_curves import survival_curves
from retention_ml.profiles.histories import Histories
from tests.worlds.histories import histories_of


@pytest.fixture(autouse=True)
def every_step_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AT_RISK_MIN", 1)


def steps(history: Histories, curve: str, population: str = "all") -> list[tuple[Any, ...]]:
    rows = survival_curves(history, lapsed_days=90).to_pylist()
    return [
        (row["day"], row["at_risk_count"], row["events_count"], round(row["survival_share"], 3))
        for row in rows
        if (row["curve"], row["population"]) == (curve, population)
    ]


def test_the_second_order_is_awaited_from_the_first_and_censored_at_the_day() -> None:
    history = histories_of({"a": [0, 10], "b": [5], "c": [40, 45, 60], "d": [99]}, 100)
    assert steps(history, "second_order") == [(0, 4, 0, 1.0), (5, 3, 1, 0.667), (10, 2, 1, 0.333)]
    assert steps(history, "third_order") == [(0, 2, 0, 1.0), (15, 2, 1, 0.5)]
    assert steps(history, "fourth_order") == [(0, 1, 0, 1.0)]


def test_a_lapse_is_the_first_one_and_begins_after_so_many_silent_days() -> None:
    history = histories_of({"a": [0, 50, 200], "b": [0], "c": [230]}, 240)
    # a: silent from day 50 on, lapsed on day 141; b on day 91; c not yet.
    assert steps(history, "lapse") == [(0, 3, 0, 1.0), (91, 2, 1, 0.5), (141, 1, 1, 0.0)]


def test_those_who_may_have_ordered_before_are_left_out_of_one_population() -> None:
    history = histories_of({"a": [0, 10], "b": [100, 130], "c": [150]}, 300)
    assert steps(history, "second_order", "observed_from_first") == [
        (0, 2, 0, 1.0),
        (30, 2, 1, 0.5),
    ]
    assert steps(history, "second_order")[0][1] == 3


def test_a_step_with_hardly_anybody_at_risk_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AT_RISK_MIN", 3)
    history = histories_of({"a": [0, 10], "b": [0, 20], "c": [0, 30]}, 100)
    assert [day for day, *_ in steps(history, "second_order")] == [0, 10]


def test_the_median_stands_in_every_row_and_is_empty_where_there_is_none() -> None:
    history = histories_of({"a": [0, 10], "b": [0, 20], "c": [0]}, 100)
    rows = survival_curves(history, lapsed_days=90).to_pylist()
    medians = {row["curve"]: row["median_days"] for row in rows if row["population"] == "all"}
    assert medians == {"second_order": 20.0, "third_order": None, "lapse": None}
