"""The first load of a table: rows that need no comparison, and indexes made after them."""

from typing import Any

import pytest

from retention_ml import tables
from retention_ml.curated import bulk_load, contested
from retention_ml.curated.curate import curate
from retention_ml.deliveries.ledger import clearing
from retention_ml.maintenance.invariants import violations
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.curated.test_curate import line, lines, settings  # noqa: F401
from tests.worlds.batches import content, put

INDEXES = "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'curated' ORDER BY 1"
NODES = (
    "SELECT indexrelid::bigint AS node FROM pg_index "
    "WHERE indrelid = 'curated.order_lines'::regclass ORDER BY 1"
)


def test_the_indexes_of_an_empty_table_are_made_after_its_rows_and_are_the_same(
    warehouse: Warehouse,
    settings: Settings,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bulk_load, "ROWS_MIN", 2)
    indexes, nodes = warehouse.read(INDEXES), warehouse.read(NODES)
    assert indexes.num_rows > 30
    batch, _ = put(warehouse, lines(line("1"), line("2")))
    curate(warehouse, settings=settings, batch_id=batch)
    assert warehouse.read(INDEXES).equals(indexes)
    made = warehouse.read(NODES)
    assert made != nodes
    again, _ = put(warehouse, lines(line("1"), line("2", line_amount_cents=5)))
    receipt = curate(warehouse, settings=settings, batch_id=again)
    assert (receipt.written, receipt.duplicates, receipt.details["corrected"]) == (1, 1, 1)
    assert warehouse.read(NODES).equals(made)
    assert violations(warehouse) == []


def test_a_table_that_somebody_reads_keeps_its_indexes(
    warehouse: Warehouse,
    settings: Settings,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bulk_load, "ROWS_MIN", 2)
    nodes = warehouse.read(NODES)
    batch, _ = put(warehouse, lines(line("1"), line("2")))
    with warehouse.transaction() as reader:
        reader.execute("SELECT count(*) FROM curated.order_lines")
        receipt = curate(warehouse, settings=settings, batch_id=batch)
    assert receipt.written == 2
    assert warehouse.read(NODES).equals(nodes)
    with warehouse.transaction() as transaction:
        assert transaction.execute("SHOW lock_timeout")[0][0] == "30s"


def test_few_rows_are_not_worth_the_lock(warehouse: Warehouse, settings: Settings) -> None:  # noqa: F811
    nodes = warehouse.read(NODES)
    batch, _ = put(warehouse, lines(line("1"), line("2")))
    curate(warehouse, settings=settings, batch_id=batch)
    assert warehouse.read(NODES).equals(nodes)


FILES = "SELECT pg_relation_filenode('staging.order_lines')::bigint AS file"


def test_a_staging_table_with_this_batch_alone_is_emptied_at_once(
    warehouse: Warehouse,
    settings: Settings,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(clearing, "EMPTIED_ROWS_MIN", 2)
    before = warehouse.read(FILES)
    batch, _ = put(warehouse, lines(line("1"), line("2")))
    curate(warehouse, settings=settings, batch_id=batch)
    assert not warehouse.read(FILES).equals(before)
    assert not any(content(warehouse, "staging").values())


def test_rows_of_another_batch_stay_in_staging(
    warehouse: Warehouse,
    settings: Settings,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(clearing, "EMPTIED_ROWS_MIN", 2)
    before = warehouse.read(FILES)
    batch, _ = put(warehouse, lines(line("1"), line("2")))
    other, _ = put(warehouse, lines(line("3"), line("4")))
    curate(warehouse, settings=settings, batch_id=batch)
    assert warehouse.read(FILES).equals(before)
    assert curate(warehouse, settings=settings, batch_id=other).written == 2
    assert not warehouse.read(FILES).equals(before)


def test_a_staging_table_that_somebody_writes_to_is_not_waited_for(
    warehouse: Warehouse,
    settings: Settings,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(clearing, "EMPTIED_ROWS_MIN", 2)
    batch, _ = put(warehouse, lines(line("1"), line("2")))
    with warehouse.transaction() as writer:
        writer.change("DELETE FROM staging.order_lines WHERE batch_id = -1")
        assert curate(warehouse, settings=settings, batch_id=batch).written == 2
    assert not any(content(warehouse, "staging").values())


def _from_load(row: dict[str, Any], is_history: bool) -> dict[str, Any]:
    """The times of a row, where they follow from its load as the time since then."""
    times = {"loaded_at": None}
    for name in ("available_at", "superseded_at"):
        is_of_load = row[name] is not None and not is_history
        times[name] = row[name] - row["loaded_at"] if is_of_load else row[name]
    return times


@pytest.mark.parametrize("is_history", [True, False])
def test_rows_that_nothing_contests_are_stored_as_if_they_had_been_compared(
    warehouse: Warehouse,
    settings: Settings,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    is_history: bool,
) -> None:
    def all_keys(transaction, entry, batch_id):  # type: ignore[no-untyped-def]
        transaction.execute("DROP TABLE IF EXISTS contested_keys")
        return transaction.change(
            "CREATE TEMP TABLE contested_keys ON COMMIT DROP AS SELECT DISTINCT row_key "
            f"FROM staging.{entry.name} WHERE batch_id = :b",
            b=batch_id,
        )

    def stored() -> dict[str, list[str]]:
        rows = {name: warehouse.read(f"SELECT * FROM curated.{name}") for name in tables.CANONICAL}
        return {
            name: sorted(str(row | _from_load(row, is_history)) for row in table.to_pylist())
            for name, table in rows.items()
        }

    def load() -> dict[str, list[str]]:
        batch, _ = put(
            warehouse,
            lines(
                line("1"),
                line("2"),
                line("2", line_amount_cents=7),
                derived={
                    "orders": [line("1"), line("2")],
                    "customers": [{"customer_id": "c"}],
                    "products": [{"product_id": "p"}],
                },
            ),
            history=is_history,
        )
        curate(warehouse, settings=settings, batch_id=batch)
        return stored()

    split = load()
    assert sum(map(len, content(warehouse).values())) > 0
    with warehouse.transaction() as transaction:
        names = ", ".join(f"curated.{name}" for name in tables.CANONICAL)
        transaction.execute(
            f"TRUNCATE {names}, raw.deliveries, raw.batches, ops.receipts RESTART IDENTITY CASCADE"
        )
    monkeypatch.setattr(contested, "create_contested_keys", all_keys)
    assert load() == split
    assert {len(rows) for rows in split.values()} >= {1, 2, 3}
