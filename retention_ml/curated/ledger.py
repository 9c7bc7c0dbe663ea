"""Short statements that move rows and keep the books of a batch, inside one transaction."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

import ibis

from retention_ml import tables
from retention_ml.curated.accounts import Account
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
    """The batch, held by this transaction alone together with all others of its source.

    Raises
    ------
    UsageError
        There is no such batch.
    """
    found = transaction.execute("SELECT source FROM raw.batches WHERE batch_id = :b", b=batch_id)
    if not found:
        raise UsageError(
            f"There is no batch {batch_id}; `retention ingest` names the batch it made."
        )
    transaction.execute("SET LOCAL lock_timeout = '10min'")  # a large batch may be before us
    transaction.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended('curated of ' || :source, 0))",
        source=found[0][0],
    )
    transaction.execute("SET LOCAL lock_timeout = '30s'")
    row = transaction.execute(
        "SELECT batch_id, source, is_history, status, reason FROM raw.batches "
        "WHERE batch_id = :b FOR UPDATE",
        b=batch_id,
    )[0]
    return Batch(**row._mapping)


def make_room(transaction: Transaction) -> None:
    """Sort a batch in memory, and do not compile statements that run once."""
    transaction.execute("SET LOCAL work_mem = '256MB'")
    transaction.execute("SET LOCAL jit = off")


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


def make_incoming(transaction: Transaction, batch_id: int, delay_seconds: int) -> None:
    """The temporary table `incoming` that `versions.INCOMING` describes."""
    transaction.execute(
        "CREATE TEMP TABLE incoming ON COMMIT DROP AS SELECT delivery_id, "
        "coalesce(replay_of, delivery_id) AS told_order, is_history, "
        "CAST(:delay AS bigint) AS delay_seconds "
        "FROM raw.deliveries WHERE batch_id = :b AND status = 'staged'",
        b=batch_id,
        delay=delay_seconds,
    )


def count_rejects(transaction: Transaction, batch_id: int, accounts: Mapping[int, Account]) -> None:
    """Count the rows that staging rejected."""
    for delivery_id, count in transaction.execute(
        "SELECT delivery_id, count(*) FROM staging.rejects WHERE batch_id = :b GROUP BY 1",
        b=batch_id,
    ):
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
    for delivery_id, count in rows:
        accounts[delivery_id].staged += count
    return [delivery_id for delivery_id, count in rows if count] if rows else None


def make_met(transaction: Transaction, entry: tables.Table, batch_id: int) -> int:
    """The temporary table `met` that `versions.MET` describes; its number of rows."""
    extra = "cur.kind, cur.customer_id" if entry.name == "orders" else "NULL::text, NULL::text"
    transaction.execute("DROP TABLE IF EXISTS met")
    transaction.execute(
        "CREATE TEMP TABLE met (row_key bytea, content_hash bytea, available_at timestamptz, "
        "told_order bigint, kind text, customer_id text) ON COMMIT DROP"
    )
    if not transaction.execute(f"SELECT 1 FROM curated.{entry.name} LIMIT 1"):
        return 0
    count = transaction.change(
        "INSERT INTO met SELECT cur.row_key, cur.content_hash, cur.available_at, "
        f"coalesce(told.replay_of, told.delivery_id), {extra} FROM curated.{entry.name} AS cur "
        "JOIN raw.deliveries AS told USING (delivery_id) WHERE cur.superseded_at IS NULL "
        f"AND cur.row_key IN (SELECT row_key FROM staging.{entry.name} WHERE batch_id = :b)",
        b=batch_id,
    )
    transaction.execute("ANALYZE met")
    return count


def replace_versions(
    transaction: Transaction, entry: tables.Table, fresh: ibis.Table
) -> tuple[int, dict[int, int]]:
    """End the versions that `fresh` replaces, then insert `fresh`.

    Returns
    -------
    inserted : int
    ended : dict of int to int
        How many older versions each delivery ended.
    """
    transaction.execute("DROP TABLE IF EXISTS fresh")
    transaction.execute(f"CREATE TEMP TABLE fresh (LIKE curated.{entry.name}) ON COMMIT DROP")
    inserted = transaction.insert("fresh", fresh)
    ended = transaction.execute(
        f"WITH ended AS (UPDATE curated.{entry.name} AS old SET superseded_at = new.available_at, "
        "superseded_by = new.delivery_id "
        "FROM (SELECT DISTINCT ON (row_key) row_key, available_at, delivery_id FROM fresh "
        "ORDER BY row_key, available_at) AS new "
        "WHERE old.row_key = new.row_key AND old.superseded_at IS NULL "
        "RETURNING old.superseded_by) SELECT superseded_by, count(*) FROM ended GROUP BY 1"
    )
    transaction.change(f"INSERT INTO curated.{entry.name} SELECT * FROM fresh")
    return inserted, {row[0]: row[1] for row in ended}


def count_accepted(
    transaction: Transaction,
    name: str,
    deliveries: list[int],
    ended: Mapping[int, int],
    accounts: Mapping[int, Account],
) -> None:
    """Count what stands in `curated.<name>` of the deliveries whose own rows went there."""
    for delivery_id, superseded_by, count in transaction.execute(
        f"SELECT delivery_id, superseded_by, count(*) FROM curated.{name} "
        "WHERE delivery_id = ANY(:ids) GROUP BY 1, 2",
        ids=deliveries,
    ):
        accounts[delivery_id].accepted += count
        if superseded_by in deliveries:
            accounts[superseded_by].corrected += count
    for delivery_id in deliveries:
        accounts[delivery_id].corrected += ended.get(delivery_id, 0)


def quarantine_rejects(transaction: Transaction, batch_id: int, now: datetime) -> int:
    """Keep the rejected rows with what the ledger knows of their file; how many."""
    return transaction.change(
        "INSERT INTO quarantine.rows (delivery_id, line_number, source, feed, file_sha256, "
        "raw_text, raw_bytes, reason_code, quarantined_at) "
        "SELECT bad.delivery_id, bad.line_number, told.source, told.feed, told.file_sha256, "
        "bad.raw_text, bad.raw_bytes, bad.reason_code, :now "
        "FROM staging.rejects AS bad JOIN raw.deliveries AS told USING (delivery_id) "
        "WHERE bad.batch_id = :b",
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


def close(
    transaction: Transaction, batch_id: int, accounts: Iterable[Account], now: datetime
) -> None:
    """Write the counts of every delivery, accept them and close the batch."""
    for account in accounts:
        transaction.change(
            "UPDATE raw.deliveries SET status = 'accepted', loaded_at = :now, "
            "accepted_count = :accepted, quarantined_count = :quarantined, "
            "duplicate_count = :duplicates, corrected_count = :corrected "
            "WHERE delivery_id = :delivery AND status = 'staged'",
            delivery=account.delivery_id,
            accepted=account.accepted,
            quarantined=account.quarantined,
            duplicates=account.duplicates,
            corrected=account.corrected,
            now=now,
        )
    transaction.change(
        "UPDATE raw.batches SET status = 'curated', closed_at = :now WHERE batch_id = :b",
        b=batch_id,
        now=now,
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
