"""Short statements that move a batch's rows into `curated`, in one transaction."""

from collections.abc import Iterable, Mapping
from datetime import datetime

import ibis

from retention_ml import tables
from retention_ml.deliveries.ledger.row_counts import Account
from retention_ml.warehouse import Transaction


def make_room(transaction: Transaction) -> None:
    """Sort a batch in memory, and do not compile statements that run once."""
    transaction.execute("SET LOCAL work_mem = '256MB'")
    transaction.execute("SET LOCAL jit = off")


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


def close(
    transaction: Transaction, batch_id: int, accounts: Iterable[Account], now: datetime
) -> None:
    """Write the counts of every delivery, accept them and close the batch."""
    for account in accounts:
        transaction.change(
            "UPDATE raw.deliveries SET status = 'accepted', loaded_at = :now, "
            "reason_code = CASE WHEN replay_of IS NULL THEN NULL ELSE reason_code END, "
            "reason = NULL, "
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
