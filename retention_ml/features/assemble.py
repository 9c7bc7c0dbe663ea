"""All families joined into one wide expression for any number of days."""

from collections.abc import Callable

import ibis

from retention_ml.features.catalogue import CATALOGUE, MODULES
from retention_ml.features.families import breadth, gaps
from retention_ml.features.inputs import (
    Inputs,
    active_customers,
    known_categories,
    known_days,
    known_orders,
    known_products,
)

_KEY = ["as_of_day", "customer_id"]


def customer_daily(inputs: Inputs, *, active_days: int) -> ibis.Table:
    """The features of the `active_customers` of each day, as known at its start.

    Returns
    -------
    ibis.Table
        `as_of_day` int64, `customer_id`, then every feature of the catalogue as float64; one
        row per day and active customer, in no order.
    """
    days = known_days(inputs)
    active = active_customers(days, active_days)
    products = known_products(inputs).semi_join(active, _KEY)
    of_products = breadth.per_customer(products, known_categories(inputs), active)
    return _features(days.semi_join(active, _KEY), of_products)


def customer_sampled(
    inputs: Inputs,
    orders_day: ibis.Table,
    *,
    active_days: int,
    choose: Callable[[ibis.Table], ibis.Table],
) -> ibis.Table:
    """The rows that `customer_daily` has of some of the customers.

    `choose` gives of a table with `customer_id` the rows of these customers. What products are to
    all active customers needs everybody: so `inputs.customer_product_day` and `orders_day`, the few
    columns of `customer_day` that say who is active, are of everybody. `inputs.customer_day`, wide,
    need hold no others than the chosen customers.
    """
    active = active_customers(known_orders(inputs.days, orders_day), active_days)
    chosen = choose(active)
    products = known_products(inputs).semi_join(active, _KEY)
    of_products = breadth.per_customer(products, known_categories(inputs), active, chosen)
    return _features(known_days(inputs).semi_join(chosen, _KEY), of_products)


def _features(days: ibis.Table, of_products: ibis.Table) -> ibis.Table:
    """Every feature, from the known days of active customers and `breadth.per_customer`."""
    days = gaps.with_gaps(days)
    of_days = {
        name: value
        for family in MODULES
        if family is not breadth
        for name, value in family.aggregates(days).items()
    }
    aggregates = days.group_by(_KEY).agg(**of_days)
    aggregates = aggregates.left_join(of_products, _KEY).select(
        *(aggregates[name] for name in aggregates.columns),
        *(of_products[name] for name in of_products.columns if name not in _KEY),
    )
    return aggregates.select(
        *_KEY, **{feature.name: feature.column(aggregates) for feature in CATALOGUE}
    )
