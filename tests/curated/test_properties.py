"""P1 and P2 for any sequence of batches, against a model of ten lines."""

from collections.abc import Iterator
from datetime import datetime
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
from tests.curated.batches import File, at, content, ledger, put, with_source

LINES = tables.ORDER_LINES.ibis_table("curated", tables.LINEAGE)
ALL = ", ".join(f"{schema}.{t}" for schema in ("curated", "staging") for t in tables.CANONICAL)

ROWS = st.lists(st.tuples(st.integers(1, 4), st.integers(1, 3)), max_size=6)
FILES = st.lists(st.tuples(ROWS, st.integers(0, 2)), min_size=1, max_size=3)
BATCHES = st.lists(st.tuples(FILES, st.booleans(), st.booleans()), min_size=1, max_size=5)


@pytest.fixture
def empty(warehouse: Warehouse) -> Iterator[Warehouse]:
    """A warehouse that the test may empty as often as it likes."""
    yield warehouse


def clear(warehouse: Warehouse) -> None:
    with warehouse.transaction() as transaction:
        transaction.execute(
            f"TRUNCATE {ALL}, staging.rejects, quarantine.rows, ops.receipts, raw.deliveries, "
            "raw.batches CASCADE"
        )


def answers(warehouse: Warehouse, instant: datetime) -> dict[str, int]:
    rows = warehouse.read(known(LINES, instant)).to_pylist()
    assert len({row["order_id"] for row in rows}) == len(rows)
    return {row["order_id"]: row["line_amount_cents"] for row in rows}


class Model:
    """What the platform should believe: the last told content of every key."""

    def __init__(self) -> None:
        self.current: dict[str, tuple[int, int]] = {}

    def tell(self, told_order: int, order: str, amount: int) -> bool:
        """Whether the row is accepted."""
        before = self.current.get(order)
        if before is not None and (before[0] == amount or told_order < before[1]):
            return False
        self.current[order] = (amount, told_order)
        return True


def file(rows: list[tuple[int, int]], rejects: int, replay_of: int | None = None) -> File:
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
        replay_of=replay_of,
    )


@hypothesis_settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(batches=BATCHES)
def test_any_sequence_of_batches_loses_and_doubles_nothing(
    empty: Warehouse, settings: Settings, tmp_path: Path, batches: list[Any]
) -> None:
    settings = with_source(settings, tmp_path)
    clear(empty)
    model, first_delivery = Model(), None
    noted: list[tuple[datetime, dict[str, int]]] = []
    for files, history, replays in batches:
        replay_of = first_delivery if replays else None
        batch, deliveries = put(
            empty, *(file(rows, rejects, replay_of) for rows, rejects in files), history=history
        )
        first_delivery = first_delivery or deliveries[0]
        expected = []
        for delivery, (rows, rejects) in zip(deliveries, files, strict=True):
            told_order = replay_of or delivery
            told = [model.tell(told_order, str(order), amount) for order, amount in rows]
            expected.append(
                ("accepted", len(rows) + rejects, sum(told), rejects, len(rows) - sum(told))
            )
        curate(empty, settings=settings, batch_id=batch)
        if replay_of is None:  # files of one replay are told together, line by line
            assert [ledger(empty, delivery)[:5] for delivery in deliveries] == expected
        assert violations(empty) == []
        loaded = empty.read("SELECT max(loaded_at) AS at FROM raw.deliveries")["at"][0].as_py()
        noted.append((loaded, answers(empty, loaded)))
        if replay_of is not None:
            return
    assert noted[-1][1] == {order: amount for order, (amount, _) in model.current.items()}
    for instant, before in noted:
        now = answers(empty, instant)
        assert {order: now[order] for order in before} == before


def test_the_same_batch_again_changes_nothing(
    warehouse: Warehouse, settings: Settings, tmp_path: Path
) -> None:
    settings = with_source(settings, tmp_path)
    files = [file([(1, 1), (2, 2)], 1), file([(2, 3), (3, 1)], 0)]
    first, _ = put(warehouse, *files)
    curate(warehouse, settings=settings, batch_id=first)
    # told again in the same order, the older content of order 2 is a correction and is taken back
    second, _ = put(warehouse, file([(1, 1), (2, 3), (3, 1)], 0))
    before = content(warehouse)
    receipt = curate(warehouse, settings=settings, batch_id=second)
    assert (receipt.written, receipt.duplicates) == (0, 3)
    assert content(warehouse) == before
