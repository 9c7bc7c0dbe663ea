"""Recency, frequency, monetary value and their trends."""

from math import log

import ibis
import ibis.expr.types as ir

from retention_ml.features.catalogue import HALF_LIVES, WINDOWS
from retention_ml.features.families.arithmetic import (
    days_since,
    days_within,
    log_ratio,
    ratio,
    within,
)

_WEIGHT = 2**40
_CENTS_WEIGHT = 2**28  # leaves room for 300 million units of money a day in 64 bits
_TREND_WINDOWS = (30, 90)


def sums(days: ibis.Table) -> dict[str, ir.Scalar]:
    """Aggregates over a customer's days."""
    bought = days.orders_count > 0
    found: dict[str, ir.Scalar] = {
        "recency_days": days_since(days, "orders_count"),
        "tenure_days": ibis.ifelse(bought, days.age_days, ibis.null("int64")).max(),
        "orders_count": days.orders_count.sum(),
        "revenue_cents": days.revenue_cents.sum(),
        "purchase_days_count": days_within(days, "orders_count", None),
        "revenue_decayed": _decayed(days, "revenue_cents", 45, _CENTS_WEIGHT),
    }
    for window in WINDOWS:
        found[f"orders_count_{window}d"] = within(days, "orders_count", window)
        found[f"revenue_cents_{window}d"] = within(days, "revenue_cents", window)
        found[f"purchase_days_count_{window}d"] = days_within(days, "orders_count", window)
    for window in _TREND_WINDOWS:
        found[f"orders_before_{window}d"] = within(days, "orders_count", window, window)
        found[f"revenue_before_{window}d"] = within(days, "revenue_cents", window, window)
    for half_life in HALF_LIVES:
        found[f"orders_decayed_{half_life}d"] = _decayed(days, "orders_count", half_life, _WEIGHT)
    return found


def features(t: ibis.Table) -> dict[str, ir.Value]:
    """Columns from the sums."""
    found: dict[str, ir.Value] = {
        "recency_days": t.recency_days,
        "tenure_days": t.tenure_days,
        "purchase_span_days": t.tenure_days - t.recency_days,
        "is_one_time_buyer": ibis.ifelse(t.purchase_days_count == 1, 1, 0),
        "revenue_decayed_cents_45d": t.revenue_decayed.cast("float64") / _CENTS_WEIGHT,
    }
    for name in (
        "orders_count",
        "revenue_cents",
        "purchase_days_count",
        *(
            f"{noun}_{window}d"
            for noun in ("orders_count", "revenue_cents", "purchase_days_count")
            for window in WINDOWS
        ),
    ):
        found[name] = t[name]
    for half_life in HALF_LIVES:
        sum_of_weights = t[f"orders_decayed_{half_life}d"].cast("float64")
        found[f"orders_decayed_count_{half_life}d"] = sum_of_weights / _WEIGHT
    for window in _TREND_WINDOWS:
        orders, before = t[f"orders_count_{window}d"], t[f"orders_before_{window}d"]
        found[f"orders_trend_{window}d"] = log_ratio(orders, before)
        paid, earlier = t[f"revenue_cents_{window}d"], t[f"revenue_before_{window}d"]
        found[f"revenue_trend_{window}d"] = ratio(paid - earlier, paid + earlier)
    return found


def _decayed(days: ibis.Table, column: str, half_life: int, unit: int) -> ir.IntegerScalar:
    """The sum of the counter, weighted 2^(-age / half-life), in 1 / `unit` of the counter."""
    weight = (days.age_days.cast("float64") * (-log(2) / half_life)).exp()
    return (days[column] * (weight * unit + 0.5).floor().cast("int64")).sum()
