"""Nothing that happens or is loaded after the start of a day changes its features."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import ibis
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from retention_ml.features.assemble import customer_daily
from retention_ml.features.inputs import stored_inputs
from retention_ml.features.store import digest
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.chaos.counts import count
from tests.worlds.features import FIRST, buy, deliver, in_zone, late_shop, rows_of

_DAY = date(2025, 8, 1)
_MIDNIGHT = datetime.fromisoformat("2025-08-01T00:00:00+02:00")
_UNTOUCHED: dict[str, str] = {}

_seconds = st.integers(0, 150 * 86_400)
_customers = st.sampled_from(["c00", "c01", "c05", "new"])
_kinds = st.sampled_from(["purchase", "return", "cancellation"])
_order = st.tuples(st.integers(0, 60), _customers, _kinds, _seconds)
_click = st.tuples(_customers, _seconds)


def _rows(orders: list[Any], clicks: list[Any], since: datetime) -> list[dict[str, Any]]:
    unique = {number: (customer, kind, seconds) for number, customer, kind, seconds in orders}
    return [
        *(
            buy(f"o{number:04d}", since + timedelta(seconds=seconds), customer=customer, kind=kind)
            for number, (customer, kind, seconds) in unique.items()
        ),
        {
            "events": [
                {
                    "customer_id": customer,
                    "event_at": since + timedelta(seconds=seconds),
                    "event_type": "cart",
                    "session_id": f"n{number}",
                }
                for number, (customer, seconds) in enumerate(clicks)
            ]
        },
    ]


@pytest.mark.fault(
    "events that come late and out of order",
    promises="P4",
    row=(9, 32),
    counted="events that came later",
)
@settings(
    max_examples=count("events that came later"), deadline=None, derandomize=True, database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
@given(
    orders=st.lists(_order, min_size=1, max_size=8),
    clicks=st.lists(_click, min_size=1, max_size=8),
    loaded_after_seconds=st.integers(1, 100 * 86_400),
    is_past=st.booleans(),
)
def test_rows_that_came_later_change_nothing(
    warehouse: Warehouse,
    settings: Settings,
    orders: list[Any],
    clicks: list[Any],
    loaded_after_seconds: int,
    is_past: bool,
) -> None:
    """Rows from before the day but loaded after it, corrections among them, or after the day."""
    settings = in_zone(settings, "Europe/Berlin", active_days=120)
    if warehouse.url not in _UNTOUCHED:
        late_shop(warehouse, settings, seed=31, passes=(), deliveries=4)
        _UNTOUCHED[warehouse.url] = digest(rows_of(warehouse, settings, [_DAY]))
    since = FIRST if is_past else _MIDNIGHT
    loaded_at = _MIDNIGHT + timedelta(seconds=loaded_after_seconds)
    newest = max(seconds for *_, seconds in (*orders, *clicks))
    deliver(
        warehouse,
        *_rows(orders, clicks, since),
        loaded_at=max(loaded_at, since + timedelta(seconds=newest)),
    )
    assert digest(rows_of(warehouse, settings, [_DAY])) == _UNTOUCHED[warehouse.url]


def test_a_reading_that_ignores_availability_is_caught(
    warehouse: Warehouse, settings: Settings
) -> None:
    """The negative control: without `known_from_day` a late order changes the past."""
    deliver(warehouse, buy("o1", FIRST))
    before = _naive(warehouse, settings)
    deliver(warehouse, buy("o2", FIRST + timedelta(days=1)), loaded_at=FIRST + timedelta(days=200))
    assert rows_of(warehouse, settings, [date(2025, 2, 1)])["orders_count"].to_pylist() == [1]
    assert (before, _naive(warehouse, settings)) == ([1], [2])


def _naive(warehouse: Warehouse, settings: Settings) -> list[Any]:
    rows_of(warehouse, settings, [date(2025, 2, 1)])
    inputs = stored_inputs([20_120])
    always = inputs.customer_day.mutate(known_from_day=ibis.literal(0, "int64"))
    wide = customer_daily(replace(inputs, customer_day=always), active_days=90)
    return warehouse.read(wide.select("orders_count"))["orders_count"].to_pylist()
