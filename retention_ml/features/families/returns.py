"""What came back, and what was given off the price."""

import ibis
import ibis.expr.types as ir

from retention_ml.features.families.arithmetic import ratio, within

_WINDOWS = (90, 365)


def sums(days: ibis.Table) -> dict[str, ir.Scalar]:
    """Aggregates over a customer's days."""
    undone = (days.returns_count > 0) | (days.cancellations_count > 0)
    found: dict[str, ir.Scalar] = {
        f"{counter}_{window}d": within(days, counter, window)
        for counter in ("returns_count", "cancellations_count", "refund_cents", "discount_cents")
        for window in _WINDOWS
    }
    for counter in ("lines_count", "returned_lines_count", "discounted_lines_count"):
        found[f"{counter}_365d"] = within(days, counter, 365)
    found["return_recency_days"] = ibis.ifelse(undone, days.age_days, ibis.null("int64")).min()
    return found


def features(t: ibis.Table) -> dict[str, ir.Value]:
    """Columns from the sums and the revenue of `purchases`."""
    found: dict[str, ir.Value] = {
        f"{counter}_{window}d": t[f"{counter}_{window}d"]
        for counter in ("returns_count", "cancellations_count", "refund_cents", "discount_cents")
        for window in _WINDOWS
    }
    for window in _WINDOWS:
        discount = t[f"discount_cents_{window}d"]
        found[f"discount_share_{window}d"] = ratio(
            discount, discount + t[f"revenue_cents_{window}d"]
        )
    return {
        **found,
        "discounted_lines_share_365d": ratio(t.discounted_lines_count_365d, t.lines_count_365d),
        "refund_share_365d": ratio(t.refund_cents_365d, t.revenue_cents_365d),
        "returned_lines_share_365d": ratio(t.returned_lines_count_365d, t.lines_count_365d),
        "return_recency_days": t.return_recency_days,
    }
