"""Batches of quarantined rows: what `replay` reads from the ledger and enters in it."""

from collections.abc import Sequence

from retention_ml import clock
from retention_ml.deliveries.ledger.landing import insert_batch
from retention_ml.warehouse import Transaction

_WAITING = (
    "replayed_in IS NULL AND expired_at IS NULL "
    "AND (CAST(:reason AS text) IS NULL OR reason_code = :reason)"
)


def waiting_sources(transaction: Transaction, reason: str | None) -> list[str]:
    """The sources with rows in quarantine that were not replayed yet."""
    rows = transaction.execute(
        f"SELECT DISTINCT source FROM quarantine.rows WHERE {_WAITING} ORDER BY 1", reason=reason
    )
    return [row[0] for row in rows]


def waiting_row_counts(transaction: Transaction, source: str, reason: str | None) -> dict[int, int]:
    """How many rows of a source wait in quarantine, by the delivery they came in."""
    rows = transaction.execute(
        "SELECT delivery_id, count(*) FROM quarantine.rows "
        f"WHERE source = :source AND {_WAITING} GROUP BY 1 ORDER BY 1",
        source=source,
        reason=reason,
    )
    return {row[0]: row[1] for row in rows}


def reopen_replays(transaction: Transaction, source: str, reason: str | None) -> int | None:
    """Open the replays of the same rows that were begun and never curated, as one batch, if any."""
    rows = transaction.execute(
        "SELECT batch_id FROM raw.batches WHERE batch_id IN (SELECT batch_id FROM raw.deliveries "
        "WHERE source = :source AND replay_of IS NOT NULL "
        "AND reason_code IS NOT DISTINCT FROM :reason "
        "AND status IN ('landed', 'staged', 'held')) ORDER BY batch_id FOR UPDATE",
        source=source,
        reason=reason,
    )
    if not rows:
        return None
    oldest, *others = [int(row.batch_id) for row in rows]
    transaction.execute(
        "UPDATE raw.deliveries SET batch_id = :oldest, "
        "status = CASE status WHEN 'held' THEN 'landed' ELSE status END WHERE batch_id = ANY(:ids)",
        oldest=oldest,
        ids=[oldest, *others],
    )
    transaction.execute(
        "UPDATE raw.batches SET status = 'landed', reason = NULL, closed_at = NULL "
        "WHERE batch_id = :oldest",
        oldest=oldest,
    )
    transaction.execute("DELETE FROM raw.batches WHERE batch_id = ANY(:others)", others=others)
    return oldest


def insert_replays(
    transaction: Transaction,
    *,
    batch_id: int | None,
    source: str,
    reason: str | None,
    deliveries: Sequence[int],
    mapping_sha256: str,
    run_id: str,
) -> int:
    """Enter one delivery for each of these that the batch does not replay yet; returns the batch.

    Without one, a new batch is entered; it is history if all of them were.
    """
    now = clock.now()
    if batch_id is None:
        histories = transaction.execute(
            "SELECT bool_and(is_history) FROM raw.deliveries WHERE delivery_id = ANY(:ids)",
            ids=deliveries,
        )
        batch_id = insert_batch(
            transaction, source=source, is_history=histories[0][0], run_id=run_id, now=now
        )
    transaction.change(
        "INSERT INTO raw.deliveries (batch_id, source, feed, file_name, file_sha256, size_bytes, "
        "mapping_sha256, columns_found, is_history, replay_of, status, reason_code, landed_at) "
        "SELECT :batch, source, feed, file_name, file_sha256, size_bytes, :mapping, columns_found, "
        "is_history, delivery_id, 'landed', :reason, :now FROM raw.deliveries "
        "WHERE delivery_id = ANY(:ids) AND delivery_id NOT IN (SELECT replay_of "
        "FROM raw.deliveries WHERE batch_id = :batch AND replay_of IS NOT NULL) "
        "ORDER BY delivery_id",
        batch=batch_id,
        mapping=mapping_sha256,
        reason=reason,
        now=now,
        ids=deliveries,
    )
    return batch_id
