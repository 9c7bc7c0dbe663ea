"""How large orders are: on average, the first, the last."""

import ibis
import ibis.expr.types as ir

from retention_ml.features.families.arithmetic import ratio


def sums(days: ibis.Table) -> dict[str, ir.Scalar]:
    """Aggregates over a customer's days; orders and revenue come from `purchases`."""
    return {"lines_count": days.lines_count.sum(), "pieces_count": days.pieces_count.sum()}


def features(t: ibis.Table) -> dict[str, ir.Value]:
    """Columns from the sums and from the first and last purchase day of `gaps`."""
    revenue = ratio(t.revenue_cents, t.orders_count)
    lines = ratio(t.lines_count, t.orders_count)
    last_revenue = ratio(t.last_revenue_cents, t.last_orders_count)
    last_lines = ratio(t.last_lines_count, t.last_orders_count)
    return {
        "lines_per_order_mean": lines,
        "pieces_per_order_mean": ratio(t.pieces_count, t.orders_count),
        "revenue_per_order_mean_cents": revenue,
        "revenue_per_order_mean_cents_90d": ratio(t.revenue_cents_90d, t.orders_count_90d),
        "revenue_per_piece_mean_cents": ratio(t.revenue_cents, t.pieces_count),
        "revenue_per_order_last_cents": last_revenue,
        "revenue_last_over_mean_ratio": ratio(last_revenue, revenue),
        "lines_last_over_mean_ratio": ratio(last_lines, lines),
        "revenue_per_order_first_cents": ratio(t.first_revenue_cents, t.first_orders_count),
        "lines_per_order_first": ratio(t.first_lines_count, t.first_orders_count),
    }
