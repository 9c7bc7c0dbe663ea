"""A batch in the ledger, from staged to closed: its lock and status, row counts and rejects.

Short statements that `check` and `curate` run inside their own transaction.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from retention_ml import tables
from retention_ml.deliveries.ledger.row_counts import RowCounts
from retention_ml.errors import UsageError
from retention_ml.warehouse import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """A row of `raw.batches`."""

    batch_id: int
    source: str
    is_history: bool
    status: str
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The sums over a batch's deliveries; `is_recorded`: its curate receipt is stored."""

    delivered: int
    accepted: int
    quarantined: int
    duplicates: int
    corrected: int
    reasons: Mapping[str, int]
    is_recorded: bool


def lock_batch(transaction: Transaction, batch_id: int) -> Batch:
    """The batch, locked; batches are curated or held one at a time.

    One at a time across all sources: several sources may describe the same customers and products.

    Raises
    ------
    UsageError
        There is no such batch.
    """
    transaction.execute("SET LOCAL lock_timeout = '10min'")  # a large batch may come first
    transaction.execute("SELECT pg_advisory_xact_lock(hashtextextended('curated', 0))")
    transaction.execute("SET LOCAL lock_timeout = '30s'")
    return find_batch(transaction, batch_id, lock=True)


def find_batch(transaction: Transaction, batch_id: int, *, lock: bool = False) -> Batch:
    """The batch as it is now.

    Raises
    ------
    UsageError
        There is no such batch.
    """
    rows = transaction.execute(
        "SELECT batch_id, source, is_history, status, reason FROM raw.batches "
        f"WHERE batch_id = :b {'FOR UPDATE' if lock else ''}",
        b=batch_id,
    )
    if not rows:
        raise UsageError(
            f"There is no batch {batch_id}; `retention ingest` names the batch it made."
        )
    return Batch(**rows[0]._mapping)


def mark_repeated(transaction: Transaction, batch_id: int, now: datetime) -> None:
    """Mark files that another batch brought first as repeated, and drop their staged rows."""
    repeated = transaction.execute(
        "UPDATE raw.deliveries AS new SET status = 'repeated', delivered_count = 0, loaded_at = :now, "
        "reason_code = 'repeated_file', "
        "reason = 'The same bytes came in delivery ' || old.delivery_id || '; nothing was read.' "
        "FROM raw.deliveries AS old WHERE new.batch_id = :b AND new.status = 'staged' "
        "AND new.replay_of IS NULL AND old.replay_of IS NULL "
        "AND (old.source, old.feed, old.file_sha256) = (new.source, new.feed, new.file_sha256) "
        "AND (old.status IN ('accepted', 'held') "
        "OR (old.batch_id = new.batch_id AND old.status = 'staged' "
        "AND old.delivery_id < new.delivery_id)) "
        "RETURNING new.delivery_id",
        b=batch_id,
        now=now,
    )
    for name in (*tables.CANONICAL, "rejects") if repeated else ():
        transaction.change(
            f"DELETE FROM staging.{name} WHERE batch_id = :b AND delivery_id = ANY(:ids)",
            b=batch_id,
            ids=[row[0] for row in repeated],
        )


def staged_row_counts(transaction: Transaction, batch_id: int) -> dict[int, RowCounts]:
    """The row counts of each staged delivery of a batch that is not closed, by delivery.

    Raises
    ------
    UsageError
        A delivery of the batch was not staged.
    """
    rows = transaction.execute(
        "SELECT delivery_id, feed, replay_of, delivered_count AS delivered, status "
        "FROM raw.deliveries WHERE batch_id = :b AND status IN ('landed', 'staged') ORDER BY 1",
        b=batch_id,
    )
    for row in rows:
        if row.status == "landed":
            raise UsageError(
                f"Delivery {row.delivery_id} of batch {batch_id} is landed but not staged. "
                "Stage the batch first; `retention ingest` with the same files does all steps."
            )
    return {
        row.delivery_id: RowCounts(
            delivery_id=row.delivery_id,
            feed=row.feed,
            replay_of=row.replay_of,
            delivered=row.delivered,
        )
        for row in rows
    }


def count_rejects(
    transaction: Transaction, batch_id: int, row_counts: Mapping[int, RowCounts]
) -> None:
    """Count the rows that staging rejected."""
    for delivery_id, count in transaction.execute(
        "SELECT delivery_id, count(*) FROM staging.rejects WHERE batch_id = :b GROUP BY 1",
        b=batch_id,
    ):
        if delivery_id in row_counts:
            row_counts[delivery_id].quarantined = count


def count_staged(
    transaction: Transaction, name: str, batch_id: int, row_counts: Mapping[int, RowCounts]
) -> list[int] | None:
    """Count the rows of `staging.<name>`; returns the deliveries that brought them directly.

    Returns
    -------
    list of int or None
        Empty where all rows are derived, `None` where the batch has no row in the table.
    """
    rows = transaction.execute(
        f"SELECT delivery_id, count(*) FILTER (WHERE NOT is_derived) FROM staging.{name} "
        "WHERE batch_id = :b GROUP BY 1 ORDER BY 1",
        b=batch_id,
    )
    counts = {row[0]: row[1] for row in rows if row[0] in row_counts}
    for delivery_id, count in counts.items():
        row_counts[delivery_id].staged += count
    return [delivery_id for delivery_id, count in counts.items() if count] if rows else None


def delete_quarantined(transaction: Transaction, batch_id: int) -> None:
    """Delete the quarantined rows of staged files: those of a held batch that came again."""
    transaction.change(
        "DELETE FROM quarantine.rows AS old USING raw.deliveries AS delivery "
        "WHERE delivery.batch_id = :b AND delivery.status = 'staged' "
        "AND old.delivery_id = delivery.delivery_id",
        b=batch_id,
    )


def quarantine_rejects(transaction: Transaction, batch_id: int, now: datetime) -> int:
    """Copy the rejected rows to quarantine with the file they came in; returns how many."""
    return transaction.change(
        "INSERT INTO quarantine.rows (delivery_id, line_number, source, feed, file_sha256, "
        "raw_text, raw_bytes, reason_code, quarantined_at) "
        "SELECT bad.delivery_id, bad.line_number, delivery.source, delivery.feed, "
        "delivery.file_sha256, bad.raw_text, bad.raw_bytes, bad.reason_code, :now "
        "FROM staging.rejects AS bad JOIN raw.deliveries AS delivery USING (delivery_id) "
        "WHERE bad.batch_id = :b AND delivery.status = 'staged'",
        b=batch_id,
        now=now,
    )


def mark_replayed(
    transaction: Transaction,
    batch_id: int,
    staged_in: Iterable[str],
    row_counts: Mapping[int, RowCounts],
) -> None:
    """Note on every quarantined row that was replayed in which delivery that was."""
    if not any(counts.replay_of for counts in row_counts.values()):
        return
    for name in (*staged_in, "rejects"):
        transaction.change(
            "UPDATE quarantine.rows AS old SET replayed_in = new.delivery_id "
            f"FROM raw.deliveries AS new JOIN staging.{name} AS replayed USING (delivery_id) "
            "WHERE new.batch_id = :b AND replayed.batch_id = :b AND new.replay_of = old.delivery_id "
            "AND replayed.line_number = old.line_number AND old.replayed_in IS NULL",
            b=batch_id,
        )


def clear_staging(transaction: Transaction, batch_id: int, staged_in: Iterable[str]) -> None:
    """Delete the batch's rows from these staging tables and from the rejects."""
    for name in (*staged_in, "rejects"):
        transaction.change(f"DELETE FROM staging.{name} WHERE batch_id = :b", b=batch_id)


def summarize(transaction: Transaction, batch_id: int) -> Summary:
    """The totals of a curated batch."""
    counts = transaction.execute(
        "SELECT CAST(coalesce(sum(delivered_count), 0) AS bigint) AS delivered, "
        "CAST(coalesce(sum(accepted_count), 0) AS bigint) AS accepted, "
        "CAST(coalesce(sum(quarantined_count), 0) AS bigint) AS quarantined, "
        "CAST(coalesce(sum(duplicate_count), 0) AS bigint) AS duplicates, "
        "CAST(coalesce(sum(corrected_count), 0) AS bigint) AS corrected "
        "FROM raw.deliveries WHERE batch_id = :b AND status = 'accepted'",
        b=batch_id,
    )[0]
    reasons = transaction.execute(
        "SELECT bad.reason_code, count(*) FROM quarantine.rows AS bad "
        "JOIN raw.deliveries AS delivery USING (delivery_id) WHERE delivery.batch_id = :b GROUP BY 1 ORDER BY 2 DESC, 1",
        b=batch_id,
    )
    recorded = transaction.execute(
        "SELECT 1 FROM ops.receipts WHERE door = 'curate' "
        "AND details ->> 'batch_id' = CAST(:b AS text)",
        b=batch_id,
    )
    return Summary(
        **counts._mapping,
        reasons={row[0]: row[1] for row in reasons},
        is_recorded=bool(recorded),
    )


def stored_row_counts(transaction: Transaction, batch_id: int) -> list[RowCounts]:
    """The row counts that the ledger stores of a batch, whether curated, held or still waiting."""
    rows = transaction.execute(
        "SELECT delivery_id, feed, replay_of, delivered_count AS delivered, "
        "accepted_count AS accepted, corrected_count AS corrected, "
        "accepted_count + duplicate_count AS staged, quarantined_count AS quarantined "
        "FROM raw.deliveries WHERE batch_id = :b "
        "AND status IN ('staged', 'accepted', 'held') ORDER BY 1",
        b=batch_id,
    )
    return [RowCounts(**row._mapping) for row in rows]


def mark_checked(transaction: Transaction, batch_id: int) -> None:
    """Let the batch pass to `curate`."""
    transaction.change(
        "UPDATE raw.batches SET status = 'checked', reason = NULL WHERE batch_id = :b", b=batch_id
    )


def mark_curated(
    transaction: Transaction, batch_id: int, row_counts: Iterable[RowCounts], now: datetime
) -> None:
    """Write the counts of every delivery, accept them and close the batch."""
    for counts in row_counts:
        transaction.change(
            "UPDATE raw.deliveries SET status = 'accepted', loaded_at = :now, "
            "reason_code = CASE WHEN replay_of IS NULL THEN NULL ELSE reason_code END, "
            "reason = NULL, "
            "accepted_count = :accepted, quarantined_count = :quarantined, "
            "duplicate_count = :duplicates, corrected_count = :corrected "
            "WHERE delivery_id = :delivery AND status = 'staged'",
            delivery=counts.delivery_id,
            accepted=counts.accepted,
            quarantined=counts.quarantined,
            duplicates=counts.duplicates,
            corrected=counts.corrected,
            now=now,
        )
    transaction.change(
        "UPDATE raw.batches SET status = 'curated', closed_at = :now WHERE batch_id = :b",
        b=batch_id,
        now=now,
    )


def mark_held(transaction: Transaction, batch_id: int, reason: str, now: datetime) -> None:
    """Close the batch as held, with the reason."""
    transaction.change(
        "UPDATE raw.batches SET status = 'held', reason = :reason, closed_at = :now "
        "WHERE batch_id = :b",
        b=batch_id,
        reason=reason,
        now=now,
    )
