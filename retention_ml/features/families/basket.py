"""How large orders are: on average, the first, the last."""

import ibis
import ibis.expr.types as ir

from retention_ml.features.families.arithmetic import ratio
from retention_ml.features.feature import Feature


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
    Feature(
        "lines_per_order_mean",
        "count",
        None,
        "basket",
        "merchandise lines per purchase so far",
        _lines_mean,
    ),
    Feature(
        "pieces_per_order_mean",
        "count",
        None,
        "basket",
        "pieces per purchase so far",
        lambda t: ratio(t.pieces_count, t.orders_count),
    ),
    Feature(
        "revenue_per_order_mean_cents",
        "cents",
        None,
        "basket",
        "paid per purchase so far",
        _revenue_mean,
    ),
    Feature(
        "revenue_per_order_mean_cents_90d",
        "cents",
        90,
        "basket",
        "paid per purchase in the last 90 days",
        lambda t: ratio(t.revenue_cents_90d, t.orders_count_90d),
    ),
    Feature(
        "revenue_per_piece_mean_cents",
        "cents",
        None,
        "basket",
        "paid per piece so far",
        lambda t: ratio(t.revenue_cents, t.pieces_count),
    ),
    Feature(
        "revenue_per_order_last_cents",
        "cents",
        None,
        "basket",
        "paid per purchase on the last purchase day",
        _revenue_last,
    ),
    Feature(
        "revenue_last_over_mean_ratio",
        "ratio",
        None,
        "basket",
        "paid per purchase on the last purchase day over the mean so far",
        lambda t: ratio(_revenue_last(t), _revenue_mean(t)),
    ),
    Feature(
        "lines_last_over_mean_ratio",
        "ratio",
        None,
        "basket",
        "lines per purchase on the last purchase day over the mean so far",
        lambda t: ratio(_lines_last(t), _lines_mean(t)),
    ),
    Feature(
        "revenue_per_order_first_cents",
        "cents",
        None,
        "basket",
        "paid per purchase on the first purchase day",
        lambda t: ratio(t.first_revenue_cents, t.first_orders_count),
    ),
    Feature(
        "lines_per_order_first",
        "count",
        None,
        "basket",
        "lines per purchase on the first purchase day",
        lambda t: ratio(t.first_lines_count, t.first_orders_count),
    ),
]
