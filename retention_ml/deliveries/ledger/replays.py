"""Batches of quarantined rows: what `replay` reads from the ledger and enters in it."""

from collections.abc import Sequence

from retention_ml import clock
from retention_ml.deliveries.ledger.landing import insert_batch
from retention_ml.warehouse import Transaction

_WAITING = "replayed_in IS NULL AND (CAST(:reason AS text) IS NULL OR reason_code = :reason)"


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


def reopen_replay(transaction: Transaction, source: str, reason: str | None) -> int | None:
    """Open the replay of the same rows that was begun and never curated; its batch, if any."""
    rows = transaction.execute(
        "UPDATE raw.batches SET status = 'landed', reason = NULL, closed_at = NULL "
        "WHERE batch_id = (SELECT min(batch_id) FROM raw.deliveries WHERE source = :source "
        "AND replay_of IS NOT NULL AND reason_code IS NOT DISTINCT FROM :reason "
        "AND status IN ('landed', 'staged', 'held')) RETURNING batch_id",
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


def insert_replay(
    transaction: Transaction,
    *,
    source: str,
    reason: str | None,
    deliveries: Sequence[int],
    mapping_sha256: str,
    run_id: str,
) -> int:
    """Enter a batch with one delivery for each of these; it is history if all of them were."""
    now = clock.now()
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
        "WHERE delivery_id = ANY(:ids) ORDER BY delivery_id",
        batch=batch_id,
        mapping=mapping_sha256,
        reason=reason,
        now=now,
        ids=deliveries,
    )
    return batch_id
