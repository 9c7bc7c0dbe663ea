"""A batch in the ledger, from staged to closed: its lock and status, row counts and rejects.

Short statements that `check` and `curate` run inside their own transaction.
"""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from retention_ml import tables
from retention_ml.errors import UsageError, WarehouseError
from retention_ml.warehouse import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """A row of `raw.batches`."""

    batch_id: int
    source: str
    is_history: bool
    status: str
    reason: str | None


@dataclass(slots=True, kw_only=True)
class RowCounts:
    """The rows of one delivery, each counted by what became of it so far.

    Attributes
    ----------
    delivered : int
        Rows of the file, as the ledger noted when it was staged.
    staged : int
        Rows in `staging`, derived ones excluded.
    accepted : int
        Rows in `curated`.
    quarantined : int
        Rows that are not used: the rejected ones, and all rows of a held batch. They stand in
        `staging.rejects` until the batch is curated or held, then in `quarantine.rows`.
    left_out : int
        Rows that the source leaves out on purpose.
    corrected : int
        Of the accepted rows, those that replaced another version.
    """

    delivery_id: int
    feed: str
    replay_of: int | None
    delivered: int
    staged: int = 0
    accepted: int = 0
    quarantined: int = 0
    left_out: int = 0
    corrected: int = 0

    @property
    def duplicates(self) -> int:
        """Staged rows that brought nothing new."""
        return self.staged - self.accepted


def lock_curation(transaction: Transaction, batch_id: int) -> Batch:
    """The batch, locked with all of `curated`: batches are curated or held one at a time.

    One at a time across all sources: several sources may describe the same customers and products.

    Raises
    ------
    UsageError
        There is no such batch.
    """
    transaction.lock("curated", minutes_max=10)  # a large batch may come first
    return lock_batch_row(transaction, batch_id)


def lock_batch_row(transaction: Transaction, batch_id: int) -> Batch:
    """The batch, its row in `raw.batches` locked until the transaction ends; others go on.

    Raises
    ------
    UsageError
        There is no such batch.
    """
    transaction.execute("SELECT 1 FROM raw.batches WHERE batch_id = :b FOR UPDATE", b=batch_id)
    return find_batch(transaction, batch_id)


def find_batch(transaction: Transaction, batch_id: int) -> Batch:
    """The batch as it is now, without a lock.

    Raises
    ------
    UsageError
        There is no such batch.
    """
    rows = transaction.execute(
        "SELECT batch_id, source, is_history, status, reason FROM raw.batches WHERE batch_id = :b",
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
        "UPDATE raw.deliveries AS new SET status = 'repeated', delivered_count = 0, left_out_count = 0, "
        "suppressed_count = 0, loaded_at = :now, "
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
    """Delivered and rejected rows of each staged delivery of a batch that is not closed.

    Raises
    ------
    UsageError
        A delivery of the batch was not staged.
    """
    rows = transaction.execute(
        "SELECT delivery.status, delivery_id, feed, replay_of, delivered_count AS delivered, "
        "left_out_count AS left_out, coalesce(bad.count, 0) AS quarantined FROM raw.deliveries AS delivery "
        "LEFT JOIN (SELECT delivery_id, count(*) FROM staging.rejects WHERE batch_id = :b "
        "GROUP BY 1) AS bad USING (delivery_id) "
        "WHERE delivery.batch_id = :b AND delivery.status IN ('landed', 'staged') ORDER BY 2",
        b=batch_id,
    )
    for row in rows:
        if row.status == "landed":
            raise UsageError(
                f"Delivery {row.delivery_id} of batch {batch_id} is landed but not staged. "
                "Stage the batch first; `retention ingest` with the same files does all steps."
            )
    names = ("delivery_id", "feed", "replay_of", "delivered", "quarantined", "left_out")
    return {
        row.delivery_id: RowCounts(**{name: row._mapping[name] for name in names}) for row in rows
    }


def count_staged(
    transaction: Transaction,
    batch_id: int,
    row_counts: Mapping[int, RowCounts],
    feeds_with_parts: Container[str],
) -> dict[str, list[int]]:
    """Count the staged rows of each delivery; the parts of a row count once.

    Returns
    -------
    dict of str to list of int
        The tables with rows of the batch, each with the deliveries that brought them directly:
        empty where all rows are derived.

    Raises
    ------
    WarehouseError
        A delivery lacks rows: `staging` is scratch and is emptied when the database crashes.
    """
    deliveries_by_table: dict[str, list[int]] = {}
    for name in tables.CANONICAL:
        rows = transaction.execute(
            f"SELECT delivery_id, count(*) FILTER (WHERE NOT is_derived) FROM staging.{name} "
            "WHERE batch_id = :b GROUP BY 1 ORDER BY 1",
            b=batch_id,
        )
        counts = {row[0]: row[1] for row in rows if row[0] in row_counts}
        of_parts = deliveries_with_parts(counts, row_counts, feeds_with_parts)
        counts |= _count_rows_of_parts(transaction, f"staging.{name}", of_parts)
        for delivery_id, count in counts.items():
            row_counts[delivery_id].staged += count
        if rows:
            deliveries_by_table[name] = [one for one, count in counts.items() if count]
    for one in row_counts.values():
        if (present := one.staged + one.quarantined + one.left_out) != one.delivered:
            raise WarehouseError(
                f"Delivery {one.delivery_id} of batch {batch_id} was staged with "
                f"{one.delivered:,} rows but {present:,} are there now: the database was "
                "restarted after a crash, which empties staging. Nothing was recorded. "
                "Deliver the same files again; they are staged anew."
            )
    return deliveries_by_table


def deliveries_with_parts(
    deliveries: Iterable[int], row_counts: Mapping[int, RowCounts], feeds: Container[str]
) -> list[int]:
    """Those of the deliveries of which a row may have become several rows of the table."""
    return [one for one in deliveries if row_counts[one].feed in feeds]


def _count_rows_of_parts(
    transaction: Transaction, table: str, deliveries: Sequence[int]
) -> dict[int, int]:
    if not deliveries:
        return {}
    rows = transaction.execute(
        f"SELECT delivery_id, count(DISTINCT line_number) FROM {table} "
        "WHERE delivery_id = ANY(:ids) AND NOT is_derived GROUP BY 1",
        ids=deliveries,
    )
    return {row[0]: row[1] for row in rows}


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
        "raw_text, raw_bytes, reason_code, detail, quarantined_at) "
        "SELECT bad.delivery_id, bad.line_number, delivery.source, delivery.feed, "
        "delivery.file_sha256, bad.raw_text, bad.raw_bytes, bad.reason_code, bad.detail, :now "
        "FROM staging.rejects AS bad JOIN raw.deliveries AS delivery USING (delivery_id) "
        "WHERE bad.batch_id = :b AND delivery.status = 'staged'",
        b=batch_id,
        now=now,
    )


def mark_replayed(transaction: Transaction, batch_id: int) -> None:
    """Note on every quarantined row that was replayed in which delivery that was."""
    transaction.change(
        "UPDATE quarantine.rows AS old SET replayed_in = new.delivery_id "
        "FROM raw.deliveries AS new WHERE new.batch_id = :b AND new.status = 'staged' "
        "AND new.replay_of = old.delivery_id AND old.replayed_in IS NULL "
        "AND (new.reason_code IS NULL OR new.reason_code = old.reason_code)",
        b=batch_id,
    )


def quarantined_reasons(transaction: Transaction, batch_id: int) -> dict[str, int]:
    """How many rows of a curated batch are in quarantine for which reason, most first."""
    rows = transaction.execute(
        "SELECT bad.reason_code, count(*) FROM quarantine.rows AS bad "
        "JOIN raw.deliveries AS delivery USING (delivery_id) "
        "WHERE delivery.batch_id = :b GROUP BY 1 ORDER BY 2 DESC, 1",
        b=batch_id,
    )
    return {row[0]: row[1] for row in rows}


def has_curate_receipt(transaction: Transaction, batch_id: int) -> bool:
    """Whether the receipt of curating the batch is stored."""
    return bool(
        transaction.execute(
            "SELECT 1 FROM ops.receipts WHERE door = 'curate' "
            "AND details ->> 'batch_id' = CAST(:b AS text)",
            b=batch_id,
        )
    )


def has_check_receipt(transaction: Transaction, batch_id: int) -> bool:
    """Whether the receipt of the batch's last check is stored."""
    return bool(
        transaction.execute(
            "SELECT 1 FROM ops.receipts WHERE door = 'check' "
            "AND details ->> 'batch_id' = CAST(:b AS text) AND finished_at >= "
            "(SELECT max(checked_at) FROM quality.results WHERE batch_id = :b)",
            b=batch_id,
        )
    )


def held_parts(transaction: Transaction, batch_id: int) -> list[Batch]:
    """The batches that were split from this one and are held."""
    rows = transaction.execute(
        "SELECT batch_id FROM raw.batches WHERE split_from = :b AND status = 'held' ORDER BY 1",
        b=batch_id,
    )
    return [find_batch(transaction, row.batch_id) for row in rows]


def stored_row_counts(transaction: Transaction, batch_id: int) -> list[RowCounts]:
    """The row counts that the ledger stores of a batch, whether curated, held or still waiting."""
    rows = transaction.execute(
        "SELECT delivery_id, feed, replay_of, delivered_count AS delivered, "
        "accepted_count AS accepted, corrected_count AS corrected, "
        "accepted_count + duplicate_count AS staged, quarantined_count AS quarantined, "
        "left_out_count AS left_out "
        "FROM raw.deliveries WHERE batch_id = :b "
        "AND status IN ('staged', 'accepted', 'held') ORDER BY 1",
        b=batch_id,
    )
    return [RowCounts(**row._mapping) for row in rows]


def counts_by_file(transaction: Transaction, batch_id: int) -> list[dict[str, Any]]:
    """What each file of a curated batch gave each of its feeds, in the order of their entry."""
    rows = transaction.execute(
        "SELECT file_name AS file, feed, delivered_count AS rows, accepted_count AS accepted, "
        "duplicate_count AS duplicates, quarantined_count AS quarantined, "
        "left_out_count AS left_out FROM raw.deliveries "
        "WHERE batch_id = :b AND status = 'accepted' AND feed NOT LIKE '%.lookup' "
        "ORDER BY delivery_id",
        b=batch_id,
    )
    return [dict(row._mapping) for row in rows]


def set_status(
    transaction: Transaction,
    batch_id: int,
    status: str,
    *,
    reason: str | None = None,
    closed_at: datetime | None = None,
) -> None:
    """Set the status of the batch, its reason, and when it was closed."""
    transaction.change(
        "UPDATE raw.batches SET status = :status, reason = :reason, closed_at = :closed_at "
        "WHERE batch_id = :b",
        b=batch_id,
        status=status,
        reason=reason,
        closed_at=closed_at,
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
    set_status(transaction, batch_id, "curated", closed_at=now)
