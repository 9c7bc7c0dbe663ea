"""Which messages wait, and on which channels a worker has something to do."""

from datetime import datetime

from retention_ml.actions.outbox import ledger
from retention_ml.warehouse import Warehouse

_WAITING = (
    "SELECT channel, bool_or(state = 'pending' AND expires_at > :now AND not_before <= :now "
    "AND is_free) AS is_due, bool_or(is_free AND (state = 'sending' OR expires_at <= :now)) "
    "AS is_over FROM (SELECT channel, state, not_before, expires_at, "
    "lease_until IS NULL OR lease_until <= :now AS is_free FROM actions.outbox "
    "WHERE state IN ('pending', 'sending')) AS message GROUP BY channel ORDER BY channel"
)


def waiting_channels(warehouse: Warehouse, *, now: datetime) -> dict[str, bool]:
    """By channel with messages that wait, whether `dispatch` has something to do there.

    It has where a message is due and the channel is not stopped, where one is too late, and where
    a worker was lost.
    """
    with warehouse.transaction() as transaction:
        return {
            row.channel: bool(
                row.is_over or (row.is_due and not ledger.is_stopped(transaction, row.channel))
            )
            for row in transaction.execute(_WAITING, now=now)
        }
