"""The rollups and the door that keeps them."""

import logging
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from retention_ml.features.inputs import stored_inputs
from retention_ml.features.roll_up import roll_up
from retention_ml.features.rollups import COUNTERS
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.worlds import shops
from tests.worlds.features import buy, deliver, in_zone, late_shop, one, rows_of

_TABLES = ("customer_day", "customer_product_day", "product_category")
_NEWEST = date(2025, 6, 1)


def _totals(warehouse: Warehouse) -> dict[str, list[dict[str, Any]]]:
    """The rollups summed over passes, without what adds up to nothing."""
    totals = {}
    for name in _TABLES:
        table = getattr(stored_inputs([0]), name)
        keys = [c for c in table.columns if c not in (*COUNTERS, "rollup_id", "versions_count")]
        values = [c for c in table.columns if c not in (*keys, "rollup_id")]
        summed = table.group_by(keys).agg(**{c: table[c].sum().cast("float64") for c in values})
        rows = warehouse.read(summed.order_by(keys)).to_pylist()
        totals[name] = [row for row in rows if any(row[value] for value in values)]
    return totals


def test_the_table_has_the_counters_of_the_expression(warehouse: Warehouse) -> None:
    columns = warehouse.read("SELECT * FROM features.customer_day").column_names
    key = ["customer_id", "event_day", "known_from_day", "rollup_id", "newest_event_at"]
    assert columns == [*key, *COUNTERS]


def test_passes_one_by_one_add_up_to_one_pass_over_everything(
    warehouse: Warehouse, settings: Settings
) -> None:
    settings = in_zone(settings, "America/New_York")
    late_shop(warehouse, settings, seed=11, passes=(1, 2, 4))
    roll_up(warehouse, settings=settings)
    step_by_step = _totals(warehouse)
    with warehouse.transaction() as transaction:
        for table in (*_TABLES, "rolled_up"):
            transaction.execute(f"DELETE FROM features.{table}")
    receipt = roll_up(warehouse, settings=settings)
    assert receipt.details["deliveries"] == 6
    at_once = _totals(warehouse)
    assert len(at_once["customer_day"]) > 100
    assert step_by_step == at_once


def test_a_pass_with_nothing_new_changes_nothing(warehouse: Warehouse, settings: Settings) -> None:
    deliver(warehouse, buy("o1", shops.at("2025-01-10")))
    first = roll_up(warehouse, settings=settings)
    before = _totals(warehouse)
    second = roll_up(warehouse, settings=settings)
    assert (first.written, second.written) == (2, 0)
    assert _totals(warehouse) == before


def test_guests_are_left_out(warehouse: Warehouse, settings: Settings) -> None:
    deliver(warehouse, buy("o1", shops.at("2025-01-10"), customer=None))
    assert roll_up(warehouse, settings=settings).written == 0


def test_another_calendar_cuts_all_days_anew(
    warehouse: Warehouse, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    deliver(warehouse, buy("o1", datetime(2025, 5, 20, 23, 30, tzinfo=UTC)))
    assert one(warehouse, settings, _NEWEST)["recency_days"] == 12
    with caplog.at_level(logging.WARNING):
        features = one(warehouse, in_zone(settings, "Europe/London"), _NEWEST)
    assert features["recency_days"] == 11
    assert "calendar.timezone was UTC and is now Europe/London" in caplog.text


def test_a_correction_counts_from_the_midnight_after_it_came(
    warehouse: Warehouse, settings: Settings
) -> None:
    order = shops.at("2025-05-01")
    deliver(warehouse, buy("o1", order, lines=[{"line_amount_cents": 1_000}]))
    corrected = buy("o1", order, lines=[{"line_amount_cents": 700}])
    deliver(warehouse, {"order_lines": corrected["order_lines"]}, loaded_at=shops.at("2025-05-10"))
    assert one(warehouse, settings, date(2025, 5, 10))["revenue_cents"] == 1_000
    assert one(warehouse, settings, date(2025, 5, 11))["revenue_cents"] == 700


def test_an_order_corrected_to_another_customer_moves(
    warehouse: Warehouse, settings: Settings
) -> None:
    deliver(warehouse, buy("o1", shops.at("2025-05-01"), customer="c1"))
    roll_up(warehouse, settings=settings)
    moved = buy("o1", shops.at("2025-05-01"), customer="c2")
    deliver(warehouse, moved, loaded_at=shops.at("2025-05-10"))
    rows = rows_of(warehouse, settings, [date(2025, 5, 10), date(2025, 5, 11)]).to_pylist()
    assert [row["customer_id"] for row in rows] == ["c1", "c2"]


def _click(at: datetime, session: str = "s") -> dict[str, Any]:
    return {"customer_id": "c1", "event_at": at, "event_type": "view", "session_id": session}


def test_a_late_click_joins_two_visits_from_the_day_it_is_known(
    warehouse: Warehouse, settings: Settings
) -> None:
    noon = shops.at("2025-05-01")
    apart = [_click(noon), _click(noon + timedelta(minutes=50))]
    deliver(warehouse, buy("o1", noon), {"events": apart})
    roll_up(warehouse, settings=settings)
    between = [_click(noon + timedelta(minutes=25))]
    deliver(warehouse, {"events": between}, loaded_at=shops.at("2025-05-10"))
    days = [date(2025, 5, 10), date(2025, 5, 11)]
    rows = rows_of(warehouse, settings, days).to_pylist()
    assert [row["sessions_count_30d"] for row in rows] == [2, 1]
    assert [row["events_count_30d"] for row in rows] == [2, 3]


@pytest.mark.parametrize(("minutes", "visits"), [(29, 1), (30, 2)])
def test_a_visit_ends_after_half_an_hour_of_silence(
    warehouse: Warehouse, settings: Settings, minutes: int, visits: int
) -> None:
    noon = shops.at("2025-05-01")
    deliver(warehouse, buy("o1", noon), {"events": [_click(noon), _click(noon + timedelta(minutes=minutes))]})  # fmt: skip
    assert one(warehouse, settings, _NEWEST)["sessions_count_90d"] == visits
