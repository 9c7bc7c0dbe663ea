"""Recency, frequency, monetary value and their trends."""

from functools import partial
from math import log

import ibis
import ibis.expr.types as ir

from retention_ml.features.families.arithmetic import (
    days_since,
    days_within,
    log_ratio,
    ratio,
    within,
)
from retention_ml.features.feature import Feature, feature, in_windows

WINDOWS = (7, 14, 30, 60, 90, 180, 365)
HALF_LIVES = (15, 45, 135)
TREND_WINDOWS = (30, 90)
_WEIGHT = 2**40
_CENTS_WEIGHT = 2**28  # leaves room for 300 million units of money a day in 64 bits
_recency = partial(feature, "recency")


def aggregates(days: ibis.Table) -> dict[str, ir.Scalar]:
    """Aggregates over a customer's days."""
    is_bought = days.orders_count > 0
    columns: dict[str, ir.Scalar] = {
        "recency_days": days_since(days, "orders_count"),
        "tenure_days": ibis.ifelse(is_bought, days.age_days, ibis.null("int64")).max(),
        "orders_count": days.orders_count.sum(),
        "revenue_cents": days.revenue_cents.sum(),
        "purchase_days_count": days_within(days, "orders_count", None),
        "revenue_decayed": _decayed(days, "revenue_cents", 45, _CENTS_WEIGHT),
    }
    for window in WINDOWS:
        columns[f"orders_count_{window}d"] = within(days, "orders_count", window)
        columns[f"revenue_cents_{window}d"] = within(days, "revenue_cents", window)
        columns[f"purchase_days_count_{window}d"] = days_within(days, "orders_count", window)
    for window in TREND_WINDOWS:
        columns[f"orders_before_{window}d"] = within(days, "orders_count", window, window)
        columns[f"revenue_before_{window}d"] = within(days, "revenue_cents", window, window)
    for half_life in HALF_LIVES:
        columns[f"orders_decayed_{half_life}d"] = _decayed(days, "orders_count", half_life, _WEIGHT)
    return columns


def _decayed(days: ibis.Table, column: str, half_life: int, unit: int) -> ir.IntegerScalar:
    """The sum of the counter, weighted 2^(-age / half-life), in 1 / `unit` of the counter."""
    weight = (days.age_days.cast("float64") * (-log(2) / half_life)).exp()
    return (days[column] * (weight * unit + 0.5).floor().cast("int64")).sum()


def _windows(family: str, name: str, what: str) -> list[Feature]:
    """An aggregate in each window, and over the whole history."""
    return [*in_windows(family, name, what, WINDOWS), feature(family, name, f"{what} so far")]


def _order_activity(half_life: int) -> Feature:
    return Feature(
        f"orders_decayed_count_{half_life}d",
        "count",
        None,
        "frequency",
        f"purchases so far, each counted less with age: half after {half_life} days",
        lambda t: t[f"orders_decayed_{half_life}d"].cast("float64") / _WEIGHT,
    )


def _trends(days: int) -> list[Feature]:
    def revenue_trend(t: ibis.Table) -> ir.FloatingValue:
        now, before = t[f"revenue_cents_{days}d"], t[f"revenue_before_{days}d"]
        return ratio(now - before, now + before)

    return [
        feature(
            "trend",
            f"orders_trend_{days}d",
            f"ln((purchases in the last {days} days + 1) / "
            f"(purchases in the {days} days before + 1))",
            lambda t: log_ratio(t[f"orders_count_{days}d"], t[f"orders_before_{days}d"]),
            unit="log_ratio",
            window_days=2 * days,
        ),
        feature(
            "trend",
            f"revenue_trend_{days}d",
            f"(paid in the last {days} days - paid in the {days} days before) over their sum, "
            "-1 to 1",
            revenue_trend,
            unit="ratio",
            window_days=2 * days,
        ),
    ]


FEATURES: list[Feature] = [
    _recency("recency_days", "days since the last purchase day"),
    _recency("tenure_days", "days since the first purchase day"),
    _recency(
        "purchase_span_days",
        "days from the first to the last purchase day",
        lambda t: t.tenure_days - t.recency_days,
    ),
    _recency(
        "is_one_time_buyer",
        "1 where all purchases fell on one day, else 0",
        lambda t: ibis.ifelse(t.purchase_days_count == 1, 1, 0),
        unit="flag",
    ),
    *_windows("frequency", "orders_count", "purchases"),
    *_windows("frequency", "purchase_days_count", "days with a purchase"),
    *(_order_activity(half_life) for half_life in HALF_LIVES),
    *_windows("monetary", "revenue_cents", "paid for merchandise"),
    Feature(
        "revenue_decayed_cents_45d",
        "cents",
        None,
        "monetary",
        "paid for merchandise so far, each amount counted less with age: half after 45 days",
        lambda t: t.revenue_decayed.cast("float64") / _CENTS_WEIGHT,
    ),
    *(feature for days in TREND_WINDOWS for feature in _trends(days)),
]
