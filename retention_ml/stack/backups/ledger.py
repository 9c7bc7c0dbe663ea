"""`ops.backups`: what was taken, verified, restored for a trial, removed. For pages and metrics.

The folder is the truth: the ledger is brought up to it.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import cast

from retention_ml import clock
from retention_ml.stack.backups.manifest import Manifest, to_row
from retention_ml.warehouse import Warehouse


def record(warehouse: Warehouse, manifests: Iterable[Manifest]) -> None:
    """Store backups that are not in the ledger yet."""
    with warehouse.transaction() as transaction:
        for manifest in manifests:
            transaction.execute(
                "INSERT INTO ops.backups (name, kind, taken_at, migration, size_bytes, "
                "files_count, tables_count, rows_count) VALUES (:name, :kind, :taken_at, "
                ":migration, :size_bytes, :files_count, :tables_count, :rows_count) "
                "ON CONFLICT (name) DO NOTHING",
                **to_row(manifest),
            )


def record_verified(warehouse: Warehouse, name: str, *, is_drill: bool) -> None:
    """Store that a backup is whole, and whether it was restored to know it."""
    drilled = ", drilled_at = :now" if is_drill else ""
    with warehouse.transaction() as transaction:
        transaction.execute(
            f"UPDATE ops.backups SET verified_at = :now{drilled} WHERE name = :name",
            now=clock.now(),
            name=name,
        )


def record_removed(warehouse: Warehouse, there: Iterable[str]) -> None:
    """Store when those that are not in the folder any more were missed."""
    with warehouse.transaction() as transaction:
        transaction.execute(
            "UPDATE ops.backups SET removed_at = :now "
            "WHERE removed_at IS NULL AND name <> ALL (:there)",
            now=clock.now(),
            there=list(there),
        )


def unverified(warehouse: Warehouse) -> set[str]:
    """Names of backups that nobody has read whole."""
    rows = warehouse.read(
        "SELECT name FROM ops.backups WHERE verified_at IS NULL AND removed_at IS NULL"
    )
    return set(rows["name"].to_pylist())


def last_drill(warehouse: Warehouse) -> datetime | None:
    """When a backup was last restored for a trial."""
    last = warehouse.read("SELECT max(drilled_at) AS drilled_at FROM ops.backups")
    return cast("datetime | None", last["drilled_at"][0].as_py())
