"""How many different products and categories are bought, how often again, and who else buys them."""

import ibis
import ibis.expr.types as ir

from retention_ml.features.catalogue import PRODUCT_WINDOWS
from retention_ml.features.families.arithmetic import number, ratio

_OF_BUYERS = ("buyers_share", "buyers_again_share", "momentum")
_UNIT = 2**30
_MOMENTUM_DAYS = 120


def per_customer(products: ibis.Table, categories: ibis.Table, active: ibis.Table) -> ibis.Table:
    """One row per as_of and customer who bought a known product within 365 days.

    Parameters
    ----------
    products, categories : ibis.Table
        `inputs.known_products` of active customers, and `inputs.known_categories`.
    active : ibis.Table
        `population.active_customers`.
    """
    bought = products.group_by("as_of_day", "customer_id", "product_id").agg(
        **{
            f"lines_{window}d": ibis.ifelse(
                products.age_days <= window, products.lines_count, 0
            ).sum()
            for window in (*PRODUCT_WINDOWS, _MOMENTUM_DAYS)
        },
        lines_365d=products.lines_count.sum(),
        aged=(products.lines_count * products.age_days).sum(),
        aged_square=(products.lines_count * products.age_days * products.age_days).sum(),
    )
    bought = bought.filter(bought.lines_365d > 0)
    # All lines fell on one day exactly where the variance of their age is 0: unlike a count of
    # days, that is a sum, and corrections may take rows back.
    bought = bought.mutate(
        is_repeated=bought.lines_365d * bought.aged_square > bought.aged * bought.aged,
    )
    bought = _with_buyers(bought, active)
    shelved = bought.left_join(categories, ["as_of_day", "product_id"])
    shelved = shelved.select(*(bought[name] for name in bought.columns), categories.category)
    recent = {window: shelved[f"lines_{window}d"] > 0 for window in PRODUCT_WINDOWS}
    category_90d = ibis.ifelse(recent[90], shelved.category, ibis.null("string"))
    found: dict[str, ir.Scalar] = {}
    for window, is_recent in recent.items():
        found[f"products_{window}d"] = number(is_recent)
        found[f"products_new_{window}d"] = number(
            is_recent & (shelved[f"lines_{window}d"] == shelved.lines_365d)
        )
        for name in _OF_BUYERS:
            found[f"{name}_{window}d"] = ibis.ifelse(is_recent, shelved[name], 0).sum()
    return shelved.group_by("as_of_day", "customer_id").agg(
        products_365d=shelved.count(),
        products_repeated=number(shelved.is_repeated),
        lines_top=shelved.lines_365d.max(),
        lines_all=shelved.lines_365d.sum(),
        categories_365d=shelved.category.nunique(),
        categories_90d=category_90d.nunique(),
        **found,
    )


def _with_buyers(bought: ibis.Table, active: ibis.Table) -> ibis.Table:
    """What active customers did with each product, in 1 / `_UNIT`: integers, for exact sums."""
    customers = active.group_by("as_of_day").agg(active_count=active.count())
    bought = bought.join(customers, "as_of_day")
    of_day = ibis.window(group_by="as_of_day")
    of_product = ibis.window(group_by=["as_of_day", "product_id"])
    bought = bought.mutate(
        buyers=bought.count().over(of_product),
        buyers_again=number(bought.is_repeated).over(of_product),
        **{
            f"{name}_{days}d": bought[f"lines_{days}d"].sum().over(window)
            for days in (30, _MOMENTUM_DAYS)
            for name, window in (("of_product", of_product), ("of_all", of_day))
        },
    )
    return bought.mutate(
        buyers_share=_scaled(ratio(bought.buyers, bought.active_count)),
        buyers_again_share=_scaled(ratio(bought.buyers_again, bought.buyers)),
        momentum=_scaled(_growth(bought, "of_product") - _growth(bought, "of_all")),
    )


def _growth(bought: ibis.Table, name: str) -> ir.FloatingValue:
    """ln of the lines of a month against those of a month of the three before."""
    month, whole = bought[f"{name}_30d"], bought[f"{name}_{_MOMENTUM_DAYS}d"]
    return ratio(3 * (month + 1), whole - month + 3).ln()


def _scaled(value: ir.FloatingValue) -> ir.IntegerValue:
    return (value * _UNIT + 0.5).floor().cast("int64")


def features(t: ibis.Table) -> dict[str, ir.Value]:
    """Columns from `per_customer`."""
    found: dict[str, ir.Value] = {
        **{f"products_count_{days}d": ibis.coalesce(t[f"products_{days}d"], 0) for days in (*PRODUCT_WINDOWS, 365)},
        **{f"categories_count_{days}d": ibis.coalesce(t[f"categories_{days}d"], 0) for days in (90, 365)},
        "products_repeated_count_365d": ibis.coalesce(t.products_repeated, 0),
        "products_repeat_share_365d": ratio(t.products_repeated, t.products_365d),
        "products_top_share_365d": ratio(t.lines_top, t.lines_all),
    }  # fmt: skip
    for days in PRODUCT_WINDOWS:
        products = t[f"products_{days}d"]
        found[f"products_new_share_{days}d"] = ratio(t[f"products_new_{days}d"], products)
        for name in _OF_BUYERS:
            found[f"products_{name}_{days}d"] = ratio(t[f"{name}_{days}d"], products) / _UNIT
    return found
