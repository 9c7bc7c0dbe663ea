"""What messages recommend: the published lists; without one bought again most, best of the shelf.

Without a list, first what the customer bought in two or more orders, the most often first; then what the most
customers bought from their favourite shelf and they have not bought yet. Only what was sold lately
is recommended.
"""

from collections.abc import Collection
from datetime import date, datetime, timedelta
from itertools import groupby

import ibis

from retention_ml import tables
from retention_ml.actions.catalogue.variables import Product
from retention_ml.curated.known import known
from retention_ml.recommendations.snapshots.offered import offered
from retention_ml.warehouse import Transaction

PRODUCTS_MAX = 6
SOLD_WITHIN_DAYS = 90
_SHELF_DEPTH = 50  # of the best of a shelf, those that a customer has not bought are taken
_TYPES = {
    "customer_id": "text",
    "product_id": "text",
    "category": "text",
    "orders_count": "bigint",
    "customers_count": "bigint",
    "newest_at": "timestamptz",
}
_KEPT_KINDS = ("sale", "cancellation", "return")
_LINES = tables.ORDER_LINES.ibis_table("curated", tables.LINEAGE)
_PRODUCTS = tables.PRODUCTS.ibis_table("curated", tables.LINEAGE)


def favourite_categories(customers: ibis.Table, instant: datetime) -> ibis.Table:
    """The shelf that each customer bought from in the most orders.

    Parameters
    ----------
    customers : ibis.Table
        `customer_id` of those who are asked for.
    instant : datetime
        Aware; for a day it is `clock.midnight(as_of, timezone)`. What had not happened or was not
        loaded by then is not used.

    Returns
    -------
    ibis.Table
        `customer_id, category`; who bought nothing from any shelf is not in it. Of equals the
        newest, then the first by name.

    Raises
    ------
    ValueError
        If `instant` has no time zone.
    """
    return _favourites(_purchases(customers, instant))


def recommended_products(
    customers: ibis.Table, instant: datetime, count: int = PRODUCTS_MAX
) -> ibis.Table:
    """Up to `count` products for each customer, best first.

    Parameters
    ----------
    customers : ibis.Table
        `customer_id` of those who are asked for.
    instant : datetime
        Aware; see `favourite_categories`.
    count : int
        Products a customer, at most.

    Returns
    -------
    ibis.Table
        `customer_id, place` (the first is 1)`, product_id, name, category`; who can be recommended
        nothing is not in it.

    Raises
    ------
    ValueError
        If `instant` has no time zone.
    """
    return _recommended(_purchases(customers, instant), _sold_lately(instant), instant, count)


def _recommended(
    purchases: ibis.Table, sold: ibis.Table, instant: datetime, count: int
) -> ibis.Table:
    again = purchases.filter(purchases.orders_count >= 2).semi_join(sold, "product_id")
    candidates = again.select(
        "customer_id", "product_id", "orders_count", "newest_at", is_new=ibis.literal(0)
    ).union(_from_the_shelf(purchases, sold, instant))
    named = _named(instant)
    joined = candidates.join(named, candidates.product_id == named.product_id)
    offered = joined.select(*candidates.columns, named.name, named.category)
    best = offered.mutate(
        namesake=ibis.row_number().over(
            group_by=[offered.customer_id, offered.name.strip().lower()],
            order_by=_best_first(offered),
        )
    )
    best = best.filter(best.namesake == 0)
    ranked = best.mutate(
        place=ibis.row_number().over(group_by=best.customer_id, order_by=_best_first(best)) + 1
    )
    return ranked.filter(ranked.place <= count).select(
        "customer_id", "place", "product_id", "name", "category"
    )


def read_history(
    transaction: Transaction, customers: ibis.Table, instant: datetime
) -> tuple[dict[str, tuple[Product, ...]], dict[str, str]]:
    """Recommended products, and the favourite shelf, by customer, as a transaction sees them.

    What was bought is read from the order lines once, and Postgres looks at it before it plans what
    follows: how often customers buy again cannot be guessed from the columns of the lines.
    """
    purchases = _stored(transaction, "asked_purchases", _purchases(customers, instant))
    sold = _stored(transaction, "sold_lately", _sold_lately(instant))
    recommended = _recommended(purchases, sold, instant, PRODUCTS_MAX)
    rows = transaction.select(recommended.order_by("customer_id", "place"))
    products = {
        customer: tuple(
            Product(product_id=row.product_id, name=row.name, category=row.category)
            for row in of_customer
        )
        for customer, of_customer in groupby(rows, key=lambda row: str(row.customer_id))
    }
    shelves = transaction.select(_favourites(purchases))
    return products, {row.customer_id: row.category for row in shelves}


def read_lists(
    transaction: Transaction, customer_ids: Collection[str], as_of: date
) -> dict[str, tuple[Product, ...]]:
    """The first products of each customer's published mixed list, of those who have one."""
    return {
        customer: tuple(Product(**product) for product in products[:PRODUCTS_MAX])
        for customer, products in offered(transaction, customer_ids, as_of).items()
    }


def _stored(transaction: Transaction, name: str, rows: ibis.Table) -> ibis.Table:
    """The rows as a temporary table that is gone with the transaction, looked at by Postgres."""
    columns = ", ".join(f"{column} {_TYPES[column]}" for column in rows.columns)
    transaction.execute(f"DROP TABLE IF EXISTS pg_temp.{name}")
    transaction.execute(f"CREATE TEMP TABLE {name} ({columns}) ON COMMIT DROP")
    transaction.insert(f"pg_temp.{name}", rows)
    transaction.execute(f"ANALYZE pg_temp.{name}")
    return ibis.table(rows.schema(), name=name)


def _best_first(rows: ibis.Table) -> list[ibis.Value]:
    return [rows.is_new, rows.orders_count.desc(), rows.newest_at.desc(), rows.product_id]


def _named(instant: datetime) -> ibis.Table:
    """`product_id, name, category` of products that have a name; one row each, of all sources."""
    products = known(_PRODUCTS, instant)
    products = products.filter(products.name.notnull(), products.name.strip() != "")
    return products.group_by("product_id").agg(
        name=products.name.max(), category=products.category.max()
    )


def _purchases(customers: ibis.Table, instant: datetime) -> ibis.Table:
    """Products with a name that customers bought and did not give back, with how often and when."""
    lines = known(_LINES, instant)
    lines = lines.filter(lines.product_id.notnull(), lines.kind.isin(_KEPT_KINDS))
    lines = lines.semi_join(customers, "customer_id")
    # By order first: groups are then added up in memory, where counting different ones would sort.
    is_sale = lines.kind == "sale"
    orders = lines.group_by("customer_id", "product_id", "order_id").agg(
        newest_at=lines.event_at.max(where=is_sale), pieces=lines.quantity.sum()
    )
    bought = orders.group_by("customer_id", "product_id").agg(
        orders_count=orders.order_id.count(where=orders.newest_at.notnull()),
        newest_at=orders.newest_at.max(),
        pieces=orders.pieces.sum(),
    )
    bought = bought.filter(bought.pieces > 0, bought.orders_count > 0)
    named = _named(instant)
    joined = bought.join(named, bought.product_id == named.product_id)
    return joined.select(
        bought.customer_id, bought.product_id, bought.orders_count, bought.newest_at, named.category
    )


def _sold_lately(instant: datetime) -> ibis.Table:
    """`product_id, customers_count` of what anybody bought in the days before the instant."""
    lines = known(_LINES, instant)
    since = ibis.literal(instant - timedelta(days=SOLD_WITHIN_DAYS), type="timestamp('UTC')")
    lines = lines.filter(
        lines.product_id.notnull(),
        lines.kind == "sale",
        lines.quantity > 0,
        lines.event_at >= since,
    )
    buyers = lines.select("product_id", "customer_id").distinct()
    return buyers.group_by("product_id").agg(customers_count=buyers.customer_id.count())


def _favourites(purchases: ibis.Table) -> ibis.Table:
    shelves = purchases.filter(purchases.category.notnull(), purchases.category.strip() != "")
    shelves = shelves.group_by("customer_id", "category").agg(
        orders_count=shelves.orders_count.sum(), newest_at=shelves.newest_at.max()
    )
    order = [shelves.orders_count.desc(), shelves.newest_at.desc(), shelves.category]
    ranked = shelves.mutate(
        place=ibis.row_number().over(group_by=shelves.customer_id, order_by=order)
    )
    return ranked.filter(ranked.place == 0).select("customer_id", "category")


def _from_the_shelf(purchases: ibis.Table, sold: ibis.Table, instant: datetime) -> ibis.Table:
    """The best of each customer's favourite shelf that they have not bought."""
    named = _named(instant)
    shelf = sold.join(named, sold.product_id == named.product_id)
    shelf = shelf.select(sold.product_id, sold.customers_count, named.category)
    order = [shelf.customers_count.desc(), shelf.product_id]
    best = shelf.mutate(depth=ibis.row_number().over(group_by=shelf.category, order_by=order))
    best = best.filter(best.depth < _SHELF_DEPTH)
    favourites = _favourites(purchases)
    offered = favourites.join(best, favourites.category == best.category).select(
        favourites.customer_id, best.product_id, best.customers_count
    )
    return offered.anti_join(purchases, ["customer_id", "product_id"]).select(
        "customer_id",
        "product_id",
        orders_count=offered.customers_count,
        newest_at=ibis.literal(instant, type="timestamp('UTC')"),
        is_new=ibis.literal(1),
    )
