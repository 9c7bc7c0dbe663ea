"""The stored figures of published lists: `outcomes.list_performance`."""

from collections.abc import Sequence
from datetime import date

import pyarrow as pa

from retention_ml import clock
from retention_ml.failpoints import failpoint
from retention_ml.outcomes.lists.comparison import Row
from retention_ml.outcomes.lists.published import PublishedLists
from retention_ml.warehouse import Transaction, Warehouse

_SCHEMA = pa.schema(
    [
        ("as_of", pa.date32()),
        ("snapshot_id", pa.int64()),
        *((name, pa.string()) for name in ("method", "list", "metric")),
        *((name, pa.float64()) for name in ("value", "lower", "upper")),
        *((f"difference{end}", pa.float64()) for end in ("", "_lower", "_upper")),
        ("customers_count", pa.int64()),
        ("abnormal_count", pa.int64()),
        ("known_as_of", pa.date32()),
        ("measured_at", pa.timestamp("us", tz="UTC")),
    ]
)


def known_since(transaction: Transaction) -> dict[int, date]:
    """By snapshot, the day as of which the purchases behind its stored figures were known."""
    rows = transaction.execute(
        "SELECT snapshot_id, min(known_as_of) AS known_as_of FROM outcomes.list_performance "
        "GROUP BY snapshot_id"
    )
    return {int(row.snapshot_id): row.known_as_of for row in rows}


def write(
    warehouse: Warehouse, lists: PublishedLists, rows: Sequence[Row], *, known_as_of: date
) -> bool:
    """Replace the day's stored rows, unless those were known later or are of newer lists.

    Whether they were written.
    """
    stamps: Row = {
        "as_of": lists.as_of,
        "snapshot_id": lists.snapshot_id,
        "known_as_of": known_as_of,
    }
    with warehouse.transaction() as transaction:
        transaction.lock(f"list_performance:{lists.as_of}")
        if transaction.execute(
            "SELECT 1 FROM outcomes.list_performance WHERE as_of = :as_of "
            "AND (known_as_of > :known_as_of OR snapshot_id > :snapshot_id) LIMIT 1",
            **stamps,
        ):
            return False
        transaction.execute(
            "DELETE FROM outcomes.list_performance WHERE as_of = :as_of", as_of=lists.as_of
        )
        stamps["measured_at"] = clock.now()
        stamped = [row | stamps for row in rows]
        transaction.copy("outcomes.list_performance", pa.Table.from_pylist(stamped, schema=_SCHEMA))
        failpoint("measure_lists.before_commit")
    return True
