"""The books of a batch: short statements on the ledger and on staging, in one transaction."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from retention_ml import tables
from retention_ml.deliveries.ledger.row_counts import Account
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

    Not one at a time and source: several sources may tell of the same customers and products.

    Raises
    ------
    UsageError
        There is no such batch.
    """
    transaction.execute("SET LOCAL lock_timeout = '10min'")  # a large batch may be before us
    transaction.execute("SELECT pg_advisory_xact_lock(hashtextextended('curated', 0))")
    transaction.execute("SET LOCAL lock_timeout = '30s'")
    return _batch(transaction, batch_id, "FOR UPDATE")


def find_batch(transaction: Transaction, batch_id: int) -> Batch:
    """The batch as it stands.

    Raises
    ------
    UsageError
        There is no such batch.
    """
    return _batch(transaction, batch_id, "")


def _batch(transaction: Transaction, batch_id: int, lock: str) -> Batch:
    found = transaction.execute(
        "SELECT batch_id, source, is_history, status, reason FROM raw.batches "
        f"WHERE batch_id = :b {lock}",
        b=batch_id,
    )
    if not found:
        raise UsageError(
            f"There is no batch {batch_id}; `retention ingest` names the batch it made."
        )
    return Batch(**found[0]._mapping)


def set_aside_repeated(transaction: Transaction, batch_id: int, now: datetime) -> None:
    """Two batches may carry the same file; the one curated second finds it repeated."""
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


def open_accounts(transaction: Transaction, batch_id: int) -> dict[int, Account]:
    """One account per staged delivery of the batch.

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
        row.delivery_id: Account(
            delivery_id=row.delivery_id,
            feed=row.feed,
            replay_of=row.replay_of,
            delivered=row.delivered,
        )
        for row in rows
    }


def count_rejects(transaction: Transaction, batch_id: int, accounts: Mapping[int, Account]) -> None:
    """Count the rows that staging rejected."""
    for delivery_id, count in transaction.execute(
        "SELECT delivery_id, count(*) FROM staging.rejects WHERE batch_id = :b GROUP BY 1",
        b=batch_id,
    ):
        if delivery_id in accounts:
            accounts[delivery_id].quarantined = count


def count_staged(
    transaction: Transaction, name: str, batch_id: int, accounts: Mapping[int, Account]
) -> list[int] | None:
    """Count the rows of `staging.<name>`; the deliveries whose own rows they are.

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
    counts = {row[0]: row[1] for row in rows if row[0] in accounts}
    for delivery_id, count in counts.items():
        accounts[delivery_id].staged += count
    return [delivery_id for delivery_id, count in counts.items() if count] if rows else None


def forget_held(transaction: Transaction, batch_id: int) -> None:
    """Files that were held back and came again are counted anew: drop what holding set aside."""
    transaction.change(
        "DELETE FROM quarantine.rows AS old USING raw.deliveries AS told "
        "WHERE told.batch_id = :b AND told.status = 'staged' AND old.delivery_id = told.delivery_id",
        b=batch_id,
    )


def quarantine_rejects(transaction: Transaction, batch_id: int, now: datetime) -> int:
    """Keep the rejected rows with what the ledger knows of their file; how many."""
    return transaction.change(
        "INSERT INTO quarantine.rows (delivery_id, line_number, source, feed, file_sha256, "
        "raw_text, raw_bytes, reason_code, quarantined_at) "
        "SELECT bad.delivery_id, bad.line_number, told.source, told.feed, told.file_sha256, "
        "bad.raw_text, bad.raw_bytes, bad.reason_code, :now "
        "FROM staging.rejects AS bad JOIN raw.deliveries AS told USING (delivery_id) "
        "WHERE bad.batch_id = :b AND told.status = 'staged'",
        b=batch_id,
        now=now,
    )


def mark_replayed(
    transaction: Transaction,
    batch_id: int,
    staged_in: Iterable[str],
    accounts: Mapping[int, Account],
) -> None:
    """Tell every quarantined row that was tried again in which delivery that was."""
    if not any(account.replay_of for account in accounts.values()):
        return
    for name in (*staged_in, "rejects"):
        transaction.change(
            "UPDATE quarantine.rows AS old SET replayed_in = new.delivery_id "
            f"FROM raw.deliveries AS new JOIN staging.{name} AS tried USING (delivery_id) "
            "WHERE new.batch_id = :b AND tried.batch_id = :b AND new.replay_of = old.delivery_id "
            "AND tried.line_number = old.line_number AND old.replayed_in IS NULL",
            b=batch_id,
        )


def clear_staging(transaction: Transaction, batch_id: int, staged_in: Iterable[str]) -> None:
    """Remove the scratch rows of the batch."""
    for name in (*staged_in, "rejects"):
        transaction.change(f"DELETE FROM staging.{name} WHERE batch_id = :b", b=batch_id)


def summary(transaction: Transaction, batch_id: int) -> Summary:
    """The books of a closed batch."""
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
        "SELECT bad.reason_code, count(*) FROM quarantine.rows AS bad JOIN raw.deliveries AS told "
        "USING (delivery_id) WHERE told.batch_id = :b GROUP BY 1 ORDER BY 2 DESC, 1",
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


def closed_accounts(transaction: Transaction, batch_id: int) -> list[Account]:
    """The accounts of a batch that was checked, whether curated, held or still waiting."""
    rows = transaction.execute(
        "SELECT told.delivery_id, told.feed, told.replay_of, told.delivered_count AS delivered, "
        "told.accepted_count AS accepted, told.corrected_count AS corrected, "
        "told.accepted_count + told.duplicate_count AS staged, "
        "told.quarantined_count AS quarantined "
        "FROM raw.deliveries AS told WHERE told.batch_id = :b "
        "AND told.status IN ('staged', 'accepted', 'held') ORDER BY 1",
        b=batch_id,
    )
    return [Account(**row._mapping) for row in rows]
