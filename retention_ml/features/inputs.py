"""The rollups as feature families see them, and what of them is known on a day."""

from collections.abc import Sequence
from dataclasses import dataclass

import ibis

from retention_ml.features.local_time import seconds
from retention_ml.features.rollups import COUNTERS

LONGEST_PRODUCT_WINDOW_DAYS = 365
# Of `orders_for`, what says who is active.
ORDERS_DAY = {"customer_id": "string"} | dict.fromkeys(
    ("event_day", "known_from_day", "orders_count"), "int64"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """The days asked for (`as_of_day`, day numbers) and the rollup tables, all unbound.

    The rollups lie in the schema `features` of Postgres, or are registered in DuckDB.
    """

    days: ibis.Table
    customer_day: ibis.Table
    customer_product_day: ibis.Table
    product_category: ibis.Table


def stored_inputs(days: Sequence[int]) -> Inputs:
    """Days by value, and the rollups of Postgres."""
    numbers = ibis.literal(list(days), "array<int64>")
    return _inputs(numbers.unnest().name("as_of_day").as_table(), "features")


def registered_inputs(id_type: str = "string") -> Inputs:
    """The tables `days`, `customer_day`, `customer_product_day` and `product_category`.

    `id_type` is that of customers and products: they may be numbered.
    """
    return _inputs(ibis.table({"as_of_day": "int64"}, name="days"), None, id_type)


def _inputs(days: ibis.Table, database: str | None, id_type: str = "string") -> Inputs:
    stamps = ("known_from_day", "rollup_id")

    def rollup(name: str, texts: Sequence[str], numbers: Sequence[str]) -> ibis.Table:
        columns = {
            **{text: id_type if text.endswith("_id") else "string" for text in texts},
            **dict.fromkeys(numbers, "int64"),
        }
        return ibis.table(columns, name=name, database=database)

    return Inputs(
        days=days,
        customer_day=rollup("customer_day", ["customer_id"], ["event_day", *stamps, *COUNTERS]),
        customer_product_day=rollup(
            "customer_product_day",
            ["customer_id", "product_id"],
            ["event_day", *stamps, "lines_count"],
        ),
        product_category=rollup(
            "product_category", ["product_id", "category"], [*stamps, "versions_count"]
        ),
    )


def inputs_for(days: Sequence[int], newest_rollup_id: int) -> Inputs:
    """Days by value, and of the stored rollups what can matter for them, up to a pass."""
    inputs, first, last = stored_inputs(days), min(days), max(days)

    def upto(table: ibis.Table) -> ibis.Table:
        return table.filter(table.known_from_day <= last, table.rollup_id <= newest_rollup_id)

    customer_day, products = upto(inputs.customer_day), upto(inputs.customer_product_day)
    return Inputs(
        days=inputs.days,
        customer_day=customer_day.filter(customer_day.event_day < last),
        customer_product_day=products.filter(
            products.event_day < last, products.event_day >= first - LONGEST_PRODUCT_WINDOW_DAYS
        ),
        product_category=upto(inputs.product_category),
    )


def orders_for(days: Sequence[int], active_days: int, newest_rollup_id: int) -> ibis.Table:
    """Of `features.customer_day` the rows and columns that say who is active on some days.

    Returns
    -------
    ibis.Table
        `customer_id`, `event_day`, `known_from_day`, `orders_count` (not 0), and `newest_second`,
        the newest event of the row in seconds since 1970-01-01 UTC.
    """
    columns = {
        "customer_id": "string",
        **dict.fromkeys(("event_day", "known_from_day", "rollup_id", "orders_count"), "int64"),
        "newest_event_at": "timestamp('UTC')",
    }
    rows = ibis.table(columns, name="customer_day", database="features")
    rows = rows.filter(
        rows.orders_count != 0,
        rows.event_day >= min(days) - active_days,
        rows.event_day < max(days),
        rows.known_from_day <= max(days),
        rows.rollup_id <= newest_rollup_id,
    )
    return rows.select(
        "customer_id",
        # As stored these are narrower, and engines differ in what becomes of their differences.
        **{name: rows[name].cast("int64") for name in ("event_day", "known_from_day")},
        orders_count=rows.orders_count,
        newest_second=seconds(rows.newest_event_at),
    )


def known_days(inputs: Inputs) -> ibis.Table:
    """Per as_of, customer and day: the counters known at the start of as_of.

    Returns
    -------
    ibis.Table
        `as_of_day`, `customer_id`, `event_day`, `age_days` (as_of - day, at least 1) and every
        counter of the rollup.
    """
    rows = inputs.days.cross_join(inputs.customer_day)
    rows = rows.filter(rows.event_day < rows.as_of_day, rows.known_from_day <= rows.as_of_day)
    netted = rows.group_by("as_of_day", "customer_id", "event_day").agg(
        **{name: rows[name].sum().cast("float64").cast("int64") for name in COUNTERS}
    )
    return netted.mutate(age_days=netted.as_of_day - netted.event_day)


def known_orders(days: ibis.Table, orders_day: ibis.Table) -> ibis.Table:
    """Of `known_days` what says who is active: `orders_count`, and `age_days`, of each day."""
    rows = days.cross_join(orders_day)
    rows = rows.filter(rows.event_day < rows.as_of_day, rows.known_from_day <= rows.as_of_day)
    netted = rows.group_by("as_of_day", "customer_id", "event_day").agg(
        orders_count=rows.orders_count.sum().cast("int64")
    )
    return netted.mutate(age_days=netted.as_of_day - netted.event_day)


def active_customers(days: ibis.Table, active_days: int) -> ibis.Table:
    """`as_of_day` and `customer_id` of those with a purchase on D - `active_days` to D - 1.

    From `known_days`: as known at the start of as_of.
    """
    bought = days.filter(days.orders_count > 0, days.age_days <= active_days)
    return bought.select("as_of_day", "customer_id").distinct()


def known_products(inputs: Inputs) -> ibis.Table:
    """Per as_of: the product rollup rows of the 365 days before it known at its start."""
    rows = inputs.days.cross_join(inputs.customer_product_day)
    rows = rows.filter(
        rows.event_day < rows.as_of_day,
        rows.event_day >= rows.as_of_day - LONGEST_PRODUCT_WINDOW_DAYS,
        rows.known_from_day <= rows.as_of_day,
    )
    return rows.mutate(age_days=rows.as_of_day - rows.event_day)


def known_categories(inputs: Inputs) -> ibis.Table:
    """Per as_of and product: the category it was known to belong to at the start of as_of.

    Where sources disagree, the first by name.
    """
    rows = inputs.days.cross_join(inputs.product_category)
    rows = rows.filter(rows.known_from_day <= rows.as_of_day)
    netted = rows.group_by("as_of_day", "product_id", "category").agg(
        versions_count=rows.versions_count.sum()
    )
    shelved = netted.filter(netted.versions_count > 0)
    return shelved.group_by("as_of_day", "product_id").agg(category=shelved.category.min())
