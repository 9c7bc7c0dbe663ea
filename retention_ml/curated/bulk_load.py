"""Indexes of a table that is filled for the first time: made once, after its rows are there.

Kept up row by row they take three quarters of the time, because keys are digests and fall anywhere
in their index.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from retention_ml.errors import WarehouseError
from retention_ml.failpoints import failpoint
from retention_ml.warehouse import Transaction

ROWS_MIN = 50_000
"""For fewer rows it is not worth the lock."""

# Not those that are kept up for nothing: by ranges of blocks, or of replaced versions alone.
_INDEXES = (
    "SELECT indexrelid::regclass::text AS name, pg_get_indexdef(indexrelid) AS definition "
    "FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid JOIN pg_am ON pg_am.oid = relam "
    "WHERE indrelid = CAST(:table AS regclass) AND amname = 'btree' "
    "AND coalesce(pg_get_expr(indpred, indrelid), '') NOT LIKE '%IS NOT NULL%' "
    "AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid) ORDER BY 1"
)


@contextmanager
def indexes_made_last(transaction: Transaction, name: str, batch_id: int) -> Iterator[None]:
    """A block that fills `curated.<name>` with a batch; if it is empty, its indexes are made last.

    Nobody else reads the table from then until the transaction ends. Where it has rows, where only a
    few are to come, where somebody reads it just now, or where the indexes are another role's, they
    stay and are kept up row by row.
    """
    definitions: list[str] = []
    if _is_first_load(transaction, name, batch_id):
        definitions = _dropped(transaction, f"curated.{name}")
    yield
    failpoint("curate.before_indexes")
    for definition in definitions:
        transaction.execute(definition)


def _is_first_load(transaction: Transaction, name: str, batch_id: int) -> bool:
    [(is_empty, is_large)] = transaction.execute(
        f"SELECT NOT EXISTS (SELECT FROM curated.{name}), "
        f"EXISTS (SELECT FROM staging.{name} WHERE batch_id = :b OFFSET :n LIMIT 1)",
        b=batch_id,
        n=ROWS_MIN - 1,
    )
    return bool(is_empty and is_large)


def _dropped(transaction: Transaction, table: str) -> list[str]:
    """The definitions of a table's indexes, which are dropped; none if that is not possible."""
    indexes = transaction.execute(_INDEXES, table=table)
    try:
        with transaction.savepoint():
            transaction.execute("SET LOCAL lock_timeout = '1s'")
            transaction.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
            transaction.execute("SET LOCAL lock_timeout TO DEFAULT")
            for index in indexes:
                transaction.execute(f"DROP INDEX {index.name}")
    except WarehouseError:
        return []
    return [index.definition for index in indexes]
