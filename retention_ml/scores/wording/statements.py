"""Which statements each feature makes, the most telling first."""

from collections.abc import Callable
from functools import cache

import numpy as np

from retention_ml.features.families.breadth import PRODUCT_WINDOWS
from retention_ml.features.families.purchases import TREND_WINDOWS, WINDOWS
from retention_ml.features.families.rhythm import SILENCES, WEEK_WINDOWS
from retention_ml.scores.wording.phrase import plain_number
from retention_ml.scores.wording.phrases import PHRASES
from retention_ml.scores.wording.statement import (
    Statement,
    against_before,
    against_others,
    against_own,
    by_itself,
    is_clear,
    never,
    where,
)
from retention_ml.statistics.arrays import Bools, Floats

_SILENCE, _ORDERS, _SPENDING = "silence", "orders before", "spending before"

_ONE_DAY = Statement(
    topic="one day",
    inputs=("purchase_days_count",),
    holds=lambda count: np.asarray(count == 1),
    words=lambda *_: "bought on one day only so far",
)
_LONGER_THAN_USUAL = Statement(
    topic=_SILENCE,
    inputs=("recency_days", "gap_median_days"),
    holds=lambda days, gap: is_clear(days, np.maximum(gap, 1), "high"),
    words=lambda days, gap: (
        f"{PHRASES['recency_days'].write(days)}; usually every "
        + (f"{gap:.0f} days" if gap > 1 else "day")
    ),
)
_LONGER_THAN_OTHERS = against_others("recency_days", _SILENCE)
_LONGER_THAN_EVER = against_own(
    _SILENCE, "recency_days", "gap_max_days", "high",
    "no order for {value:.0f} days; longest pause before this one {usual:.0f} days",
)  # fmt: skip
LAST_ORDER = Statement(
    topic=_SILENCE,
    inputs=("recency_days",),
    holds=np.isfinite,
    words=lambda days: plain_number(f"last order {days:.0f} days ago; nothing else stands out"),
)
_LAST_PAUSE = against_own(
    "gaps", "gap_last_days", "gap_mean_days", "high",
    "last pause between orders was {value:.0f} days, {usual:.0f} on average",
)  # fmt: skip
_LAST_AMOUNT = against_own(
    "basket", "revenue_per_order_last_cents", "revenue_per_order_mean_cents", "low",
    "last order was worth {value:,.0f}, {usual:,.0f} on average",
)  # fmt: skip
_LAST_ITEMS = Statement(
    topic="basket",
    inputs=("lines_last_over_mean_ratio", "lines_per_order_mean"),
    holds=lambda ratio, mean: is_clear(np.round(ratio * mean), mean, "low"),
    words=lambda ratio, mean: plain_number(
        f"last order had {ratio * mean:.0f} items, {mean:.1f} on average"
    ),
)


def _visits_before(trend: Floats, now: Floats) -> Floats:
    """Those of the 30 days before: the trend is ln((now + 1) / (before + 1))."""
    return np.round((now + 1) * np.exp(-trend) - 1)


def _more_than(number: int) -> Callable[[Floats], Bools]:
    return lambda values: np.asarray(values > number)


_FEWER_VISITS = Statement(
    topic="visits before",
    inputs=("sessions_trend_30d", "sessions_count_30d"),
    holds=lambda trend, now: is_clear(now, _visits_before(trend, now), "low"),
    words=lambda trend, now: plain_number(
        f"{now:.0f} visits in the last 30 days, "
        f"{_visits_before(trend, now):,.0f} in the 30 days before"
    ),
)
_BEFORE = {
    f"{stem}_{days}d": (against_before(topic, stem, days, text),)
    for topic, stem, windows, text in (
        (_ORDERS, "orders_count", (7, 30, 90),
         "{now:.0f} orders in the last {n} days, {before:.0f} in the {n} days before"),
        (_ORDERS, "purchase_days_count", (7, 30, 90),
         "bought on {now:.0f} of the last {n} days, on {before:.0f} of the {n} days before"),
        (_ORDERS, "purchase_weeks_count", (28, 91, 182),
         "ordered in {now:.0f} of the last {weeks} weeks, in {before:.0f} of the {weeks} before"),
        (_SPENDING, "revenue_cents", (7, 30, 90),
         "spent {now:,.0f} in the last {n} days, {before:,.0f} in the {n} days before"),
    )
    for days in windows
}  # fmt: skip

# Besides the comparison with others, which comes last.
_STATEMENTS: dict[str, tuple[Statement, ...]] = {
    **_BEFORE,
    **{f"orders_trend_{days}d": _BEFORE[f"orders_count_{days}d"] for days in TREND_WINDOWS},
    **{f"revenue_trend_{days}d": _BEFORE[f"revenue_cents_{days}d"] for days in TREND_WINDOWS},
    "recency_days": (_LONGER_THAN_USUAL, _LONGER_THAN_OTHERS),
    **dict.fromkeys(
        (
            "is_one_time_buyer", "purchase_days_count", "orders_count",
            "gap_mean_days", "gap_median_days", "gap_max_days",
        ),
        (_ONE_DAY,),
    ),
    **dict.fromkeys(
        ("recency_over_gap_mean_ratio", "recency_over_gap_median_ratio"),
        (_ONE_DAY, _LONGER_THAN_USUAL),
    ),
    **{
        f"gaps_longer_{days}_days_share": (_ONE_DAY, _LONGER_THAN_EVER, _LONGER_THAN_USUAL)
        for days in SILENCES
    },
    **{
        f"silent_{days}_days_share": (
            _ONE_DAY,
            where("gap_median_days", _more_than(days), against_others("gap_median_days")),
            against_others("gap_max_days"),
        )
        for days in SILENCES
    },
    "gap_last_days": (_ONE_DAY, _LAST_PAUSE),
    "gap_last_over_mean_ratio": (_ONE_DAY, _LAST_PAUSE),
    "gap_recent3_mean_days": (
        _ONE_DAY,
        against_own(
            "gaps", "gap_recent3_mean_days", "gap_mean_days", "high",
            "lately {value:.0f} days between orders, {usual:.0f} on average",
        ),
    ),
    "revenue_per_order_mean_cents_90d": (
        against_own(
            "basket", "revenue_per_order_mean_cents_90d", "revenue_per_order_mean_cents", "low",
            "{value:,.0f} per order in the last 90 days, {usual:,.0f} on average",
        ),
    ),
    "revenue_per_order_last_cents": (_LAST_AMOUNT,),
    "revenue_last_over_mean_ratio": (_LAST_AMOUNT,),
    "lines_last_over_mean_ratio": (_LAST_ITEMS,),
    **{
        name: (by_itself(name, lambda trend: is_clear(np.exp(trend), 1, "low")),)
        for name in (f"products_momentum_{days}d" for days in PRODUCT_WINDOWS)
    },
    "sessions_count_30d": (_FEWER_VISITS,),
    "sessions_trend_30d": (_FEWER_VISITS,),
    **{
        name: (never(name),)
        for name in ("event_recency_days", "cart_recency_days", "redemption_recency_days")
    },
    "rating_mean_share_365d": (
        by_itself("rating_mean_share_365d", lambda percent: np.asarray(percent <= 50)),
    ),
}  # fmt: skip

# Features of the purchases in a window, with the count or amount of it. Where that is none, they
# all say the same: how long there has been no order.
_OF_WINDOWS = {
    **{
        f"{stem}_{days}d": f"{stem}_{days}d"
        for stem, windows in (
            ("orders_count", WINDOWS),
            ("purchase_days_count", WINDOWS),
            ("purchase_weeks_count", WEEK_WINDOWS),
            ("revenue_cents", WINDOWS),
            ("products_count", (*PRODUCT_WINDOWS, 365)),
            ("categories_count", (90, 365)),
        )
        for days in windows
    },
    **{f"orders_trend_{days}d": f"orders_count_{days}d" for days in TREND_WINDOWS},
    **{f"revenue_trend_{days}d": f"revenue_cents_{days}d" for days in TREND_WINDOWS},
}


@cache
def statements_of(name: str) -> tuple[Statement, ...]:
    """What a feature may say of a customer, where it is true; nothing if it is neutral."""
    phrase = PHRASES.get(name)
    if phrase is None or phrase.risk is None:
        return ()
    if phrase.plainer is not None:
        return statements_of(phrase.plainer)
    statements = _STATEMENTS.get(name, ())
    if phrase.others and name != "recency_days":
        statements = (*statements, against_others(name))
    if name not in _OF_WINDOWS:
        return statements
    count = _OF_WINDOWS[name]
    return (
        *(
            where(count, lambda values: values == 0, statement)
            for statement in (_LONGER_THAN_USUAL, _LONGER_THAN_OTHERS)
        ),
        *(where(count, _more_than(0), statement) for statement in statements),
    )
