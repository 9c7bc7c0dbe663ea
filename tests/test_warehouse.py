"""The warehouse: COPY, expressions."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import date

import ibis
import pyarrow as pa
import pytest
import sqlalchemy as sa

from retention_ml import tables
from retention_ml.errors import UsageError, WarehouseError
from retention_ml.warehouse import Warehouse

_PG = {
    "text": "text",
    "int64": "bigint",
    "float64": "double precision",
    "bool": "boolean",
    "timestamp": "timestamp with time zone",
    "date": "date",
    "bytes": "bytea",
}


def _columns(warehouse: Warehouse, schema: str, table: str) -> list[tuple[str, str, bool]]:
    with warehouse.transaction() as transaction:
        rows = transaction.execute(
            "SELECT column_name, data_type, is_nullable = 'NO' FROM information_schema.columns "
            "WHERE table_schema = :schema AND table_name = :table ORDER BY ordinal_position",
            schema=schema,
            table=table,
        )
    return [(name, kind, required) for name, kind, required in rows]


def test_the_catalogue_names_the_canonical_tables() -> None:
    assert set(tables.CANONICAL) == {
        "customers", "products", "orders", "order_lines", "events", "feedback", "campaign_contacts",
        "exchange_rates", "contact_permissions",
    }  # fmt: skip


@pytest.mark.parametrize("schema", ["staging", "curated"])
@pytest.mark.parametrize("name", sorted(tables.CANONICAL))
def test_migrations_create_what_the_catalogue_says(
    warehouse: Warehouse, schema: str, name: str
) -> None:
    extra = tables.STAGED if schema == "staging" else tables.LINEAGE
    columns = sorted((*tables.CANONICAL[name], *extra), key=lambda c: c.is_later)
    expected = [(c.name, _PG[c.type], c.required) for c in columns]
    assert _columns(warehouse, schema, name) == expected


def test_rows_copied_in_come_back_equal(warehouse: Warehouse) -> None:
    rows = pa.table(
        {
            "batch_id": pa.array([1, 1], pa.int64()),
            "delivery_id": pa.array([1, 1], pa.int64()),
            "line_number": pa.array([2, 3], pa.int64()),
            "raw_text": ["a,ü,\\N", "tab\there"],
            "raw_bytes": pa.array([None, b"\x00\xff"], pa.binary()),
            "reason_code": ["x", "y"],
            "detail": [None, "Qty: '1;5'"],
        }
    )
    with warehouse.transaction() as transaction:
        assert transaction.copy("staging.rejects", rows) == 2
    back = warehouse.read("SELECT * FROM staging.rejects ORDER BY line_number")
    assert back.to_pylist() == rows.to_pylist()


def test_an_expression_is_inserted_in_the_database(warehouse: Warehouse) -> None:
    fences = ibis.table({"name": "string", "epoch": "int64"}, name="fences", database="ops")
    with warehouse.transaction() as transaction:
        transaction.execute("INSERT INTO ops.fences VALUES ('a%b', 1)")
        written = transaction.insert(
            "ops.fences", fences.select(name=fences.name + "%", epoch=fences.epoch + 1)
        )
    assert written == 1
    assert warehouse.read("SELECT epoch FROM ops.fences ORDER BY 1")["epoch"].to_pylist() == [1, 2]


def _insert_then_fail(warehouse: Warehouse) -> None:
    with warehouse.transaction() as transaction:
        transaction.execute("INSERT INTO ops.fences VALUES ('a', 1)")
        transaction.execute("SELECT no_such_column FROM ops.fences")


def test_a_failed_block_keeps_nothing(warehouse: Warehouse) -> None:
    with pytest.raises(WarehouseError, match="Nothing of that transaction was kept"):
        _insert_then_fail(warehouse)
    assert warehouse.read("SELECT * FROM ops.fences").num_rows == 0


def test_another_database_is_refused_by_name() -> None:
    with pytest.raises(UsageError, match="begins with 'sqlite'"):
        Warehouse("sqlite:///x.db")


def test_reading_goes_on_after_the_server_cut_its_connections(warehouse: Warehouse) -> None:
    assert warehouse.read("SELECT 1 AS one")["one"].to_pylist() == [1]
    with warehouse.transaction() as transaction:
        transaction.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    assert warehouse.read("SELECT 2 AS two")["two"].to_pylist() == [2]


def test_what_a_query_asked_of_the_planner_does_not_reach_the_next(warehouse: Warehouse) -> None:
    shown = "SELECT current_setting('enable_nestloop') AS setting"
    assert warehouse.read(shown, planner={"enable_nestloop": "off"})["setting"].to_pylist() == [
        "off"
    ]
    assert warehouse.read(shown)["setting"].to_pylist() == ["on"]


def test_a_row_goes_in_by_column_name_and_a_mapping_as_jsonb(warehouse: Warehouse) -> None:
    with warehouse.transaction() as transaction:
        transaction.execute("CREATE TABLE public.notes (id bigint PRIMARY KEY, text jsonb)")
        row = {"id": 1, "text": {"day": date(2026, 3, 1)}}
        inserted = transaction.insert_row("public.notes", row, returning="id, text ->> 'day'")
        assert inserted is not None
        assert tuple(inserted) == (1, "2026-03-01")
        again = transaction.insert_row(
            "public.notes", row, on_conflict="DO NOTHING", returning="id"
        )
        assert again is None


def test_a_stream_is_a_cursor_of_the_database(warehouse: Warehouse) -> None:
    with warehouse.transaction() as transaction:
        rows = transaction.stream("SELECT i FROM generate_series(1, :n) AS i", n=5_000)
        assert next(rows)[0] == 1
        assert transaction.execute("SELECT count(*) FROM pg_cursors")[0][0] == 1
        assert sum(1 for _ in rows) == 4_999


def test_a_lock_is_held_until_the_transaction_ends(warehouse: Warehouse) -> None:
    waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted"
    with warehouse.transaction() as transaction, warehouse.transaction() as other:
        transaction.lock("a name")
        assert other.execute(waiting)[0][0] == 1
    with warehouse.transaction() as transaction:
        assert transaction.execute(waiting)[0][0] == 0


def test_a_process_whose_connections_are_all_in_use_is_told_in_a_sentence(
    warehouse: Warehouse,
) -> None:
    narrow = Warehouse(warehouse.url)
    narrow.engine = sa.create_engine(
        narrow.connections.sqlalchemy_url(), pool_size=1, max_overflow=0, pool_timeout=0.1
    )
    limit = pytest.raises(WarehouseError, match="QueuePool limit")
    with closing(narrow), narrow.transaction(), limit, narrow.transaction():
        pytest.fail("a second connection was made")


def test_one_at_a_time_is_in_an_exclusive_block_and_others_wait_for_a_bounded_time(
    warehouse: Warehouse,
) -> None:
    other = Warehouse(f"{warehouse.url}?options=-c%20lock_timeout%3D200ms")
    with warehouse.exclusive("register"):
        with warehouse.exclusive("another"):
            pass
        with pytest.raises(WarehouseError), other.exclusive("register"):
            pytest.fail("two were in the block")
    with pytest.raises(KeyError), warehouse.exclusive("register"):
        raise KeyError("whatever happens inside")
    with warehouse.exclusive("register"):
        pass
    other.close()


def test_a_process_whose_connection_breaks_off_leaves_the_exclusive_block(
    warehouse: Warehouse,
) -> None:
    with warehouse.exclusive("register"):
        with warehouse.transaction() as transaction:
            transaction.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' "
                "AND pid <> pg_backend_pid()"
            )
        with warehouse.exclusive("register"):
            pass


def test_a_lock_that_another_run_holds_is_waited_for_and_named(warehouse: Warehouse) -> None:
    other = Warehouse(f"{warehouse.url}?options=-c%20lock_timeout%3D200ms")
    with closing(other), warehouse.transaction() as holder:
        holder.lock("long")
        with (
            pytest.raises(WarehouseError, match="Another run holds what this one waited for"),
            other.transaction() as transaction,
        ):
            transaction.lock("long")
    with closing(other), ThreadPoolExecutor() as pool:
        with warehouse.transaction() as holder:
            holder.lock("long")
            waiting = pool.submit(_lock_patiently, other)
            with pytest.raises(TimeoutError):
                waiting.result(0.6)
        assert waiting.result(60) == "200ms"


def _lock_patiently(warehouse: Warehouse) -> str:
    """Take a lock; what other locks of the transaction are waited for afterwards."""
    with warehouse.transaction() as transaction:
        transaction.lock("long", minutes_max=1)
        return str(transaction.execute("SHOW lock_timeout")[0][0])
