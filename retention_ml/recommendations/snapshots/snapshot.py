"""One run's lists in the database: the right to publish, the digest, and the rows."""

import hashlib
from collections.abc import Mapping
from datetime import date
from typing import Any

import pyarrow as pa

from retention_ml import clock
from retention_ml.failpoints import failpoint
from retention_ml.recommendations.snapshots.day_lists import DayLists
from retention_ml.statistics.arrays import column_bytes
from retention_ml.warehouse import Warehouse

_TABLES = {
    "lists": "recommendations.customer_daily",
    "products": "recommendations.product_daily",
    "filtered": "recommendations.filtered",
    "exclusions": "recommendations.exclusions",
}
_OF_DAY = ("lists", "products")


def fence(as_of: date) -> str:
    """The name of the fence of a day."""
    return f"recommendations:{as_of}"


def acquire_epoch(warehouse: Warehouse, as_of: date) -> int:
    """Raise the day's fence: from now on no run that began earlier can publish it."""
    with warehouse.transaction() as transaction:
        [(epoch,)] = transaction.execute(
            "INSERT INTO ops.fences AS fence (name, epoch) VALUES (:name, 1) "
            "ON CONFLICT (name) DO UPDATE SET epoch = fence.epoch + 1 RETURNING epoch",
            name=fence(as_of),
        )
    return int(epoch)


def digest(rows: DayLists) -> str:
    """SHA-256 of all rows of a snapshot: equal lists have equal digests, to the last bit."""
    sha256 = hashlib.sha256()
    for name in _TABLES:
        table: pa.Table = getattr(rows, name)
        for column in table.column_names:
            values = table[column].combine_chunks()
            if pa.types.is_date(values.type) or pa.types.is_boolean(values.type):
                values = values.cast(pa.int32())
            sha256.update(f"{name}.{column}:{len(values)}\n".encode())
            sha256.update(column_bytes(values))
    return sha256.hexdigest()


def published_alike(warehouse: Warehouse, manifest: Mapping[str, Any]) -> int | None:
    """The snapshot that readers of the day see, if it is equal in every respect."""
    conditions = " AND ".join(f"{name} IS NOT DISTINCT FROM :{name}" for name in manifest)
    with warehouse.transaction() as transaction:
        rows = transaction.execute(
            "SELECT snapshot_id FROM recommendations.snapshots WHERE snapshot_id = "
            "(SELECT snapshot_id FROM recommendations.published WHERE as_of = :as_of) "
            f"AND {conditions}",
            **manifest,
        )
    return int(rows[0][0]) if rows else None


def write(
    warehouse: Warehouse, rows: DayLists, manifest: Mapping[str, Any], *, epoch: int, run_id: str
) -> int:
    """Write a manifest and its rows in one transaction; the snapshot's number."""
    stamped = {
        **manifest,
        "status": "built",
        "epoch": epoch,
        "run_id": run_id,
        "built_at": clock.now(),
    }
    with warehouse.transaction() as transaction:
        row = transaction.insert_row("recommendations.snapshots", stamped, returning="snapshot_id")
        assert row is not None
        snapshot_id = int(row[0])
        for name, table in _TABLES.items():
            content: pa.Table = getattr(rows, name)
            n = content.num_rows
            content = content.append_column("snapshot_id", pa.repeat(pa.scalar(snapshot_id), n))
            if name in _OF_DAY:
                as_of = pa.repeat(pa.scalar(manifest["as_of"]), n)
                content = content.append_column("as_of", as_of)
            transaction.copy(table, content)
        failpoint("recommend.after_rows")
        failpoint("recommend.before_commit")
    return snapshot_id
