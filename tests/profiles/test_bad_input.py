"""Shops that are odd: everybody gets a stage, and a sentence says what is missing."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from retention_ml.profiles.profile import profile
from retention_ml.profiles.publish_profiles import publish_profiles
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.worlds.shops import fill

DAY = date(2025, 6, 1)
Ask = Callable[..., dict[str, Any]]


@pytest.fixture
def ask(warehouse: Warehouse, settings: Settings) -> Ask:
    """Fills a shop of (customer, days before DAY, cents), profiles the day, publishes, and reads."""

    def made_of(orders: list[tuple[str, int, int]], **more: list[dict[str, Any]]) -> dict[str, Any]:
        midnight = datetime(DAY.year, DAY.month, DAY.day, tzinfo=UTC)
        at = [midnight - timedelta(days=days) + timedelta(hours=12) for _, days, _ in orders]
        keys = [
            {"order_id": f"o{n}", "customer_id": customer, "event_at": moment}
            for n, ((customer, *_), moment) in enumerate(zip(orders, at, strict=True))
        ]
        fill(warehouse, "orders", keys)
        fill(
            warehouse,
            "order_lines",
            [
                {**key, "product_id": "p", "line_amount_cents": cents}
                for key, (*_, cents) in zip(keys, orders, strict=True)
            ],
        )
        for table, content in more.items():
            fill(warehouse, table, content, available_at=midnight)
        receipt = profile(warehouse, settings=settings, as_of=DAY)
        publish_profiles(warehouse, settings=settings, snapshot_id=receipt.details["snapshot_id"])
        rows = warehouse.read("SELECT * FROM reports.customer_profile").to_pylist()
        return {
            "stages": {k: v for k, v in receipt.details["stages"].items() if v},
            "caveat": receipt.details["caveat"],
            "value_caveat": receipt.details["value_caveat"],
            "values": {
                row["customer_id"]: row
                for row in warehouse.read("SELECT * FROM reports.customer_value").to_pylist()
            },
            "rows": {row["customer_id"]: row for row in rows},
        }

    return made_of


def test_one_order_per_customer(ask: Ask) -> None:
    result = ask([(f"c{n:03d}", n + 1, 1_000) for n in range(200)])
    assert result["stages"] == {"new": 30, "one_time": 60, "lapsed": 110}
    assert {row["rfm_frequency"] for row in result["rows"].values()} == {1}
    assert result["caveat"] is None
    assert result["values"] == {}
    assert result["value_caveat"] == (
        "Nobody's value is stated: 0 of 200 customers ordered on a second day, and how customers "
        "come back needs 20 of them."
    )


def test_all_customers_one_day_old(ask: Ask, warehouse: Warehouse) -> None:
    result = ask([(f"c{n:03d}", 1, 1_000) for n in range(50)])
    assert result["stages"] == {"new": 50}
    assert result["caveat"].startswith(
        "There is no retention curve yet: orders are known from 2025-05-31 on, and the first period "
        "after that of the first order is over on 2025-07-30."
    )
    assert "of 50 customers with an order 0 of 7 traits vary" in result["caveat"]
    assert "There is no forecast of activity yet" in result["caveat"]
    assert "It begins on 2025-09-13." in result["caveat"]
    assert warehouse.read("SELECT * FROM reports.cohort_retention").num_rows == 0
    assert result["values"] == {}
    assert "It begins on 2025-08-29." in result["value_caveat"]


def test_a_year_without_deliveries(ask: Ask) -> None:
    orders = [(f"c{n:03d}", 400 + n + step, 1_000) for n in range(60) for step in (0, 20)]
    orders += [(f"c{n:03d}", n % 30 + 1, 1_000) for n in range(60)]
    result = ask(orders)
    assert "No order is known from " in result["caveat"]
    assert "369 days" in result["caveat"]
    assert result["stages"] == {"reactivated": 60}
    assert all(row["stage_days"] <= 30 for row in result["rows"].values())


def test_nothing_delivered_lately_is_a_hole_too(ask: Ask) -> None:
    result = ask([(f"c{n:03d}", 200 + n, 1_000) for n in range(60)])
    assert "to 2025-05-31, 199 days." in result["caveat"]


def test_negative_revenue_has_the_lowest_value_and_is_no_error(ask: Ask) -> None:
    orders = [(f"c{n:03d}", 5 + n % 20, 1_000 + n) for n in range(100)]
    midnight = datetime(DAY.year, DAY.month, DAY.day, tzinfo=UTC)
    refund = {
        "order_id": "r1", "product_id": "p", "customer_id": "c099", "kind": "return",
        "event_at": midnight - timedelta(days=2), "quantity": -9, "line_amount_cents": -90_000,
    }  # fmt: skip
    result = ask(orders, order_lines=[refund])
    assert float(result["rows"]["c099"]["revenue"]) == pytest.approx(10.99 - 900)
    assert result["rows"]["c099"]["rfm_value"] == 1
    assert result["rows"]["c098"]["rfm_value"] == 5


def test_one_huge_order_changes_no_stage_and_only_its_value(ask: Ask) -> None:
    orders = [(f"c{n:03d}", 5 + n % 20, 1_000 + n) for n in range(100)]
    result = ask([*orders, ("whale", 3, 900_000_000_000)])
    assert result["rows"]["whale"]["rfm_value"] == 5
    assert result["rows"]["c050"]["rfm_value"] == 3
    assert result["rows"]["whale"]["lifecycle_stage"] == "new"
    assert float(result["rows"]["whale"]["revenue"]) == 9_000_000_000.0


def test_visitors_stand_where_events_or_accounts_exist(ask: Ask) -> None:
    midnight = datetime(DAY.year, DAY.month, DAY.day, tzinfo=UTC)
    events = [
        {"customer_id": name, "event_type": "view", "product_id": "p",
         "event_at": midnight - timedelta(days=4)}
        for name in ("v1", "v2", "c001")
    ]  # fmt: skip
    accounts = [{"customer_id": "v3", "registered_at": midnight - timedelta(days=9)}]
    result = ask([(f"c{n:03d}", 2, 1_000) for n in range(20)], events=events, customers=accounts)
    assert result["stages"] == {"visitor": 3, "new": 20}
    assert result["rows"]["c001"]["previous_stage"] == "visitor"
    assert result["rows"]["v3"]["stage_days"] == 9
    assert result["rows"]["v1"]["first_order_on"] is None


def test_a_refund_of_an_unknown_customer_is_no_customer(ask: Ask) -> None:
    midnight = datetime(DAY.year, DAY.month, DAY.day, tzinfo=UTC)
    refund = {
        "order_id": "r1", "product_id": "p", "customer_id": "ghost", "kind": "return",
        "event_at": midnight - timedelta(days=2), "quantity": -1, "line_amount_cents": -1_000,
    }  # fmt: skip
    result = ask([("c1", 2, 1_000)], order_lines=[refund])
    assert set(result["rows"]) == {"c1"}


def test_value_knows_no_negative_payment_and_whoever_sent_all_back_is_worth_least(ask: Ask) -> None:
    orders = [(f"c{n:03d}", day, 1_000 + n) for n in range(100) for day in (5 + n % 20, 120)]
    midnight = datetime(DAY.year, DAY.month, DAY.day, tzinfo=UTC)
    refund = {
        "order_id": "r1", "product_id": "p", "customer_id": "c099", "kind": "return",
        "event_at": midnight - timedelta(days=2), "quantity": -9, "line_amount_cents": -90_000,
    }  # fmt: skip
    result = ask(orders, order_lines=[refund])
    values = {name: float(row["value"]) for name, row in result["values"].items()}
    assert len(values) == 100
    assert min(values.values()) >= 0
    assert min(values, key=lambda name: values[name]) == "c099"


def test_one_huge_order_is_kept_in_value_and_named_without_its_customer(ask: Ask) -> None:
    orders = [(f"c{n:03d}", day, 1_000 + n) for n in range(100) for day in (5 + n % 20, 120)]
    result = ask([*orders, ("whale", 3, 900_000_000), ("whale", 90, 1_000)])
    assert (
        "One customer's day, 2025-05-29, brought 9,000,000.00, 100% of all"
        in (result["value_caveat"])
    )
    assert "whale" not in result["value_caveat"]
    assert result["values"]["whale"]["value_tier"] == "top"
    others = [float(row["value"]) for name, row in result["values"].items() if name != "whale"]
    assert float(result["values"]["whale"]["value"]) > 100 * max(others)
