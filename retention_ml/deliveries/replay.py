"""The door that tries quarantined rows again, after a source description was mended."""

import time

from retention_ml import clock
from retention_ml.deliveries.reasons import meaning
from retention_ml.deliveries.sources import load_source
from retention_ml.errors import UsageError
from retention_ml.receipts import Receipt
from retention_ml.settings import Settings
from retention_ml.warehouse import Transaction, Warehouse


def replay(
    warehouse: Warehouse, *, settings: Settings, source: str | None, reason: str | None
) -> Receipt:
    """Make a new batch of quarantined rows, one delivery per delivery they came in.

    The rows are read when the batch is staged, by the description as it stands then, from
    the bytes kept in `quarantine.rows`; they keep their line numbers. A row is marked as
    replayed when the batch is curated, whether it was accepted or set aside again. A replay
    that was never finished is taken up again.

    Parameters
    ----------
    warehouse : Warehouse
    settings : Settings
    source : str or None
        Only rows of this source; None where only one source has rows in quarantine.
    reason : str or None
        Only rows with this reason code.

    Returns
    -------
    Receipt
        Counts rows; `details["batch_id"]` is the batch to stage, None where there are none.

    Raises
    ------
    UsageError
        Rows of several sources wait and none was named.
    """
    started = time.monotonic()
    with warehouse.transaction() as transaction:
        source = source or _only_source(transaction, reason)
        batch_id, rows, deliveries = None, 0, 0
        if source is not None:
            mapping = load_source(settings.sources, source).mapping_sha256
            transaction.execute(
                "SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))", key=f"land {source}"
            )
            batch_id = _unfinished(transaction, source, reason)
            if batch_id is None:
                batch_id, rows, deliveries = _enter(
                    transaction, source, reason, mapping, settings.run_id
                )
    return warehouse.record(
        Receipt(
            door="replay",
            read=rows,
            written=rows,
            seconds=time.monotonic() - started,
            details={
                "source": source,
                "reason": reason,
                "meaning": meaning(reason) if reason else None,
                "batch_id": batch_id,
                "deliveries": deliveries,
            },
        ),
        settings.run_id,
    )


def _only_source(transaction: Transaction, reason: str | None) -> str | None:
    found = [
        row[0]
        for row in transaction.execute(
            "SELECT DISTINCT source FROM quarantine.rows WHERE replayed_in IS NULL "
            "AND (CAST(:reason AS text) IS NULL OR reason_code = :reason) ORDER BY 1",
            reason=reason,
        )
    ]
    if len(found) > 1:
        raise UsageError(
            f"Quarantined rows of {len(found)} sources wait ({', '.join(found)}). "
            "Name one with --source; each is replayed as a batch of its own."
        )
    return found[0] if found else None


def _unfinished(transaction: Transaction, source: str, reason: str | None) -> int | None:
    """A replay of the same rows that was begun and never curated."""
    rows = transaction.execute(
        "UPDATE raw.batches SET status = 'landed', reason = NULL, closed_at = NULL WHERE batch_id = "
        "(SELECT min(told.batch_id) FROM raw.deliveries AS told WHERE told.source = :source "
        "AND told.replay_of IS NOT NULL AND told.reason_code IS NOT DISTINCT FROM :reason "
        "AND told.status IN ('landed', 'staged', 'held')) RETURNING batch_id",
        source=source,
        reason=reason,
    )
    if not rows:
        return None
    transaction.execute(
        "UPDATE raw.deliveries SET status = 'landed' WHERE batch_id = :b AND status = 'held'",
        b=rows[0][0],
    )
    return int(rows[0][0])


def _enter(
    transaction: Transaction, source: str, reason: str | None, mapping: str, run_id: str
) -> tuple[int | None, int, int]:
    """Batch, rows and deliveries of a new replay; no batch where nothing waits."""
    waiting = transaction.execute(
        "SELECT bad.delivery_id, count(*) FROM quarantine.rows AS bad WHERE bad.source = :source "
        "AND bad.replayed_in IS NULL AND (CAST(:reason AS text) IS NULL OR bad.reason_code = :reason) "
        "GROUP BY 1 ORDER BY 1",
        source=source,
        reason=reason,
    )
    if not waiting:
        return None, 0, 0
    now = clock.now()
    histories = transaction.execute(
        "SELECT bool_and(is_history) FROM raw.deliveries WHERE delivery_id = ANY(:ids)",
        ids=[row[0] for row in waiting],
    )
    batch_id = transaction.execute(
        "INSERT INTO raw.batches (source, is_history, status, run_id, created_at) "
        "VALUES (:source, :history, 'landed', :run, :now) RETURNING batch_id",
        source=source,
        history=histories[0][0],
        run=run_id,
        now=now,
    )[0][0]
    transaction.change(
        "INSERT INTO raw.deliveries (batch_id, source, feed, file_name, file_sha256, size_bytes, "
        "mapping_sha256, columns_found, is_history, replay_of, status, reason_code, landed_at) "
        "SELECT :batch, source, feed, file_name, file_sha256, size_bytes, :mapping, columns_found, "
        "is_history, delivery_id, 'landed', :reason, :now FROM raw.deliveries "
        "WHERE delivery_id = ANY(:ids) ORDER BY delivery_id",
        batch=batch_id,
        mapping=mapping,
        reason=reason,
        now=now,
        ids=[row[0] for row in waiting],
    )
    return int(batch_id), sum(row[1] for row in waiting), len(waiting)
