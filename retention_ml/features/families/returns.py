"""What came back, and what was given off the price."""

from functools import partial

import ibis
import ibis.expr.types as ir

from retention_ml.features.families.arithmetic import ratio, within
from retention_ml.features.feature import Feature, feature, in_windows

_WINDOWS = (90, 365)
_returns = partial(feature, "returns")
_discounts = partial(feature, "discounts")


def aggregates(days: ibis.Table) -> dict[str, ir.Scalar]:
    """Aggregates over a customer's days; revenue comes from `purchases`."""
    is_undone = (days.returns_count > 0) | (days.cancellations_count > 0)
    columns: dict[str, ir.Scalar] = {
        f"{counter}_{window}d": within(days, counter, window)
        for counter in ("returns_count", "cancellations_count", "refund_cents", "discount_cents")
        for window in _WINDOWS
    }
    for counter in ("lines_count", "returned_lines_count", "discounted_lines_count"):
        columns[f"{counter}_365d"] = within(days, counter, 365)
    columns["return_recency_days"] = ibis.ifelse(is_undone, days.age_days, ibis.null("int64")).min()
    return columns


def _discount_share(days: int) -> Feature:
    def share(t: ibis.Table) -> ir.FloatingValue:
        discount = t[f"discount_cents_{days}d"]
        return ratio(discount, discount + t[f"revenue_cents_{days}d"])

    return _discounts(
        f"discount_share_{days}d", f"discounts over list value in the last {days} days", share
    )


FEATURES: list[Feature] = [
    *in_windows("returns", "returns_count", "returns", _WINDOWS),
    *in_windows("returns", "cancellations_count", "cancellations", _WINDOWS),
    *in_windows("returns", "refund_cents", "given back for returned and cancelled lines", _WINDOWS),
    _returns(
        "refund_share_365d",
        "given back over paid for merchandise in the last 365 days; may exceed 1",
        lambda t: ratio(t.refund_cents_365d, t.revenue_cents_365d),
    ),
    _returns(
        "returned_lines_share_365d",
        "returned and cancelled lines over merchandise lines in the last 365 days; may exceed 1",
        lambda t: ratio(t.returned_lines_count_365d, t.lines_count_365d),
    ),
    _returns("return_recency_days", "days since the last return or cancellation"),
    *in_windows("discounts", "discount_cents", "taken off list prices", _WINDOWS),
    *(_discount_share(days) for days in _WINDOWS),
    _discounts(
        "discounted_lines_share_365d",
        "share of merchandise lines bought with a discount in the last 365 days",
        lambda t: ratio(t.discounted_lines_count_365d, t.lines_count_365d),
    ),
]
