"""Tiny customers, computed by hand."""

from datetime import UTC, date, datetime, timedelta
from math import log
from typing import Any

import pytest

from retention_ml.features.catalogue import CATALOGUE
from retention_ml.features.engines import ENGINES
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.worlds import shops
from tests.worlds.features import buy, deliver, in_zone, one, rows_of

_DAY = date(2025, 6, 1)  # a Sunday


def test_a_customer_who_bought_on_three_days(warehouse: Warehouse, settings: Settings) -> None:
    deliver(
        warehouse,
        buy("o1", shops.at("2025-04-02", 9), lines=[{"quantity": 2, "line_amount_cents": 400}]),
        buy("o2", shops.at("2025-05-02", 13), lines=[{}, {"product_id": "p2"}]),
        buy("o3", shops.at("2025-05-02", 19), lines=[{"product_id": "p1", "discount_cents": 250}]),
        buy("o4", shops.at("2025-05-22", 20), lines=[{"product_id": "p3"}]),
        buy("o5", shops.at("2025-05-23", 20), kind="return", lines=[{"line_amount_cents": -300}]),
        {"products": [{"product_id": p, "category": c} for p, c in (("p1", "a"), ("p2", "a"), ("p3", "b"))]},
    )  # fmt: skip
    features = one(warehouse, settings, _DAY)
    expected = {
        "recency_days": 10,
        "tenure_days": 60,
        "purchase_span_days": 50,
        "is_one_time_buyer": 0,
        "orders_count": 4,
        "orders_count_7d": 0,
        "orders_count_14d": 1,
        "orders_count_30d": 3,
        "orders_count_60d": 4,
        "purchase_days_count": 3,
        "orders_decayed_count_15d": 0.5 ** (60 / 15) + 2 * 0.5 ** (30 / 15) + 0.5 ** (10 / 15),
        "revenue_cents": 4_400,
        "revenue_cents_30d": 4_000,
        "purchase_weeks_share": 3 / 9,
        "purchase_months_share": 1,
        "purchase_weeks_count_28d": 1,
        "purchase_weeks_share_56d": 2 / 8,
        "silent_7_days_share": 39 / 53,
        "silent_14_days_share": 22 / 46,
        "silent_30_days_share": 0,
        "silent_60_days_share": None,
        "gaps_longer_7_days_share": 3 / 4,
        "gaps_longer_14_days_share": 2 / 4,
        "gaps_longer_30_days_share": 1 / 4,
        "orders_year_ago_count_30d": 0,
        "gap_last_days": 20,
        "gap_mean_days": 25,
        "gap_median_days": 25,
        "gap_recent3_mean_days": 25,
        "gap_max_days": 30,
        "gap_std_days": 50**0.5,
        "recency_over_gap_mean_ratio": 0.4,
        "lines_per_order_mean": 1.25,
        "pieces_per_order_mean": 6 / 4,
        "revenue_per_order_mean_cents": 1_100,
        "revenue_per_order_last_cents": 1_000,
        "revenue_per_order_first_cents": 400,
        "products_count_90d": 3,
        "categories_count_90d": 2,
        "products_repeat_share_365d": 1 / 3,
        "products_top_share_365d": 3 / 5,
        "products_new_share_90d": 1,
        "returns_count_90d": 1,
        "cancellations_count_90d": 0,
        "refund_cents_90d": 300,
        "refund_share_365d": 300 / 4_400,
        "returned_lines_share_365d": 0.2,
        "return_recency_days": 9,
        "discount_cents_90d": 250,
        "discount_share_90d": 250 / 4_650,
        "discounted_lines_share_365d": 0.2,
        "orders_friday_share_365d": 0.5,
        "orders_morning_share_365d": 0.25,
        "orders_evening_share_365d": 0.5,
        "orders_weekend_share_365d": 0,
        "contacts_count_365d": 0,
        "contact_recency_days": None,
        "sessions_count_90d": 0,
        "event_recency_days": None,
        "rating_mean_share_365d": None,
    }
    assert {name: features[name] for name in expected} == {
        name: None if value is None else pytest.approx(value) for name, value in expected.items()
    }


def _ago(*ages: int) -> list[dict[str, Any]]:
    return [buy(f"o{age}", shops.at(f"{_DAY - timedelta(days=age)}")) for age in ages]


def test_weeks_are_counted_back_from_the_day(warehouse: Warehouse, settings: Settings) -> None:
    deliver(warehouse, *_ago(29, 28, 8, 7, 1))  # weeks 5, 4, 2, 1, 1
    features = one(warehouse, settings, _DAY)
    assert features["purchase_weeks_count_28d"] == 3
    assert features["purchase_weeks_share_28d"] == 0.75
    assert features["purchase_weeks_share"] == features["purchase_weeks_share_364d"] == 0.8


def test_a_year_ago_is_the_same_weeks_on_both_engines(
    warehouse: Warehouse, settings: Settings
) -> None:
    deliver(warehouse, *_ago(365, 364, 335, 334, 275, 274, 10))
    days = [date(2025, 5, 31), _DAY]
    duckdb, postgres = (
        rows_of(warehouse, settings, days, engine=engine).to_pylist() for engine in ENGINES
    )
    assert duckdb == postgres
    assert [row["orders_year_ago_count_30d"] for row in duckdb] == [2, 2]
    assert duckdb[1]["orders_year_ago_count_90d"] == 4
    assert duckdb[1]["purchase_weeks_count_364d"] == 4


def test_a_moved_order_moves_the_rhythm_only_from_when_it_is_known(
    warehouse: Warehouse, settings: Settings
) -> None:
    deliver(warehouse, *_ago(60, 30, 10))
    before = one(warehouse, settings, _DAY)
    deliver(warehouse, buy("o30", shops.at("2025-05-20")), loaded_at=shops.at("2025-06-02"))
    assert one(warehouse, settings, _DAY) == before
    features = one(warehouse, settings, date(2025, 6, 3))  # ages 62, 14, 12
    assert features["purchase_weeks_share"] == 2 / 9
    assert features["purchase_days_count_14d"] == 2
    assert features["silent_30_days_share"] == 18 / 32
    assert features["gaps_longer_30_days_share"] == 2 / 3


@pytest.mark.parametrize("engine", ENGINES)
def test_products_are_described_by_their_active_buyers(
    warehouse: Warehouse, settings: Settings, engine: str
) -> None:
    deliver(
        warehouse,
        buy("o1", shops.at("2025-04-22")),
        buy("o2", shops.at("2025-05-27"), lines=[{}, {"product_id": "p2"}]),
        buy("o3", shops.at("2025-05-12"), customer="c2", lines=[{}, {}]),
        buy("o4", shops.at("2025-04-12"), customer="lapsed"),
    )
    short = in_zone(settings, "UTC", active_days=30)

    def column(day: date, name: str) -> list[float]:
        rows = rows_of(warehouse, short, [day], engine=engine).to_pylist()
        return [row[f"products_{name}_30d"] for row in rows]

    assert column(_DAY, "buyers_share") == [0.75, 1]  # p1: both; p2: one of two
    assert column(_DAY, "buyers_again_share") == [0.25, 0.5]  # p1: one of two; p2: none
    # Lines in the month, and in the three before: p1 3 and 1, p2 1 and 0, all 4 and 1.
    shop = log(5 / (1 / 3 + 1))
    first, second = log(4 / (1 / 3 + 1)) - shop, log(2 / 1) - shop
    assert column(_DAY, "momentum") == pytest.approx([(first + second) / 2, first])
    undone = {
        "order_id": "o2", "customer_id": "c1", "event_at": shops.at("2025-05-27"),
        "kind": "return", "product_id": "p1", "occurrence": 1,
    }  # fmt: skip
    deliver(warehouse, {"order_lines": [undone]}, loaded_at=shops.at("2025-06-02"))
    assert column(_DAY, "buyers_again_share") == [0.25, 0.5]  # not known then
    assert column(date(2025, 6, 3), "buyers_again_share") == [0, 0]


def test_a_one_time_buyer_has_no_gaps(warehouse: Warehouse, settings: Settings) -> None:
    deliver(
        warehouse,
        buy("o1", shops.at("2025-05-30", 1)),
        buy("o2", shops.at("2025-05-30", 2), lines=[{"product_id": None}]),
    )
    features = one(warehouse, settings, _DAY)
    assert features["is_one_time_buyer"] == 1
    assert features["orders_night_share_365d"] == 1
    assert features["products_count_365d"] == 1
    names = [feature.name for feature in CATALOGUE if feature.family == "gaps"]
    gaps = [features[name] for name in names if name.startswith(("gap_", "recency_over_gap_"))]
    assert len(gaps) == 10
    assert set(gaps) == {None}
    assert features["gaps_longer_30_days_share"] == 0.5


def test_an_even_number_of_gaps_has_the_mean_of_the_middle_two_as_median(
    warehouse: Warehouse, settings: Settings
) -> None:
    days = ("2025-05-01", "2025-05-02", "2025-05-06", "2025-05-16", "2025-05-31")
    deliver(warehouse, *(buy(f"o{day}", shops.at(day)) for day in days))  # gaps 1, 4, 10, 15
    assert one(warehouse, settings, _DAY)["gap_median_days"] == 7


def test_an_order_at_half_past_eleven_belongs_to_the_shops_evening(
    warehouse: Warehouse, settings: Settings
) -> None:
    deliver(warehouse, buy("o1", datetime(2025, 5, 31, 22, 30, tzinfo=UTC)))
    features = one(warehouse, in_zone(settings, "Europe/London"), _DAY)  # 23:30 on Saturday
    assert (features["recency_days"], features["orders_evening_share_365d"]) == (1, 1)
    assert features["orders_saturday_share_365d"] == 1
    later = one(warehouse, in_zone(settings, "Europe/Berlin"), date(2025, 6, 2))
    assert later["recency_days"] == 1  # 00:30 on Sunday: not known on Sunday, yesterday on Monday


def test_a_day_of_23_hours_is_a_day(warehouse: Warehouse, settings: Settings) -> None:
    settings = in_zone(settings, "Europe/London")
    deliver(warehouse, buy("o1", datetime(2025, 3, 29, 23, 59, tzinfo=UTC)))
    deliver(warehouse, buy("o2", datetime(2025, 3, 30, 22, 59, 59, tzinfo=UTC)))
    features = one(warehouse, settings, date(2025, 3, 31))
    assert (features["tenure_days"], features["recency_days"], features["gap_last_days"]) == (
        2,
        1,
        1,
    )
    assert one(warehouse, settings, date(2025, 3, 30))["orders_count"] == 1


def test_active_is_who_bought_within_the_declared_days(
    warehouse: Warehouse, settings: Settings
) -> None:
    deliver(warehouse, buy("o1", shops.at("2025-05-02"), customer="c1"))  # 30 days before
    deliver(warehouse, buy("o2", shops.at("2025-05-01"), customer="c2"))  # 31 days before
    deliver(warehouse, buy("o3", shops.at("2025-05-20"), customer="c3", kind="return"))
    features = one(warehouse, in_zone(settings, "UTC", active_days=30), _DAY)
    assert features["customer_id"] == "c1"
