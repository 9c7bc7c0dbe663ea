"""How many different products and categories are bought, how often again, and who else buys them."""

from functools import partial

import ibis
import ibis.expr.types as ir

from retention_ml.features.families.arithmetic import number, ratio
from retention_ml.features.feature import Feature, Unit, feature

PRODUCT_WINDOWS = (30, 90)
_OF_BUYERS = ("buyers_share", "buyers_again_share", "momentum")
_UNIT = 2**30
_MOMENTUM_DAYS = 120
_GROWTH_DAYS = (30, _MOMENTUM_DAYS)
_breadth = partial(feature, "breadth")


def per_customer(
    products: ibis.Table,
    categories: ibis.Table,
    active: ibis.Table,
    chosen: ibis.Table | None = None,
) -> ibis.Table:
    """One row per as_of and customer who bought a known product within 365 days.

    From `known_products` of active customers, `known_categories` and `active_customers`. Only of
    those of them who are `chosen` where that is given: products are still what all active
    customers make of them.
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
        is_repeated=bought.lines_365d * bought.aged_square > bought.aged * bought.aged
    )
    buyers = _buyers(bought, active)
    if chosen is not None:
        bought = bought.semi_join(chosen, ["as_of_day", "customer_id"])
    bought = bought.join(buyers, ["as_of_day", "product_id"])
    shelved = bought.left_join(categories, ["as_of_day", "product_id"])
    shelved = shelved.select(*(bought[name] for name in bought.columns), categories.category)
    recent = {window: shelved[f"lines_{window}d"] > 0 for window in PRODUCT_WINDOWS}
    category_90d = ibis.ifelse(recent[90], shelved.category, ibis.null("string"))
    columns: dict[str, ir.Scalar] = {}
    for window, is_recent in recent.items():
        columns[f"products_{window}d"] = number(is_recent)
        columns[f"products_new_{window}d"] = number(
            is_recent & (shelved[f"lines_{window}d"] == shelved.lines_365d)
        )
        for name in _OF_BUYERS:
            columns[f"{name}_{window}d"] = ibis.ifelse(is_recent, shelved[name], 0).sum()
    return shelved.group_by("as_of_day", "customer_id").agg(
        products_365d=shelved.count(),
        products_repeated=number(shelved.is_repeated),
        lines_top=shelved.lines_365d.max(),
        lines_all=shelved.lines_365d.sum(),
        categories_365d=shelved.category.nunique(),
        categories_90d=category_90d.nunique(),
        **columns,
    )


def _buyers(bought: ibis.Table, active: ibis.Table) -> ibis.Table:
    """Per as_of and product what active customers did with it, in 1 / `_UNIT`: for exact sums."""
    products = bought.group_by("as_of_day", "product_id").agg(
        buyers=bought.count(),
        buyers_again=number(bought.is_repeated),
        **{f"of_product_{days}d": bought[f"lines_{days}d"].sum() for days in _GROWTH_DAYS},
    )
    of_all = products.group_by("as_of_day").agg(
        **{f"of_all_{days}d": products[f"of_product_{days}d"].sum() for days in _GROWTH_DAYS}
    )
    customers = active.group_by("as_of_day").agg(active_count=active.count())
    products = products.join(of_all, "as_of_day").join(customers, "as_of_day")
    return products.select(
        "as_of_day",
        "product_id",
        buyers_share=_scaled(ratio(products.buyers, products.active_count)),
        buyers_again_share=_scaled(ratio(products.buyers_again, products.buyers)),
        momentum=_scaled(_growth(products, "of_product") - _growth(products, "of_all")),
    )


def _growth(products: ibis.Table, name: str) -> ir.FloatingValue:
    """ln of the lines of a month against those of a month of the three before."""
    month, whole = products[f"{name}_30d"], products[f"{name}_{_MOMENTUM_DAYS}d"]
    return ratio(3 * (month + 1), whole - month + 3).ln()


def _scaled(value: ir.FloatingValue) -> ir.IntegerValue:
    return (value * _UNIT + 0.5).floor().cast("int64")


def _different(noun: str, days: int) -> Feature:
    return _breadth(
        f"{noun}_count_{days}d",
        f"different {noun} bought in the last {days} days",
        lambda t: ibis.coalesce(t[f"{noun}_{days}d"], 0),
    )


def _new_share(days: int) -> Feature:
    return _breadth(
        f"products_new_share_{days}d",
        f"of the products bought in the last {days} days, the share not bought in the "
        f"{365 - days} days before",
        lambda t: ratio(t[f"products_new_{days}d"], t[f"products_{days}d"]),
        window_days=365,
    )


def _assortment(days: int) -> list[Feature]:
    """What the products bought in a window are to all active customers."""

    def mean(name: str, what: str, unit: Unit = "share", window_days: int = 365) -> Feature:
        return feature(
            "assortment",
            f"products_{name}_{days}d",
            f"mean over the products bought in the last {days} days: {what}",
            lambda t: ratio(t[f"{name}_{days}d"], t[f"products_{days}d"]) / _UNIT,
            unit=unit,
            window_days=window_days,
        )

    return [
        mean("buyers_share", "share of the active customers who bought them in the last 365 days"),
        mean(
            "buyers_again_share",
            "of the active customers who bought them in the last 365 days, the share "
            "who did so on two or more days",
        ),
        mean(
            "momentum",
            "ln((purchase lines of the product in the last 30 days + 1) / (a third of "
            "those in the 90 days before + 1)), less the same of all products; lines of the "
            "active customers",
            unit="log_ratio",
            window_days=_MOMENTUM_DAYS,
        ),
    ]


FEATURES: list[Feature] = [
    *(_different("products", days) for days in (*PRODUCT_WINDOWS, 365)),
    *(_different("categories", days) for days in (90, 365)),
    _breadth(
        "products_repeated_count_365d",
        "different products bought on two or more days of the last 365",
        lambda t: ibis.coalesce(t.products_repeated, 0),
    ),
    _breadth(
        "products_repeat_share_365d",
        "of the products bought in the last 365 days, the share bought on two or more days",
        lambda t: ratio(t.products_repeated, t.products_365d),
    ),
    _breadth(
        "products_top_share_365d",
        "of the purchase lines in the last 365 days, the share of the most bought product",
        lambda t: ratio(t.lines_top, t.lines_all),
    ),
    *(_new_share(days) for days in PRODUCT_WINDOWS),
    *(feature for days in PRODUCT_WINDOWS for feature in _assortment(days)),
]
