"""Rows of customers of old days are deleted; the day's figures stay.

What is deleted can be made again: stages and values are functions of what was known on the day.
"""

import time
from datetime import date, timedelta

from retention_ml import clock
from retention_ml.failpoints import failpoint
from retention_ml.warehouse import Transaction, Warehouse

_TABLES = ("profiles.customer_daily", "profiles.customer_value")
_SNAPSHOTS_MAX = 30  # a first time after years must not take an evening
_SECONDS_MAX = 60.0  # nor where the shop is large


def prune(warehouse: Warehouse, as_of: date, *, history_days: int) -> int:
    """Delete rows of customers of snapshots made for days long before a day; how many snapshots.

    The oldest first, each in a transaction of its own, so that publishers wait for one at most. At
    most thirty, and none is begun after a minute: the rest follows the next time. A snapshot whose
    rows are gone is marked, so that nobody takes it for one of no customers.

    Parameters
    ----------
    history_days : int
        So many days before `as_of` keep their rows.
    """
    before, began, count = as_of - timedelta(days=history_days), time.monotonic(), 0
    while count < _SNAPSHOTS_MAX and (count == 0 or time.monotonic() - began < _SECONDS_MAX):
        if not _prune_oldest(warehouse, before):
            break
        count += 1
    return count


def _prune_oldest(warehouse: Warehouse, before: date) -> bool:
    """Delete rows of the oldest snapshot that has some; False where there is none."""
    with warehouse.transaction() as transaction:
        # As a publisher does: who audits a day meanwhile finds the rows it begins from.
        transaction.execute("LOCK TABLE profiles.published IN SHARE ROW EXCLUSIVE MODE")
        rows = transaction.execute(
            "SELECT snapshot_id FROM profiles.snapshots WHERE as_of < :before "
            "AND customers_pruned_at IS NULL ORDER BY as_of, snapshot_id LIMIT 1",
            before=before,
        )
        if not rows:
            return False
        snapshot_id = int(rows[0].snapshot_id)
        for table in _TABLES:
            transaction.execute(f"DELETE FROM {table} WHERE snapshot_id = :id", id=snapshot_id)
        failpoint("prune_profiles.after_rows")
        transaction.execute(
            "UPDATE profiles.snapshots SET customers_pruned_at = :now WHERE snapshot_id = :id",
            now=clock.now(),
            id=snapshot_id,
        )
    return True


def is_pruned(transaction: Transaction, snapshot_id: int) -> bool:
    """Whether the rows of a snapshot's customers are deleted."""
    return bool(
        transaction.execute(
            "SELECT FROM profiles.snapshots WHERE snapshot_id = :id "
            "AND customers_pruned_at IS NOT NULL",
            id=snapshot_id,
        )
    )
