"""P1 and P2 for any sequence of batches, against a model of ten lines."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from retention_ml import tables
from retention_ml.curated.curate import curate
from retention_ml.curated.known import known
from retention_ml.maintenance.invariants import violations
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.chaos.counts import count
from tests.worlds.batches import File, at, content, ledger, put, with_source

LINES = tables.ORDER_LINES.ibis_table("curated", tables.LINEAGE)
ALL = ", ".join(f"{schema}.{t}" for schema in ("curated", "staging") for t in tables.CANONICAL)

ROWS = st.lists(st.tuples(st.integers(1, 4), st.integers(1, 3)), max_size=6)
FILES = st.lists(st.tuples(ROWS, st.integers(0, 2)), min_size=1, max_size=3)
BATCHES = st.lists(st.tuples(FILES, st.booleans()), min_size=1, max_size=5)


def clear(warehouse: Warehouse) -> None:
    with warehouse.transaction() as transaction:
        transaction.execute(
            f"TRUNCATE {ALL}, curated.whole_orders, staging.rejects, quarantine.rows, ops.receipts, raw.deliveries, "
            "raw.batches CASCADE"
        )


def answers(warehouse: Warehouse, instant: datetime) -> dict[str, int]:
    rows = warehouse.read(known(LINES, instant)).to_pylist()
    assert len({row["order_id"] for row in rows}) == len(rows)
    return {row["order_id"]: row["line_amount_cents"] for row in rows}


class Model:
    """What the platform should have: the last delivered content of every key."""

    def __init__(self) -> None:
        self.current: dict[str, int] = {}

    def deliver(self, order: str, amount: int) -> bool:
        """Whether the row is accepted."""
        is_new = self.current.get(order) != amount
        self.current[order] = amount
        return is_new


def file(rows: list[tuple[int, int]], rejects: int) -> File:
    staged = [
        {
            "order_id": str(order),
            "product_id": "p",
            "event_at": at("2026-02-01"),
            "line_amount_cents": amount,
        }
        for order, amount in rows
    ]
    return File(
        rows={"order_lines": staged},
        rejects=[(100 + n, "bad_number") for n in range(rejects)],
    )


@pytest.mark.fault(
    "any sequence of batches: new, repeated, corrected",
    promises="P1 P2",
    row=22,
    counted="sequences of batches",
)
@hypothesis_settings(
    max_examples=count("sequences of batches"),
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(batches=BATCHES)
def test_any_sequence_of_batches_loses_and_doubles_nothing(
    warehouse: Warehouse, settings: Settings, tmp_path: Path, batches: list[Any]
) -> None:
    settings = with_source(settings, tmp_path)
    clear(warehouse)
    model = Model()
    snapshots: list[tuple[datetime, dict[str, int]]] = []
    for files, history in batches:
        batch, deliveries = put(warehouse, *(file(*parts) for parts in files), history=history)
        curate(warehouse, settings=settings, batch_id=batch)
        for delivery, (rows, rejects) in zip(deliveries, files, strict=True):
            accepted = sum([model.deliver(str(order), amount) for order, amount in rows])
            assert ledger(warehouse, delivery)[:5] == (
                ("accepted", len(rows) + rejects, accepted, rejects, len(rows) - accepted)
            )
        newest = warehouse.read("SELECT max(loaded_at) AS at FROM raw.deliveries")["at"][0].as_py()
        # versions of one batch follow each other by a microsecond
        snapshots.append((newest + timedelta(microseconds=50), model.current.copy()))
    assert violations(warehouse) == []
    for instant, expected in snapshots:
        now = answers(warehouse, instant)
        assert {order: now[order] for order in expected} == expected


def test_the_same_batch_again_changes_nothing(
    warehouse: Warehouse, settings: Settings, tmp_path: Path
) -> None:
    settings = with_source(settings, tmp_path)
    files = [file([(1, 1), (2, 2)], 1), file([(2, 3), (3, 1)], 0)]
    first, _ = put(warehouse, *files)
    curate(warehouse, settings=settings, batch_id=first)
    second, _ = put(warehouse, file([(1, 1), (2, 3), (3, 1)], 0))
    before = content(warehouse)
    receipt = curate(warehouse, settings=settings, batch_id=second)
    assert (receipt.written, receipt.duplicates) == (0, 3)
    assert content(warehouse) == before
