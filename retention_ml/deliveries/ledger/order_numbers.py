"""Rows of one order number: what staging and curated have of it, and how staged rows leave staging."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace

from retention_ml.deliveries.description.source import Source
from retention_ml.deliveries.ledger.first_deliveries import FIRST_DELIVERIES, IS_WHOLE
from retention_ml.deliveries.order_numbers import APART_MAX, OrderRow
from retention_ml.warehouse import Transaction

_TABLES = ("order_lines", "orders")
_COLUMNS = (
    "row.order_id, row.customer_id, row.event_at, row.kind, row.row_key, delivery.delivery_id, "
    "row.line_number, coalesce(place.delivery_order, delivery.delivery_id) AS delivery_order, "
    f"delivery.feed, {IS_WHOLE} AS is_whole"
)
_OF_DELIVERIES = (
    "JOIN raw.deliveries AS delivery USING (delivery_id) "
    f"LEFT JOIN ({FIRST_DELIVERIES}) AS place USING (delivery_id)"
)


def orders_far_from_curated(transaction: Transaction, batch_id: int) -> list[str]:
    """Numbers of staged purchases whose order in curated is another customer's, or far away."""
    rows = transaction.execute(
        "SELECT staged.order_id FROM staging.orders AS staged JOIN curated.orders AS old "
        "ON old.row_key = staged.row_key AND old.superseded_at IS NULL "
        "WHERE staged.batch_id = :b AND staged.kind = 'purchase' "
        "AND (staged.customer_id <> old.customer_id OR staged.event_at - old.event_at "
        "NOT BETWEEN -CAST(:apart AS interval) AND CAST(:apart AS interval))",
        b=batch_id,
        apart=APART_MAX,
    )
    return [row.order_id for row in rows]


def rows_by_number(
    transaction: Transaction,
    *,
    source: Source,
    batch_id: int,
    orders: Sequence[str],
) -> Iterator[list[OrderRow]]:
    """The lines of each of these numbers that are staged or current, then the orders themselves."""
    for table in _TABLES:
        rows = transaction.execute(
            f"SELECT {_COLUMNS}, TRUE AS is_staged FROM staging.{table} AS row "
            f"{_OF_DELIVERIES} WHERE row.batch_id = :b AND NOT row.is_derived AND row.order_id = ANY(:orders) "
            f"UNION ALL SELECT {_COLUMNS}, FALSE FROM curated.{table} AS row "
            f"{_OF_DELIVERIES} WHERE row.superseded_at IS NULL "
            "AND row.source = :source AND row.order_id = ANY(:orders)",
            b=batch_id,
            source=source.name,
            orders=list(orders),
        )
        by_number: dict[str, list[OrderRow]] = defaultdict(list)
        for row in rows:
            by_number[row.order_id].append(OrderRow(**row._mapping))
        for of_number in by_number.values():
            yield _without_absent(of_number, source.whole_order_feeds)


def _without_absent(rows: list[OrderRow], whole_order_feeds: Collection[str]) -> list[OrderRow]:
    """The rows, those marked that the newest staged delivery of the whole order does not have."""
    for feed in whole_order_feeds:
        of_whole = [r for r in rows if r.feed == feed and r.is_staged and r.is_whole]
        newest = max((r.delivery_order for r in of_whole), default=0)
        keys = {r.row_key for r in rows if r.feed == feed and r.delivery_order == newest}
        rows = [
            replace(row, is_absent=True)
            if row.feed == feed and row.delivery_order < newest and row.row_key not in keys
            else row
            for row in rows
        ]
    return rows


def take_back(transaction: Transaction, batch_id: int, rows: Iterable[OrderRow]) -> None:
    """Delete rows of a batch from staging, and derived orders of which no line is left there."""
    by_delivery: dict[int, set[int]] = defaultdict(set)
    for row in rows:
        by_delivery[row.delivery_id].add(row.line_number)
    orders: set[str] = set()  # a row of the file may have lines of several
    for delivery_id, lines in by_delivery.items():
        for table in _TABLES:
            gone = transaction.execute(
                f"DELETE FROM staging.{table} WHERE batch_id = :b AND delivery_id = :d "
                "AND NOT is_derived AND line_number = ANY(:lines) RETURNING order_id",
                b=batch_id,
                d=delivery_id,
                lines=sorted(lines),
            )
            orders |= {row.order_id for row in gone}
    transaction.change(
        "DELETE FROM staging.orders AS gone WHERE batch_id = :b AND is_derived "
        "AND order_id = ANY(:orders) AND NOT EXISTS (SELECT FROM staging.order_lines AS line "
        "WHERE (line.batch_id, line.order_id) = (gone.batch_id, gone.order_id))",
        b=batch_id,
        orders=sorted(orders),
    )
