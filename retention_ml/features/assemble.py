"""All families joined into one wide expression for any number of days."""

import ibis

from retention_ml.features.catalogue import CATALOGUE, MODULES
from retention_ml.features.families import breadth, gaps
from retention_ml.features.inputs import (
    Inputs,
    active_customers,
    known_categories,
    known_days,
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
    days = gaps.with_gaps(days.semi_join(active, _KEY))
    of_days = {
        name: value
        for family in MODULES
        if family is not breadth
        for name, value in family.aggregates(days).items()
    }
    aggregates = days.group_by(_KEY).agg(**of_days)
    products = known_products(inputs).semi_join(active, _KEY)
    of_products = breadth.per_customer(products, known_categories(inputs), active)
    aggregates = aggregates.left_join(of_products, _KEY).select(
        *(aggregates[name] for name in aggregates.columns),
        *(of_products[name] for name in of_products.columns if name not in _KEY),
    )
    return aggregates.select(
        *_KEY, **{feature.name: feature.column(aggregates) for feature in CATALOGUE}
    )
