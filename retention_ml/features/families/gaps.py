"""Gaps between purchase days, and the first and last purchase day's basket."""

from functools import partial

import ibis
import ibis.expr.types as ir

from retention_ml.features.families.arithmetic import number, ratio
from retention_ml.features.feature import Feature, feature

_BASKET = ("orders_count", "lines_count", "revenue_cents")
_gaps = partial(feature, "gaps")


def with_gaps(days: ibis.Table) -> ibis.Table:
    """The `known_days` with the place of each purchase day among the customer's purchase days.

    Adds `is_bought`; and, for days with a purchase, `gap` (days since the purchase day before,
    missing for the first), `newest_rank` (0 the last purchase day), `gap_rank` (1 the shortest
    gap), `gaps_count` and `recency` (days from the last of them to as_of). On other days these
    five mean nothing.
    """
    days = days.mutate(is_bought=days.orders_count > 0)
    # Days without a purchase are a partition of their own, out of the way of the others.
    partition = ["as_of_day", "customer_id", "is_bought"]
    oldest_first = ibis.window(group_by=partition, order_by=days.event_day)
    newest_first = ibis.window(group_by=partition, order_by=days.event_day.desc())
    days = days.mutate(
        gap=days.event_day - days.event_day.lag().over(oldest_first),
        newest_rank=ibis.row_number().over(newest_first),
    )
    shortest_first = ibis.window(
        group_by=partition, order_by=[days.gap.isnull(), days.gap, days.event_day]
    )
    return days.mutate(
        gaps_count=days.gap.count().over(ibis.window(group_by=partition)),
        recency=days.age_days.min().over(ibis.window(group_by=partition)),
        gap_rank=ibis.row_number().over(shortest_first) + 1,
    )


def aggregates(days: ibis.Table) -> dict[str, ir.Scalar]:
    """Aggregates over a customer's days `with_gaps`."""
    has_gap = days.is_bought & days.gap.notnull()
    is_last = days.is_bought & (days.newest_rank == 0)
    is_first = days.is_bought & days.gap.isnull()
    # The middle one of an odd number of gaps, the middle two of an even number.
    twice = days.gap_rank * 2
    is_middle = has_gap & (twice >= days.gaps_count) & (twice <= days.gaps_count + 2)
    is_recent = has_gap & (days.newest_rank < 3)
    return {
        "gap_count": number(has_gap),
        "gap_sum": _only(has_gap, days.gap).sum(),
        "gap_square_sum": _only(has_gap, days.gap * days.gap).sum(),
        "gap_max": _only(has_gap, days.gap).max(),
        "gap_last": _only(has_gap & is_last, days.gap).max(),
        "gap_recent_sum": _only(is_recent, days.gap).sum(),
        "gap_recent_count": number(is_recent),
        "gap_middle_sum": _only(is_middle, days.gap).sum(),
        "gap_middle_count": number(is_middle),
        **{f"first_{name}": _only(is_first, days[name]).max() for name in _BASKET},
        **{f"last_{name}": _only(is_last, days[name]).max() for name in _BASKET},
    }


def _only(condition: ir.BooleanValue, value: ir.NumericValue) -> ir.NumericValue:
    return ibis.ifelse(condition, value, ibis.null("int64"))


def _mean(t: ibis.Table) -> ir.FloatingValue:
    return ratio(t.gap_sum, t.gap_count)


def _median(t: ibis.Table) -> ir.FloatingValue:
    return ratio(t.gap_middle_sum, t.gap_middle_count)


def _std(t: ibis.Table) -> ir.FloatingValue:
    n = t.gap_count
    return ratio(n * t.gap_square_sum - t.gap_sum * t.gap_sum, n * (n - 1)).sqrt()


FEATURES: list[Feature] = [
    _gaps("gap_last_days", "days between the last two purchase days", lambda t: t.gap_last),
    _gaps("gap_mean_days", "mean days between purchase days", _mean),
    _gaps("gap_median_days", "median days between purchase days", _median),
    _gaps(
        "gap_recent3_mean_days",
        "mean of the three most recent gaps between purchase days (of fewer, if there are fewer)",
        lambda t: ratio(t.gap_recent_sum, t.gap_recent_count),
    ),
    _gaps("gap_max_days", "longest gap between purchase days", lambda t: t.gap_max),
    _gaps("gap_std_days", "sample standard deviation of the gaps between purchase days", _std),
    _gaps(
        "gap_variation_ratio",
        "standard deviation of the gaps over their mean",
        lambda t: ratio(_std(t), _mean(t)),
    ),
    _gaps(
        "gap_last_over_mean_ratio",
        "last gap over the mean gap",
        lambda t: ratio(t.gap_last, _mean(t)),
    ),
    _gaps(
        "recency_over_gap_mean_ratio",
        "days since the last purchase day over the mean gap",
        lambda t: ratio(t.recency_days, _mean(t)),
    ),
    _gaps(
        "recency_over_gap_median_ratio",
        "days since the last purchase day over the median gap",
        lambda t: ratio(t.recency_days, _median(t)),
    ),
]
