"""Labels: which active customers of a day placed no order in its outcome window, and the next one."""

from datetime import datetime

import ibis

from retention_ml import tables
from retention_ml.curated.known import known

ORDERS = tables.CANONICAL["orders"].ibis_table("curated", tables.LINEAGE)
POPULATION = ibis.table(
    {"as_of": "date", "customer_id": "string"}, name="customer_daily", database="features"
)


def labels(
    population: ibis.Table,
    orders: ibis.Table,
    *,
    opens_at: datetime,
    closes_at: datetime,
    known_at: datetime,
) -> ibis.Table:
    """`customer_id, is_churned, next_order_seconds` of everybody in `population`.

    `next_order_seconds` is the instant of the first purchase at or after `opens_at`, in seconds
    since 1970-01-01 UTC, missing where none is known: it may be later than `closes_at`.

    Parameters
    ----------
    population : ibis.Table
        `customer_id` of the active customers of the day.
    orders : ibis.Table
        `curated.orders` with lineage.
    opens_at, closes_at : datetime
        The outcome window, half-open: an order at `opens_at` counts, one at `closes_at` does not.
    known_at : datetime
        What is known at this instant decides: an order that arrived late still counts as long
        as it arrived before.
    """
    orders = known(orders, known_at)
    purchases = orders.filter(orders.kind == "purchase", orders.customer_id.notnull())
    later = purchases.filter(purchases.event_at >= ibis.literal(opens_at, "timestamp('UTC')"))
    buyers = later.group_by(buyer_id="customer_id").aggregate(next_order_at=later.event_at.min())
    joined = population.left_join(buyers, population.customer_id == buyers.buyer_id)
    in_time = joined.next_order_at < ibis.literal(closes_at, "timestamp('UTC')")
    return joined.select(
        "customer_id",
        is_churned=~in_time.fill_null(False),
        next_order_seconds=joined.next_order_at.epoch_seconds().cast("int64"),
    )
