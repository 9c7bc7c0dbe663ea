"""Which statements each feature makes, the most telling first."""

from collections.abc import Callable
from functools import cache

import numpy as np

from retention_ml.features.families.breadth import PRODUCT_WINDOWS
from retention_ml.features.families.purchases import TREND_WINDOWS, WINDOWS
from retention_ml.features.families.rhythm import SILENCES, WEEK_WINDOWS, YEAR_AGO_WINDOWS
from retention_ml.scores.wording.phrase import fill
from retention_ml.scores.wording.phrases import PHRASES
from retention_ml.scores.wording.statement import (
    LEAST_COUNT,
    LEAST_DAYS,
    Statement,
    against_before,
    against_others,
    against_past,
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


def _at_least(number: float) -> Callable[[Floats], Bools]:
    return lambda values: np.asarray(values >= number)


def _after_pauses(number: int, statement: Statement) -> Statement:
    """The statement, of customers with so many pauses between purchase days at least."""
    return where("purchase_days_count", _at_least(number + 1), statement)


def _after_one_pause(statement: Statement) -> Statement:
    """The statement, of customers with a single pause so far: one is no habit."""
    return where("purchase_days_count", lambda count: np.asarray(count == 2), statement)


_USUAL_PAUSES = 3
_AVERAGE_PAUSES = 2

_LONGER_THAN_USUAL = _after_pauses(
    _USUAL_PAUSES,
    Statement(
        topic=_SILENCE,
        inputs=("recency_days", "gap_median_days"),
        holds=lambda days, gap: is_clear(days, np.maximum(gap, 1), "high", LEAST_DAYS),
        words=lambda days, gap: (
            f"{PHRASES['recency_days'].write(days)}; usually every "
            + (f"{gap:.0f} days" if gap > 1 else "day")
        ),
    ),
)
_LONGER_THAN_EVER = _after_pauses(
    _AVERAGE_PAUSES,
    against_past(
        _SILENCE, "recency_days", "gap_max_days", "high",
        "no order for {value:.0f} days; longest pause before this one {usual:.0f} [day|days]",
    ),
)  # fmt: skip
_LONGER_THAN_ONCE = _after_one_pause(
    against_past(
        _SILENCE, "recency_days", "gap_max_days", "high",
        "no order for {value:.0f} days; the only pause before was {usual:.0f} [day|days]",
    )
)  # fmt: skip
_LONGER_THAN_OTHERS = against_others("recency_days", _SILENCE)
_SILENCES = (_LONGER_THAN_USUAL, _LONGER_THAN_ONCE, _LONGER_THAN_OTHERS)
LAST_ORDER = Statement(
    topic=_SILENCE,
    inputs=("recency_days",),
    holds=np.isfinite,
    words=lambda days: fill(
        "last order {days:.0f} [day|days] ago; nothing else stands out", days=days
    ),
)
_ONE_LONG_PAUSE = _after_one_pause(
    Statement(
        topic=_SILENCE,
        inputs=("gap_max_days",),
        holds=lambda days, usual: is_clear(days, usual, "high", LEAST_DAYS),
        words=lambda days, usual: fill(
            "the only pause between orders was {days:.0f} days; half of the active customers never "
            "had one of more than {usual:.0f} [day|days]", days=days, usual=usual,
        ),
        usual="gap_max_days",
    )
)  # fmt: skip
_LONG_PAUSE = _after_pauses(_AVERAGE_PAUSES, against_others("gap_max_days"))
_PAUSES_ON_AVERAGE = _after_pauses(_AVERAGE_PAUSES, against_others("gap_mean_days"))
_PAUSES_USUALLY = _after_pauses(_USUAL_PAUSES, against_others("gap_median_days"))
_LAST_PAUSE = _after_pauses(
    _AVERAGE_PAUSES,
    against_past(
        "gaps", "gap_last_days", "gap_mean_days", "high",
        "last pause between orders was {value:.0f} days, {usual:.0f} on average",
    ),
)  # fmt: skip
_LAST_AMOUNT = against_past(
    "basket", "revenue_per_order_last_cents", "revenue_per_order_mean_cents", "low",
    "last order was worth {value:,.0f|nothing}, {usual:,.0f} on average",
)  # fmt: skip
_LAST_ITEMS = Statement(
    topic="basket",
    inputs=("lines_last_over_mean_ratio", "lines_per_order_mean"),
    holds=lambda ratio, mean: is_clear(np.round(ratio * mean), mean, "low", LEAST_COUNT),
    words=lambda ratio, mean: fill(
        "last order had {items:.0f} [item|items], {mean:.1f} on average",
        items=round(ratio * mean), mean=mean,
    ),
)  # fmt: skip


def _visits_before(trend: Floats, now: Floats) -> Floats:
    """Those of the 30 days before: the trend is ln((now + 1) / (before + 1))."""
    return np.round((now + 1) * np.exp(-trend) - 1)


def _more_than(number: int) -> Callable[[Floats], Bools]:
    return lambda values: np.asarray(values > number)


_FEWER_VISITS = Statement(
    topic="visits before",
    inputs=("sessions_trend_30d", "sessions_count_30d"),
    holds=lambda trend, now: is_clear(now, _visits_before(trend, now), "low", LEAST_COUNT),
    words=lambda trend, now: fill(
        "{now:,.0f} [visit|visits] in the last 30 days, {before:,.0f} in the 30 days before",
        now=now, before=float(_visits_before(trend, now)),
    ),
)  # fmt: skip


def _refunded(days: int) -> Statement:
    """Refunds of a window; where hardly anything of the spending is refunded they are no sign."""
    others = against_others(f"refund_cents_{days}d")
    return Statement(
        topic=others.topic,
        inputs=(f"revenue_cents_{days}d", *others.inputs),
        holds=lambda revenue, refund, usual: np.asarray(
            (refund >= _REFUNDED_SHARE * revenue) & others.holds(refund, usual)
        ),
        words=lambda _, refund, usual: others.words(refund, usual),
        usual=others.usual,
    )


_REFUNDED_SHARE = 0.05
_BEFORE = {
    f"{stem}_{days}d": (against_before(topic, stem, days, text),)
    for topic, stem, windows, text in (
        (_ORDERS, "orders_count", (7, 30, 90),
         "{now:.0f} [order|orders] in the last {n} days, {before:.0f} in the {n} days before"),
        (_ORDERS, "purchase_days_count", (7, 30, 90),
         "bought on {now:.0f} of the last {n} days, on {before:.0f} of the {n} days before"),
        (_ORDERS, "purchase_weeks_count", (28, 91, 182),
         "ordered in {now:.0f} of the last {weeks} weeks, in {before:.0f} of the {weeks} before"),
        (_SPENDING, "revenue_cents", (7, 30, 90),
         "spent {now:,.0f|nothing} in the last {n} days, {before:,.0f} in the {n} days before"),
    )
    for days in windows
}  # fmt: skip

_REFUNDS = {f"refund_cents_{days}d": (_refunded(days),) for days in (90, 365)}
_YEAR_AGO = {
    name: (where("tenure_days", _at_least(364), against_others(name)),)
    for name in (f"orders_year_ago_count_{days}d" for days in YEAR_AGO_WINDOWS)
}

# The comparison with others comes last, and need not be here.
_STATEMENTS: dict[str, tuple[Statement, ...]] = {
    **_BEFORE,
    **{f"orders_trend_{days}d": _BEFORE[f"orders_count_{days}d"] for days in TREND_WINDOWS},
    **{f"revenue_trend_{days}d": _BEFORE[f"revenue_cents_{days}d"] for days in TREND_WINDOWS},
    "recency_days": _SILENCES,
    **dict.fromkeys(
        (
            "is_one_time_buyer", "purchase_days_count", "orders_count",
        ),
        (_ONE_DAY,),
    ),
    "gap_mean_days": (_ONE_DAY, _ONE_LONG_PAUSE, _PAUSES_ON_AVERAGE),
    "gap_median_days": (_ONE_DAY, _ONE_LONG_PAUSE, _PAUSES_USUALLY),
    "gap_max_days": (_ONE_DAY, _ONE_LONG_PAUSE, _LONG_PAUSE),
    **dict.fromkeys(
        ("recency_over_gap_mean_ratio", "recency_over_gap_median_ratio"),
        (_ONE_DAY, _LONGER_THAN_USUAL, _LONGER_THAN_ONCE),
    ),
    **{
        f"gaps_longer_{days}_days_share": (
            _ONE_DAY, _LONGER_THAN_ONCE, _LONGER_THAN_EVER, _LONGER_THAN_USUAL,
        )
        for days in SILENCES
    },
    **{
        f"silent_{days}_days_share": (
            _ONE_DAY,
            _ONE_LONG_PAUSE,
            where("gap_median_days", _more_than(days), _PAUSES_USUALLY),
            _LONG_PAUSE,
        )
        for days in SILENCES
    },
    "gap_last_days": (_ONE_DAY, _LAST_PAUSE),
    "gap_last_over_mean_ratio": (_ONE_DAY, _LAST_PAUSE),
    "gap_recent3_mean_days": (
        _ONE_DAY,
        _ONE_LONG_PAUSE,
        _after_pauses(
            _USUAL_PAUSES + 1,
            against_past(
                "gaps", "gap_recent3_mean_days", "gap_mean_days", "high",
                "lately {value:.0f} days between orders, {usual:.0f} on average",
            ),
        ),
        _after_pauses(_USUAL_PAUSES, against_others("gap_recent3_mean_days")),
    ),
    "revenue_per_order_mean_cents_90d": (
        against_past(
            "basket", "revenue_per_order_mean_cents_90d", "revenue_per_order_mean_cents", "low",
            "{value:,.0f|nothing} per order in the last 90 days, {usual:,.0f} on average",
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
    **_REFUNDS,
    **_YEAR_AGO,
    "rating_mean_share_365d": (
        by_itself("rating_mean_share_365d", lambda percent: np.asarray(percent <= 50)),
    ),
}  # fmt: skip

# What these compare with others is among their statements above.
_COMPARED = frozenset(
    (
        "recency_days", "gap_mean_days", "gap_median_days", "gap_max_days",
        "gap_recent3_mean_days", *_REFUNDS, *_YEAR_AGO,
    )
)  # fmt: skip

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
    if phrase.others and name not in _COMPARED:
        statements = (*statements, against_others(name))
    if name not in _OF_WINDOWS:
        return statements
    count = _OF_WINDOWS[name]
    return (
        *(where(count, lambda values: values == 0, statement) for statement in _SILENCES),
        *(where(count, _more_than(0), statement) for statement in statements),
    )
