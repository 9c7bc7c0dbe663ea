"""How a customer's purchases are spread over time: silences, weeks with a purchase, a year ago."""

from functools import partial

import ibis
import ibis.expr.types as ir

from retention_ml.features.families.arithmetic import number, ratio, within
from retention_ml.features.feature import Feature, feature

SILENCES = (7, 14, 30, 60, 90)
WEEK_WINDOWS = (28, 56, 91, 182, 364)
YEAR_AGO_WINDOWS = (30, 90)
_WEEK = 7
_MONTH = 30
_YEAR_OF_WEEKS = 52 * _WEEK
_frequency = partial(feature, "frequency")
_gaps = partial(feature, "gaps")


def aggregates(days: ibis.Table) -> dict[str, ir.Scalar]:
    """Aggregates over a customer's days `gaps.with_gaps`."""
    has_gap = days.is_bought & days.gap.notnull()
    opens_week = _opens(days, _WEEK)
    columns: dict[str, ir.Scalar] = {
        "gaps_longer": number(has_gap & (days.gap > days.recency)),
        "weeks": number(opens_week),
        "months": number(_opens(days, _MONTH)),
    }
    for silence in SILENCES:
        beyond = has_gap & (days.gap > silence)
        columns[f"silent_{silence}"] = ibis.ifelse(beyond, days.gap - silence, 0).sum()
        columns[f"gaps_longer_{silence}"] = number(has_gap & (days.gap > days.recency + silence))
    for window in WEEK_WINDOWS:
        columns[f"weeks_{window}d"] = number(opens_week & (days.age_days <= window))
    for window in YEAR_AGO_WINDOWS:
        columns[f"orders_year_ago_count_{window}d"] = within(
            days, "orders_count", window, _YEAR_OF_WEEKS - window
        )
    return columns


def _opens(days: ibis.Table, length: int) -> ir.BooleanValue:
    """Whether a day is the first purchase day of its span; spans are counted back from as_of.

    Every span with a purchase has one such day, so counting them counts spans.
    """
    span = (days.age_days - 1) // length
    before = (days.age_days + days.gap - 1) // length
    return days.is_bought & (days.gap.isnull() | (before > span))


def _spans(tenure_days: ir.IntegerValue, length: int) -> ir.IntegerValue:
    """Spans that a customer has lived through, the one begun included."""
    return (tenure_days + (length - 1)) // length


def _weeks(days: int) -> list[Feature]:
    """Weeks with a purchase in a window: their number and their share."""

    def share(t: ibis.Table) -> ir.FloatingValue:
        lived = ibis.least(_spans(t.tenure_days, _WEEK), days // _WEEK)
        return ratio(t[f"weeks_{days}d"], lived)

    return [
        _frequency(
            f"purchase_weeks_count_{days}d",
            "weeks (seven days each, counted back from as_of) with a purchase in the last "
            f"{days} days",
            lambda t: t[f"weeks_{days}d"],
        ),
        _frequency(
            f"purchase_weeks_share_{days}d",
            f"of the weeks in the last {days} days, or since the first purchase where that is "
            "later, the share with a purchase",
            share,
        ),
    ]


def _silences(days: int) -> list[Feature]:
    """How usual it is for a customer to be silent for some days, at all and from now on."""

    def silent_share(t: ibis.Table) -> ir.FloatingValue:
        current = ibis.greatest(t.recency_days - days, 0)
        observed = ibis.greatest(t.tenure_days - days, 0)
        return ratio(t[f"silent_{days}"] + current, observed)

    return [
        _gaps(
            f"silent_{days}_days_share",
            f"of the days since the first purchase day that {days} whole days have followed, the "
            f"share after which those {days} days had no purchase",
            silent_share,
        ),
        _gaps(
            f"gaps_longer_{days}_days_share",
            "of the gaps between purchase days longer than the days since the last one, the share "
            f"longer by more than {days} days; one imagined gap on either side draws it to a half",
            lambda t: ratio(t[f"gaps_longer_{days}"] + 1, t.gaps_longer + 2),
        ),
    ]


FEATURES: list[Feature] = [
    _frequency(
        "purchase_weeks_share",
        "of the weeks since the first purchase (seven days each, counted back from as_of), the "
        "share with a purchase",
        lambda t: ratio(t.weeks, _spans(t.tenure_days, _WEEK)),
    ),
    _frequency(
        "purchase_months_share",
        "of the spans of 30 days since the first purchase (counted back from as_of), the share "
        "with a purchase",
        lambda t: ratio(t.months, _spans(t.tenure_days, _MONTH)),
    ),
    *(feature for days in WEEK_WINDOWS for feature in _weeks(days)),
    *(
        _frequency(
            f"orders_year_ago_count_{days}d",
            f"purchases in the {days} days that began {_YEAR_OF_WEEKS} days ago: the same weeks a "
            "year before",
            window_days=_YEAR_OF_WEEKS,
        )
        for days in YEAR_AGO_WINDOWS
    ),
    *(feature for days in SILENCES for feature in _silences(days)),
]
