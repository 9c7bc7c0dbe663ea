"""What the catalogue and the till say of products on a day, and what customers sent back."""

from datetime import date, timedelta

import ibis
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from retention_ml import clock, tables
from retention_ml.curated.known import known
from retention_ml.recommendations.lists.filters import Offer
from retention_ml.recommendations.lists.product_facts import LONG_DAYS
from retention_ml.recommendations.purchases import Purchases
from retention_ml.statistics.arrays import Ints
from retention_ml.warehouse import Warehouse

_PRODUCTS = tables.PRODUCTS.ibis_table("curated", tables.LINEAGE)
_LINES = tables.ORDER_LINES.ibis_table("curated", tables.LINEAGE)
_COLUMNS = ("category", "is_available", "stock_count", "price_cents", "is_durable")


def read_offer(warehouse: Warehouse, purchases: Purchases, timezone: str) -> tuple[Offer, Ints]:
    """What is known of each product of the purchases at the start of their day, and its price.

    Where sources disagree, the first by source that says something counts, column by column. The
    price is the catalogue's, else what one piece cost on average in the 90 days before; -1 where
    neither is known.
    """
    instant = clock.midnight(purchases.as_of, timezone)
    products = known(_PRODUCTS, instant)
    rows = warehouse.read(products.select("product_id", "source", *_COLUMNS))
    rows = rows.sort_by([("product_id", "ascending"), ("source", "ascending")])
    first = rows.group_by("product_id", use_threads=False).aggregate(
        [(name, "first") for name in _COLUMNS]  # that is not null
    )
    first = first.rename_columns({f"{name}_first": name for name in _COLUMNS})
    catalogue = _aligned(first, purchases.product_ids)
    offer = Offer(
        product_ids=purchases.product_ids,
        category=catalogue["category"].cast(pa.string()).combine_chunks(),
        is_available=catalogue["is_available"].cast(pa.bool_()).combine_chunks(),
        stock_count=catalogue["stock_count"].cast(pa.int64()).combine_chunks(),
        is_durable=catalogue["is_durable"].cast(pa.bool_()).combine_chunks(),
    )
    paid = _aligned(warehouse.read(_prices_paid(purchases.as_of, timezone)), purchases.product_ids)
    listed = catalogue["price_cents"].cast(pa.int64())
    price = pc.fill_null(pc.coalesce(listed, paid["price_cents"].cast(pa.int64())), -1)
    return offer, np.asarray(price.to_numpy(), dtype=np.int64)


def read_returns(
    warehouse: Warehouse, as_of: date, timezone: str, days: int
) -> tuple[pa.Table, Ints]:
    """`customer_id` and `product_id` of what was sent back in the days before, and the last day."""
    instant = clock.midnight(as_of, timezone)
    lines = known(_LINES, instant)
    since = ibis.literal(instant - timedelta(days=days), type="timestamp('UTC')")
    lines = lines.filter(
        lines.kind == "return",
        lines.customer_id.notnull(),
        lines.product_id.notnull(),
        lines.event_at >= since,
    )
    rows = warehouse.read(
        lines.group_by("customer_id", "product_id")
        .agg(returned_at=lines.event_at.max())
        .order_by("customer_id", "product_id")
    )
    seconds = rows["returned_at"].cast(pa.timestamp("s", tz="UTC"), safe=False).cast(pa.int64())
    days_of = clock.local_days(np.asarray(seconds.to_numpy(), dtype=np.int64), timezone)
    return rows.select(["customer_id", "product_id"]), days_of


def _prices_paid(as_of: date, timezone: str) -> ibis.Table:
    instant = clock.midnight(as_of, timezone)
    lines = known(_LINES, instant)
    since = ibis.literal(instant - timedelta(days=LONG_DAYS), type="timestamp('UTC')")
    lines = lines.filter(
        lines.kind == "sale", lines.product_id.notnull(), lines.quantity > 0,
        lines.event_at >= since,
    )  # fmt: skip
    paid = lines.group_by("product_id").agg(
        amount=lines.line_amount_cents.sum().cast("float64"),
        pieces=lines.quantity.sum().cast("float64"),
    )
    return paid.select("product_id", price_cents=(paid.amount / paid.pieces).round(0).cast("int64"))


def _aligned(rows: pa.Table, product_ids: pa.StringArray) -> pa.Table:
    """The rows in the order of the products, null where there is none."""
    where = pc.index_in(product_ids, value_set=rows["product_id"].cast(pa.string()))
    return rows.take(where)
