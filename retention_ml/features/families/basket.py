"""How large orders are: on average, the first, the last."""

from functools import partial

import ibis
import ibis.expr.types as ir

from retention_ml.features.families.arithmetic import ratio
from retention_ml.features.feature import Feature, feature

_basket = partial(feature, "basket")


def aggregates(days: ibis.Table) -> dict[str, ir.Scalar]:
    """Aggregates over a customer's days; the others come from `purchases` and `gaps`."""
    return {"lines_count": days.lines_count.sum(), "pieces_count": days.pieces_count.sum()}


def _revenue_mean(t: ibis.Table) -> ir.FloatingValue:
    return ratio(t.revenue_cents, t.orders_count)


def _revenue_last(t: ibis.Table) -> ir.FloatingValue:
    return ratio(t.last_revenue_cents, t.last_orders_count)


def _lines_mean(t: ibis.Table) -> ir.FloatingValue:
    return ratio(t.lines_count, t.orders_count)


def _lines_last(t: ibis.Table) -> ir.FloatingValue:
    return ratio(t.last_lines_count, t.last_orders_count)


FEATURES: list[Feature] = [
    _basket(
        "lines_per_order_mean", "merchandise lines per purchase so far", _lines_mean, unit="count"
    ),
    _basket(
        "pieces_per_order_mean",
        "pieces per purchase so far",
        lambda t: ratio(t.pieces_count, t.orders_count),
        unit="count",
    ),
    _basket("revenue_per_order_mean_cents", "paid per purchase so far", _revenue_mean),
    _basket(
        "revenue_per_order_mean_cents_90d",
        "paid per purchase in the last 90 days",
        lambda t: ratio(t.revenue_cents_90d, t.orders_count_90d),
    ),
    _basket(
        "revenue_per_piece_mean_cents",
        "paid per piece so far",
        lambda t: ratio(t.revenue_cents, t.pieces_count),
    ),
    _basket(
        "revenue_per_order_last_cents", "paid per purchase on the last purchase day", _revenue_last
    ),
    _basket(
        "revenue_last_over_mean_ratio",
        "paid per purchase on the last purchase day over the mean so far",
        lambda t: ratio(_revenue_last(t), _revenue_mean(t)),
    ),
    _basket(
        "lines_last_over_mean_ratio",
        "lines per purchase on the last purchase day over the mean so far",
        lambda t: ratio(_lines_last(t), _lines_mean(t)),
    ),
    _basket(
        "revenue_per_order_first_cents",
        "paid per purchase on the first purchase day",
        lambda t: ratio(t.first_revenue_cents, t.first_orders_count),
    ),
    _basket(
        "lines_per_order_first",
        "lines per purchase on the first purchase day",
        lambda t: ratio(t.first_lines_count, t.first_orders_count),
        unit="count",
    ),
]
