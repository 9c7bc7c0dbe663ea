"""Snapshots of a day in a schema: the right to publish, the digest, the rows, and the pointer.

Such a schema has the tables `snapshots` (one row per run: `snapshot_id`, `as_of`, `status`,
`epoch`, `reason`, `run_id`, `built_at`, `published_at`, and whatever the run says of itself),
`published` (the pointer: `as_of`, `snapshot_id`, `epoch`, `published_at`) and `audits`.
"""

import hashlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import pyarrow as pa

from retention_ml import clock
from retention_ml.statistics.arrays import column_bytes
from retention_ml.warehouse import Transaction, Warehouse

_ANALYZED_ROWS = 10_000  # from how many on it matters how a query is planned


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshots:
    """The snapshots of one schema.

    Parameters
    ----------
    schema : str
    tables : mapping of str to str
        The tables of a snapshot's rows, by the name of what goes into them.
    of_day : collection of str
        Those of the names whose table has a column `as_of`.
    """

    schema: str
    tables: Mapping[str, str]
    of_day: Collection[str]

    def fence(self, as_of: date) -> str:
        """The name of the fence of a day."""
        return f"{self.schema}:{as_of}"

    def acquire_epoch(self, warehouse: Warehouse, as_of: date) -> int:
        """Raise the day's fence: from now on no run that began earlier can publish it."""
        with warehouse.transaction() as transaction:
            [(epoch,)] = transaction.execute(
                "INSERT INTO ops.fences AS fence (name, epoch) VALUES (:name, 1) "
                "ON CONFLICT (name) DO UPDATE SET epoch = fence.epoch + 1 RETURNING epoch",
                name=self.fence(as_of),
            )
        return int(epoch)

    def digest(self, rows: Mapping[str, pa.Table]) -> str:
        """SHA-256 of all rows of a snapshot: equal rows have equal digests, to the last bit."""
        sha256 = hashlib.sha256()
        for name in self.tables:
            for column in rows[name].column_names:
                values = rows[name][column].combine_chunks()
                if pa.types.is_date(values.type) or pa.types.is_boolean(values.type):
                    values = values.cast(pa.int32())
                sha256.update(f"{name}.{column}:{len(values)}\n".encode())
                sha256.update(column_bytes(values))
        return sha256.hexdigest()

    def published(self, transaction: Transaction, as_of: date) -> int | None:
        """The snapshot that readers see for a day, None without one."""
        rows = transaction.execute(
            f"SELECT snapshot_id FROM {self.schema}.published WHERE as_of = :as_of", as_of=as_of
        )
        return int(rows[0][0]) if rows else None

    def published_alike(self, warehouse: Warehouse, manifest: Mapping[str, Any]) -> int | None:
        """The snapshot that readers of the day see, if it is equal in every respect."""
        conditions = " AND ".join(f"{name} IS NOT DISTINCT FROM :{name}" for name in manifest)
        with warehouse.transaction() as transaction:
            rows = transaction.execute(
                f"SELECT snapshot_id FROM {self.schema}.snapshots WHERE snapshot_id = "
                f"(SELECT snapshot_id FROM {self.schema}.published WHERE as_of = :as_of) "
                f"AND {conditions}",
                **manifest,
            )
        return int(rows[0][0]) if rows else None

    def write(
        self,
        warehouse: Warehouse,
        rows: Mapping[str, pa.Table],
        manifest: Mapping[str, Any],
        *,
        epoch: int,
        run_id: str,
        before_commit: Callable[[], None],
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
            row = transaction.insert_row(
                f"{self.schema}.snapshots", stamped, returning="snapshot_id"
            )
            assert row is not None
            snapshot_id = int(row[0])
            for name, table in self.tables.items():
                content = rows[name]
                n = content.num_rows
                content = content.append_column("snapshot_id", pa.repeat(pa.scalar(snapshot_id), n))
                if name in self.of_day:
                    as_of = pa.repeat(pa.scalar(manifest["as_of"]), n)
                    content = content.append_column("as_of", as_of)
                transaction.copy(table, content)
            before_commit()
        with warehouse.transaction() as transaction:
            # The planner takes a number that it has never seen for that of a single row.
            for name, table in self.tables.items():
                if rows[name].num_rows >= _ANALYZED_ROWS:
                    transaction.execute(f"ANALYZE {table} (snapshot_id)")
        return snapshot_id
