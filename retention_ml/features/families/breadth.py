"""How many different products and categories are bought, and how often again."""

import ibis
import ibis.expr.types as ir

from retention_ml.features.families.arithmetic import ratio


def per_customer(products: ibis.Table, categories: ibis.Table) -> ibis.Table:
    """One row per as_of and customer who bought a known product within 365 days.

    Parameters
    ----------
    products, categories : ibis.Table
        `inputs.known_products` and `inputs.known_categories`.
    """
    recent = ibis.ifelse(products.age_days <= 90, products.lines_count, 0)
    bought = products.group_by("as_of_day", "customer_id", "product_id").agg(
        lines_90d=recent.sum(),
        lines_365d=products.lines_count.sum(),
        aged=(products.lines_count * products.age_days).sum(),
        aged_square=(products.lines_count * products.age_days * products.age_days).sum(),
    )
    bought = bought.filter(bought.lines_365d > 0)
    # All lines fell on one day exactly where the variance of their age is 0: unlike a count of
    # days, that is a sum, and corrections may take rows back.
    bought = bought.mutate(
        is_repeated=bought.lines_365d * bought.aged_square > bought.aged * bought.aged,
        is_recent=bought.lines_90d > 0,
    )
    shelved = bought.left_join(categories, ["as_of_day", "product_id"])
    shelved = shelved.select(*(bought[name] for name in bought.columns), categories.category)
    category_90d = ibis.ifelse(shelved.is_recent, shelved.category, ibis.null("string"))
    return shelved.group_by("as_of_day", "customer_id").agg(
        products_365d=shelved.count(),
        products_90d=_number(shelved.is_recent),
        products_new=_number(shelved.is_recent & (shelved.lines_90d == shelved.lines_365d)),
        products_repeated=_number(shelved.is_repeated),
        lines_top=shelved.lines_365d.max(),
        lines_all=shelved.lines_365d.sum(),
        categories_365d=shelved.category.nunique(),
        categories_90d=category_90d.nunique(),
    )


def features(t: ibis.Table) -> dict[str, ir.Value]:
    """Columns from `per_customer`."""
    return {
        **{
            f"{noun}_count_{window}d": ibis.coalesce(t[f"{noun}_{window}d"], 0)
            for noun in ("products", "categories")
            for window in (90, 365)
        },
        "products_repeat_share_365d": ratio(t.products_repeated, t.products_365d),
        "products_top_share_365d": ratio(t.lines_top, t.lines_all),
        "products_new_share_90d": ratio(t.products_new, t.products_90d),
    }


def _number(condition: ir.BooleanValue) -> ir.IntegerScalar:
    return ibis.ifelse(condition, 1, 0).sum()
