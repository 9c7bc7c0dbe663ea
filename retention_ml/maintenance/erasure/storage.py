"""What Postgres still has of deleted rows: dead tuples, statistics and WAL are written over."""

from collections.abc import Sequence

from retention_ml import clock
from retention_ml.connections import DRIVER_ERRORS
from retention_ml.errors import WarehouseError
from retention_ml.privacy.register import PERSONAL_COLUMNS
from retention_ml.warehouse import Warehouse

# A segment that is recycled keeps its old bytes; without that it is deleted by the next checkpoint.
_NO_RECYCLING = ("ALTER SYSTEM SET wal_recycle = off", "SELECT pg_reload_conf()")
_RECYCLING = ("ALTER SYSTEM RESET wal_recycle", "SELECT pg_reload_conf()")
_CLEARS_STATISTICS = 180_000  # the version from which Postgres has a function for it
_SWITCHES = ("SELECT pg_switch_wal()", "CHECKPOINT") * 3


def touched_tables(warehouse: Warehouse) -> list[str]:
    """The tables of which old bytes may still be on the disk."""
    with warehouse.transaction() as transaction:
        rows = transaction.execute(
            "SELECT table_name FROM privacy.erased_rows WHERE rewritten_at IS NULL ORDER BY 1"
        )
    return [row.table_name for row in rows]


def rewrite_tables(warehouse: Warehouse) -> list[str]:
    """Write touched tables anew, so that no page has a deleted row; which.

    Each is locked meanwhile, about a second per 100 MB.
    """
    tables = touched_tables(warehouse)
    for table in tables:
        _run(warehouse, [f"VACUUM (FULL, ANALYZE) {table}"])
        with warehouse.transaction() as transaction:
            transaction.change(
                "UPDATE privacy.erased_rows SET rewritten_at = :now WHERE table_name = :table",
                now=clock.now(),
                table=table,
            )
    return tables


def clear_statistics(warehouse: Warehouse) -> None:
    """Compute the statistics of all personal columns anew: their most common values are persons."""
    for table in sorted({column.table for column in PERSONAL_COLUMNS}):
        _run(warehouse, [f"ANALYZE {table}"])
        _clear_of_empty(warehouse, table)


def _clear_of_empty(warehouse: Warehouse, table: str) -> None:
    """Drop the statistics of a table without rows: what it once held, which ANALYZE leaves."""
    schema, _, name = table.partition(".")
    with warehouse.transaction() as transaction:
        [[version]] = transaction.execute("SHOW server_version_num")
        if transaction.execute(f"SELECT 1 FROM {table} LIMIT 1"):
            return
        for row in transaction.execute(
            "SELECT attname, (SELECT data_type FROM information_schema.columns "
            "WHERE (table_schema, table_name, column_name) = (schemaname, tablename, attname)) "
            "AS data_type FROM pg_stats WHERE schemaname = :schema AND tablename = :name",
            schema=schema,
            name=name,
        ):
            if int(version) >= _CLEARS_STATISTICS:
                transaction.execute(
                    "SELECT pg_clear_attribute_stats(:schema, :name, :column, false)",
                    schema=schema,
                    name=name,
                    column=row.attname,
                )
            elif schema == "staging":  # no view stands on it
                transaction.execute(
                    f"ALTER TABLE {table} ALTER COLUMN {row.attname} TYPE {row.data_type}"
                )


def clear_wal(server: Warehouse) -> bool:
    """Write system tables anew and let WAL that was written so far go; whether that was permitted.

    Parameters
    ----------
    server : Warehouse
        The database, as a role that may checkpoint and change settings.
    """
    try:
        _run(server, ["VACUUM (FULL) pg_statistic", *_NO_RECYCLING])
    except WarehouseError:
        return False
    try:
        _run(server, _SWITCHES)
    finally:
        _run(server, _RECYCLING)
    return True


def _run(warehouse: Warehouse, statements: Sequence[str]) -> None:
    """Statements that may not stand in a transaction, however long they take."""
    try:
        with warehouse.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as session:
            session.detach()  # its settings go with it
            for statement in ("SET statement_timeout = 0", *statements):
                session.exec_driver_sql(statement)
    except DRIVER_ERRORS as error:
        raise warehouse.connections.explain(error) from error
