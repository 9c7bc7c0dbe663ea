"""The door that forgets keys of events that nobody sends again any more."""

import time
from datetime import timedelta

from retention_ml import clock
from retention_ml.receipts import Receipt
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse

_ROWS_AT_ONCE = 50_000


def prune_keys(warehouse: Warehouse, *, settings: Settings) -> Receipt:
    """Delete events that were received more than `live.keys_kept_days` ago and are delivered.

    Their rows are in the ledger of deliveries; only a repetition under the same key is not recognised
    by it any more, but by its content as that of any file. At most 50,000 at once.

    Returns
    -------
    Receipt
        Counts events, all left out.
    """
    started = time.perf_counter()
    with warehouse.transaction() as transaction:
        deleted = transaction.change(
            "DELETE FROM live.events WHERE event_id IN (SELECT event_id FROM live.events "
            "JOIN live.batches USING (live_batch_id) WHERE received_at < :before "
            "AND status <> 'cut' ORDER BY event_id LIMIT :rows)",
            before=clock.now() - timedelta(days=settings.live.keys_kept_days),
            rows=_ROWS_AT_ONCE,
        )
    receipt = Receipt(
        door="prune_keys",
        read=deleted,
        written=0,
        left_out=deleted,
        seconds=time.perf_counter() - started,
    )
    return warehouse.record(receipt, settings.run_id) if deleted else receipt
