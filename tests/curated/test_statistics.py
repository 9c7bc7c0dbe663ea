"""Postgres knows a table that a batch changed much; a small delta costs it nothing."""

from pathlib import Path

import pytest

from retention_ml.curated import statistics
from retention_ml.curated.curate import curate
from retention_ml.curated.statistics import ROWS_MIN, analyze_changed
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.worlds.batches import File, put, with_source
from tests.worlds.batches import at as batch_at
from tests.worlds.shops import at, fill


def _orders(warehouse: Warehouse, first: int, count: int) -> None:
    rows = [
        {"order_id": f"o{n}", "customer_id": f"c{n % 50}", "event_at": at("2025-02-01")}
        for n in range(first, first + count)
    ]
    fill(warehouse, "orders", rows)


def _known_rows(warehouse: Warehouse) -> float:
    with warehouse.transaction() as transaction:
        [(count,)] = transaction.execute(
            "SELECT reltuples FROM pg_class WHERE oid = CAST('curated.orders' AS regclass)"
        )
    return float(count)


def _analyzed(warehouse: Warehouse, count: int) -> list[str]:
    with warehouse.transaction() as transaction:
        return analyze_changed(transaction, {"orders": count, "products": 0})


def test_a_history_is_looked_at_and_a_daily_delta_is_not(warehouse: Warehouse) -> None:
    _orders(warehouse, 0, 20 * ROWS_MIN)
    assert _analyzed(warehouse, 20 * ROWS_MIN) == ["orders"]
    assert _known_rows(warehouse) == 20 * ROWS_MIN
    _orders(warehouse, 20 * ROWS_MIN, ROWS_MIN)
    assert _analyzed(warehouse, ROWS_MIN) == []
    assert _known_rows(warehouse) == 20 * ROWS_MIN
    _orders(warehouse, 21 * ROWS_MIN, 3 * ROWS_MIN)
    assert _analyzed(warehouse, 3 * ROWS_MIN) == ["orders"]
    assert _known_rows(warehouse) == 24 * ROWS_MIN


def test_a_few_rows_are_not_looked_at(warehouse: Warehouse) -> None:
    _orders(warehouse, 0, 10)
    assert _analyzed(warehouse, 10) == []


def test_a_batch_that_changed_much_leaves_statistics(
    warehouse: Warehouse, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = with_source(settings, tmp_path)
    monkeypatch.setattr(statistics, "ROWS_MIN", 1)
    line = {
        "order_id": "1",
        "product_id": "p",
        "customer_id": "c",
        "event_at": batch_at("2026-02-01"),
    }
    batch, _ = put(warehouse, File(rows={"order_lines": [line]}, derived={"orders": [line]}))
    curate(warehouse, settings=settings, batch_id=batch)
    assert _known_rows(warehouse) == 1
