"""What came back, and what was given off the price."""

import ibis
import ibis.expr.types as ir

from retention_ml.features.families.arithmetic import ratio, within
from retention_ml.features.feature import Feature

_WINDOWS = (90, 365)


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

    return Feature(
        f"discount_share_{days}d",
        "share",
        days,
        "discounts",
        f"discounts over list value in the last {days} days",
        share,
    )


FEATURES: list[Feature] = [
    *(
        Feature(
            f"{noun}_count_{days}d", "count", days, "returns", f"{noun} in the last {days} days"
        )
        for noun in ("returns", "cancellations")
        for days in _WINDOWS
    ),
    *(
        Feature(
            f"refund_cents_{days}d",
            "cents",
            days,
            "returns",
            f"given back for returned and cancelled lines in the last {days} days",
        )
        for days in _WINDOWS
    ),
    Feature(
        "refund_share_365d",
        "share",
        365,
        "returns",
        "given back over paid for merchandise in the last 365 days; may exceed 1",
        lambda t: ratio(t.refund_cents_365d, t.revenue_cents_365d),
    ),
    Feature(
        "returned_lines_share_365d",
        "share",
        365,
        "returns",
        "returned and cancelled lines over merchandise lines in the last 365 days; may exceed 1",
        lambda t: ratio(t.returned_lines_count_365d, t.lines_count_365d),
    ),
    Feature(
        "return_recency_days",
        "days",
        None,
        "returns",
        "days since the last return or cancellation",
    ),
    *(
        Feature(
            f"discount_cents_{days}d",
            "cents",
            days,
            "discounts",
            f"taken off list prices in the last {days} days",
        )
        for days in _WINDOWS
    ),
    *(_discount_share(days) for days in _WINDOWS),
    Feature(
        "discounted_lines_share_365d",
        "share",
        365,
        "discounts",
        "share of merchandise lines bought with a discount in the last 365 days",
        lambda t: ratio(t.discounted_lines_count_365d, t.lines_count_365d),
    ),
]
