"""Orders that a feed tells whole (`replaces = "order"`): lines its newest delivery lacks are ended.

A replay tells an order whole only where it brings a whole file that was held; a replay of single
rows adds them to what their file said.
"""

from collections.abc import Sequence
from datetime import datetime

from retention_ml.warehouse import Transaction


def add_absent_lines(transaction: Transaction, batch_id: int) -> int:
    """Add to `existing_versions` the batch's lines that orders told whole do not have; how many.

    A line that an order no longer has, or did not have so far, comes after what was known of the
    order; and a replay of an older delivery does not bring it back.
    """
    return transaction.change(
        "INSERT INTO existing_versions (row_key, available_at, delivery_order) "
        "SELECT DISTINCT line.row_key, whole.available_at, whole.delivery_order "
        "FROM curated.whole_orders AS whole "
        "JOIN staging.order_lines AS line USING (source, order_id) "
        "JOIN batch_deliveries AS batch USING (delivery_id) "
        "WHERE line.batch_id = :b AND batch.feed = whole.feed "
        "AND NOT EXISTS (SELECT FROM existing_versions AS old WHERE old.row_key = line.row_key)",
        b=batch_id,
    )


def end_removed_lines(
    transaction: Transaction, *, source: str, feeds: Sequence[str], batch_id: int, now: datetime
) -> None:
    """End the lines that the newest delivery of their order no longer has.

    Called when the batch's lines are in `curated`, before they leave `staging`. A line of an
    earlier batch counts until `now`, one of this batch until just after it began.
    """
    transaction.execute(
        "CREATE TEMP TABLE named_orders ON COMMIT DROP AS "
        "SELECT DISTINCT ON (feed, order_id) batch.feed, line.order_id, batch.delivery_id, "
        "batch.delivery_order FROM staging.order_lines AS line "
        "JOIN batch_deliveries AS batch USING (delivery_id) "
        "WHERE line.batch_id = :b AND batch.is_whole AND batch.feed = ANY(:feeds) "
        "AND NOT EXISTS (SELECT FROM curated.whole_orders AS newer WHERE newer.source = :source "
        "AND (newer.feed, newer.order_id) = (batch.feed, line.order_id) "
        "AND newer.delivery_order > batch.delivery_order) "
        "ORDER BY feed, order_id, delivery_order DESC, delivery_id DESC",
        b=batch_id,
        feeds=list(feeds),
        source=source,
    )
    transaction.change(
        "UPDATE curated.order_lines AS line SET superseded_by = named.delivery_id, "
        "superseded_at = greatest(line.available_at + interval '1 microsecond', "
        "CASE WHEN delivery.batch_id = :b THEN NULL ELSE CAST(:now AS timestamptz) END) "
        "FROM named_orders AS named, raw.deliveries AS delivery LEFT JOIN delivery_orders AS place "
        "USING (delivery_id) "
        "WHERE line.superseded_at IS NULL AND line.source = :source "
        "AND line.order_id = named.order_id "
        "AND delivery.delivery_id = line.delivery_id AND delivery.feed = named.feed "
        "AND coalesce(place.delivery_order, delivery.delivery_id) < named.delivery_order "
        "AND NOT EXISTS (SELECT FROM staging.order_lines AS again WHERE again.batch_id = :b "
        "AND (again.delivery_id, again.row_key) = (named.delivery_id, line.row_key))",
        b=batch_id,
        source=source,
        now=now,
    )
    transaction.change(
        "INSERT INTO curated.whole_orders (source, feed, order_id, delivery_order, available_at) "
        "SELECT :source, feed, order_id, delivery_order, CAST(:now AS timestamptz) FROM named_orders "
        "ON CONFLICT (source, feed, order_id) DO UPDATE SET "
        "delivery_order = excluded.delivery_order, available_at = excluded.available_at",
        source=source,
        now=now,
    )
