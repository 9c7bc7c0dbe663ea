"""Labels: which active customers of a day placed no order in its outcome window."""

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
    """`customer_id, is_churned` of everybody in `population`.

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
    came_back = (
        purchases.filter(
            purchases.event_at >= ibis.literal(opens_at, "timestamp('UTC')"),
            purchases.event_at < ibis.literal(closes_at, "timestamp('UTC')"),
        )
        .select(buyer_id="customer_id")
        .distinct()
    )
    joined = population.left_join(came_back, population.customer_id == came_back.buyer_id)
    return joined.select("customer_id", is_churned=joined.buyer_id.isnull())
