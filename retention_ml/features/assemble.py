"""All families joined into one wide expression for any number of days."""

import ibis

from retention_ml.features.catalogue import FEATURE_NAMES
from retention_ml.features.families import (
    basket,
    behaviour,
    breadth,
    gaps,
    habits,
    purchases,
    returns,
    rhythm,
)
from retention_ml.features.inputs import Inputs, known_categories, known_days, known_products
from retention_ml.features.population import active_customers

_OF_DAYS = (purchases, gaps, rhythm, basket, returns, habits, behaviour)
_KEY = ["as_of_day", "customer_id"]


def customer_daily(found: Inputs, *, active_days: int) -> ibis.Table:
    """The features of the active customers of each day, as known at its start.

    Parameters
    ----------
    found : Inputs
        The days and the rollups.
    active_days : int
        Who counts as active: see `population.active_customers`.

    Returns
    -------
    ibis.Table
        `as_of_day` int64, `customer_id`, then every feature of the catalogue as float64; one
        row per day and active customer, in no order.
    """
    happened = known_days(found)
    active = active_customers(happened, active_days)
    happened = gaps.with_gaps(happened.semi_join(active, _KEY))
    products = known_products(found).semi_join(active, _KEY)
    whole = happened.group_by(_KEY).agg(
        **{name: value for family in _OF_DAYS for name, value in family.sums(happened).items()}
    )
    bought = breadth.per_customer(products, known_categories(found), active)
    whole = whole.left_join(bought, _KEY).select(
        *(whole[name] for name in whole.columns),
        *(bought[name] for name in bought.columns if name not in _KEY),
    )
    columns = {
        name: value
        for family in (*_OF_DAYS, breadth)
        for name, value in family.features(whole).items()
    }
    return whole.select(
        "as_of_day",
        "customer_id",
        **{name: columns[name].cast("float64") for name in FEATURE_NAMES},
    )
