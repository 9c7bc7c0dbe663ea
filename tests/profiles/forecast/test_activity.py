"""Rows of the days ahead, from histories, and the sentences where there are none."""

import numpy as np
import pytest

from retention_ml.profiles.forecast.activity import Activity, activity_ahead
from retention_ml.profiles.forecast.series import daily_series
from retention_ml.profiles.histories import Histories
from tests.worlds.histories import histories_of


def shop(days: int, *, since: int = 0, hole: range = range(0)) -> Histories:
    """Three customers, each on every third day."""
    return histories_of(
        {
            f"c{number}": [day for day in range(since + number, days, 3) if day not in hole]
            for number in range(3)
        },
        days,
    )


def ahead(histories: Histories) -> Activity:
    return activity_ahead(histories, days_ahead=28, coverage=0.8, gap_days_max=14)


def test_every_metric_has_its_days_and_two_have_a_total() -> None:
    result = ahead(shop(150))
    rows = result.rows.to_pylist()
    assert result.caveat is None
    assert len(rows) == 3 * 28 + 2
    assert [row["metric"] for row in rows if row["days_ahead"] == 0] == ["orders", "revenue_cents"]
    first = next(row for row in rows if row["metric"] == "orders" and row["days_ahead"] == 1)
    assert first["forecast_on"] == shop(150).as_of  # the day itself is the first ahead
    totals = {row["metric"]: row["expected"] for row in rows if row["days_ahead"] == 0}
    assert np.isclose(totals["orders"], 28)
    assert np.isclose(totals["revenue_cents"], 28_000)


def test_the_series_has_orders_customers_and_revenue_of_each_day() -> None:
    series = daily_series(histories_of({"a": [0, 1, 4], "b": [1]}, 6), gap_days_max=14)
    assert series.values["orders"].tolist() == [1, 2, 0, 0, 1, 0]
    assert series.values["active_customers"].tolist() == [1, 2, 0, 0, 1, 0]
    assert series.values["revenue_cents"].tolist() == [1000, 2000, 0, 0, 1000, 0]


def test_a_young_shop_is_told_when_the_forecast_begins() -> None:
    result = ahead(shop(104))
    assert result.rows.num_rows == 0
    assert result.caveat == (
        "There is no forecast of activity yet: it needs 105 days of orders without a hole, and "
        "they are known from 2024-01-01 on. It begins on 2024-04-15."
    )  # and nothing of a pause, as there was none
    assert ahead(shop(105)).rows.num_rows > 0


def test_a_year_without_deliveries_teaches_nothing() -> None:
    """Only what came after the hole counts: as if the shop had begun then."""
    hole = range(200, 565)
    with_hole, young = ahead(shop(700, hole=hole)), ahead(shop(700, since=565))
    assert with_hole.rows.num_rows == 86
    assert [row["expected"] for row in with_hole.rows.to_pylist()] == [
        row["expected"] for row in young.rows.to_pylist()
    ]
    assert not any(with_hole.rows["uses_year_before"].to_pylist())
    short = ahead(shop(620, hole=hole))
    assert short.rows.num_rows == 0
    assert "known from 2025-07-19 on" in (short.caveat or "")
    assert (short.caveat or "").endswith(
        "A pause of 365 days without an order was taken for missing deliveries, as every one of "
        "more than 14 days is: if the shop just had no orders, raise readiness.gap_days_max."
    )


def test_nothing_delivered_lately_is_a_sentence_and_no_forecast_of_nothing() -> None:
    result = ahead(shop(300, hole=range(270, 300)))
    assert result.rows.num_rows == 0
    assert result.caveat
    assert "no order is known of the days before 2024-10-27" in result.caveat
    assert "A pause of 30 days without an order was taken for missing" in result.caveat


def test_a_short_pause_of_the_shop_is_a_season() -> None:
    assert ahead(shop(300, hole=range(200, 212))).rows.num_rows == 86


def test_once_a_year_is_known_the_rows_say_so() -> None:
    assert all(ahead(shop(392)).rows["uses_year_before"].to_pylist())
    assert not any(ahead(shop(391)).rows["uses_year_before"].to_pylist())


@pytest.mark.parametrize("cents", [0, -1_000])
def test_revenue_of_which_refunds_leave_nothing_is_not_forecast(cents: int) -> None:
    days = {f"c{number}": list(range(number, 150, 3)) for number in range(3)}
    result = ahead(histories_of(days, 150, cents=cents))
    assert set(result.rows["metric"].to_pylist()) == {"orders", "active_customers"}
    assert result.rows.num_rows == 2 * 28 + 1
    assert (result.caveat or "").startswith(
        "There is no forecast of revenue: refunds leave nothing of it, either since 2024-01-01"
    )
