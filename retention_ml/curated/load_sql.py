"""SQL that loads a batch into `curated`, in one transaction."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import ibis

from retention_ml import tables
from retention_ml.curated import whole_orders
from retention_ml.deliveries.ledger.batches import RowCounts
from retention_ml.deliveries.ledger.first_deliveries import FIRST_DELIVERIES, IS_WHOLE
from retention_ml.warehouse import Transaction


def tune_session(transaction: Transaction) -> None:
    """Sort a batch in memory, and do not compile statements that run once."""
    # One transaction at a time loads a batch: it may take twice what sessions take.
    transaction.execute(
        "SELECT set_config('work_mem', "
        "2 * pg_size_bytes(current_setting('work_mem')) / 1024 || 'kB', true)"
    )
    transaction.execute("SET LOCAL jit = off")


def create_batch_deliveries(
    transaction: Transaction, batch_id: int, loaded_at: datetime, *, delay_seconds: int
) -> None:
    """Create the temporary tables `batch_deliveries` and `delivery_orders`.

    `versions.BATCH_DELIVERIES` describes the first; beside that it has the feed, and `is_whole`: no
    replay, or one of all rows of a file that was held. The second has the first delivery of all
    that is a replay.
    """
    transaction.execute(f"CREATE TEMP TABLE delivery_orders ON COMMIT DROP AS {FIRST_DELIVERIES}")
    transaction.execute(
        "CREATE TEMP TABLE batch_deliveries ON COMMIT DROP AS SELECT delivery_id, "
        "coalesce(delivery_order, delivery_id) AS delivery_order, is_history, "
        "CAST(:delay AS bigint) AS delay_seconds, CAST(:loaded_at AS timestamptz) AS loaded_at, "
        f"feed, {IS_WHOLE} AS is_whole "
        "FROM raw.deliveries AS delivery LEFT JOIN delivery_orders USING (delivery_id) "
        "WHERE batch_id = :b AND status = 'staged'",
        b=batch_id,
        delay=delay_seconds,
        loaded_at=loaded_at,
    )


def create_existing_versions(transaction: Transaction, entry: tables.Table, batch_id: int) -> int:
    """Create the temporary table that `versions.EXISTING_VERSIONS` describes; its row count."""
    extra = "cur.kind, cur.customer_id" if entry.name == "orders" else "NULL::text, NULL::text"
    transaction.execute("DROP TABLE IF EXISTS existing_versions")
    transaction.execute(
        "CREATE TEMP TABLE existing_versions (row_key bytea, content_hash bytea, "
        "available_at timestamptz, delivery_order bigint, kind text, customer_id text) ON COMMIT DROP"
    )
    if not transaction.execute(f"SELECT 1 FROM curated.{entry.name} LIMIT 1"):
        return 0
    count = transaction.change(
        "INSERT INTO existing_versions SELECT cur.row_key, cur.content_hash, cur.available_at, "
        f"coalesce(place.delivery_order, cur.delivery_id), {extra} "
        f"FROM curated.{entry.name} AS cur "
        "LEFT JOIN delivery_orders AS place USING (delivery_id) WHERE cur.superseded_at IS NULL "
        f"AND cur.row_key IN (SELECT row_key FROM staging.{entry.name} WHERE batch_id = :b)",
        b=batch_id,
    )
    if entry.name == "order_lines":
        count += whole_orders.add_absent_lines(transaction, batch_id)
    transaction.execute("ANALYZE existing_versions")
    return count


def replace_versions(
    transaction: Transaction, entry: tables.Table, new_versions: ibis.Table
) -> tuple[int, dict[int, int]]:
    """End the versions that the new ones replace, then insert the new ones.

    Returns
    -------
    inserted : int
    ended : dict of int to int
        How many older versions each delivery ended.
    """
    transaction.execute("DROP TABLE IF EXISTS new_versions")
    transaction.execute(
        f"CREATE TEMP TABLE new_versions (LIKE curated.{entry.name}) ON COMMIT DROP"
    )
    inserted = transaction.insert("new_versions", new_versions)
    ended = transaction.execute(
        f"WITH ended AS (UPDATE curated.{entry.name} AS old SET superseded_at = new.available_at, "
        "superseded_by = new.delivery_id "
        "FROM (SELECT DISTINCT ON (row_key) row_key, available_at, delivery_id FROM new_versions "
        "ORDER BY row_key, available_at) AS new "
        "WHERE old.row_key = new.row_key AND old.superseded_at IS NULL "
        "RETURNING old.superseded_by) SELECT superseded_by, count(*) FROM ended GROUP BY 1"
    )
    transaction.change(f"INSERT INTO curated.{entry.name} SELECT * FROM new_versions")
    return inserted, {row[0]: row[1] for row in ended}


def count_accepted(
    transaction: Transaction,
    name: str,
    deliveries: list[int],
    ended: Mapping[int, int],
    row_counts: Mapping[int, RowCounts],
    with_parts: Sequence[int],
) -> None:
    """Count the rows of `curated.<name>` that came directly from these deliveries.

    Of the deliveries `with_parts` a row counts once, however many of its parts are there.
    """
    for delivery_id, superseded_by, count in transaction.execute(
        f"SELECT delivery_id, superseded_by, count(*) FROM curated.{name} "
        "WHERE delivery_id = ANY(:ids) GROUP BY 1, 2",
        ids=deliveries,
    ):
        row_counts[delivery_id].accepted += count
        if superseded_by in deliveries:
            row_counts[superseded_by].corrected += count
    for delivery_id in deliveries:
        row_counts[delivery_id].corrected += ended.get(delivery_id, 0)
    for delivery_id in with_parts:
        [[rows, parts]] = transaction.execute(
            f"SELECT count(DISTINCT line_number), count(*) FROM curated.{name} "
            "WHERE delivery_id = :d",
            d=delivery_id,
        )
        counts = row_counts[delivery_id]
        counts.accepted += rows - parts
        counts.corrected = min(counts.corrected, counts.accepted)
