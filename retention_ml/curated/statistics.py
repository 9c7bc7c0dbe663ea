"""What Postgres knows about the tables it plans by, right after a batch that changed them much.

By itself it looks at a table some minutes after a change (autovacuum); until then it plans the
queries of the next doors as if a history that was just imported were a few rows.
"""

from collections.abc import Mapping

from retention_ml.warehouse import Transaction

CHANGED_SHARE = 0.1
"""Of a table: what a batch has to add so that it is looked at anew, as with autovacuum's default."""
ROWS_MIN = 100
"""So few rows are planned well enough in any case; 600 permissions already are not."""

_ROWS_COUNT = "SELECT reltuples FROM pg_class WHERE oid = CAST(:name AS regclass)"


def analyze_changed(transaction: Transaction, written: Mapping[str, int]) -> list[str]:
    """Look at the tables of `curated` that many rows were written to; their names.

    A daily delta costs nothing but the question how large its table is.

    Parameters
    ----------
    written : mapping of str to int
        New rows by table.
    """
    names = []
    for table, count in written.items():
        name = f"curated.{table}"
        [(rows_count,)] = transaction.execute(_ROWS_COUNT, name=name)
        if count >= max(ROWS_MIN, CHANGED_SHARE * rows_count):
            transaction.execute(f"ANALYZE {name}")
            names.append(table)
    return names
