"""Rows of customers of old days are deleted; the day's figures stay.

What is deleted can be made again: stages and values are functions of what was known on the day.
"""

from datetime import date, timedelta

from retention_ml import clock
from retention_ml.failpoints import failpoint
from retention_ml.warehouse import Transaction, Warehouse

_TABLES = ("profiles.customer_daily", "profiles.customer_value")
_SNAPSHOTS_MAX = 30  # a first time after years must not take an evening


def prune(warehouse: Warehouse, as_of: date, *, history_days: int) -> int:
    """Delete rows of customers of snapshots made for days long before a day; how many snapshots.

    At most thirty of them, the oldest first: the rest follows the next time. A snapshot whose rows
    are gone is marked, so that nobody takes it for one of no customers.

    Parameters
    ----------
    history_days : int
        So many days before `as_of` keep their rows.
    """
    with warehouse.transaction() as transaction:
        # As a publisher does: who audits a day meanwhile finds the rows it begins from.
        transaction.execute("LOCK TABLE profiles.published IN SHARE ROW EXCLUSIVE MODE")
        rows = transaction.execute(
            "SELECT snapshot_id FROM profiles.snapshots WHERE as_of < :before "
            "AND customers_pruned_at IS NULL ORDER BY as_of, snapshot_id LIMIT :at_most",
            before=as_of - timedelta(days=history_days),
            at_most=_SNAPSHOTS_MAX,
        )
        snapshots = [int(row.snapshot_id) for row in rows]
        if not snapshots:
            return 0
        for table in _TABLES:
            transaction.execute(
                f"DELETE FROM {table} WHERE snapshot_id = ANY (:ids)", ids=snapshots
            )
        failpoint("prune_profiles.after_rows")
        transaction.execute(
            "UPDATE profiles.snapshots SET customers_pruned_at = :now WHERE snapshot_id = ANY (:ids)",
            now=clock.now(),
            ids=snapshots,
        )
    return len(snapshots)


def is_pruned(transaction: Transaction, snapshot_id: int) -> bool:
    """Whether the rows of a snapshot's customers are deleted."""
    return bool(
        transaction.execute(
            "SELECT FROM profiles.snapshots WHERE snapshot_id = :id "
            "AND customers_pruned_at IS NOT NULL",
            id=snapshot_id,
        )
    )
