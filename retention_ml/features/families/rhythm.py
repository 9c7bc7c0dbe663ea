"""How a customer's purchases are spread over time: silences, weeks with a purchase, a year ago."""

import ibis
import ibis.expr.types as ir

from retention_ml.features.catalogue import SILENCES, WEEK_WINDOWS, YEAR_AGO_WINDOWS
from retention_ml.features.families.arithmetic import number, ratio, within

_WEEK = 7
_MONTH = 30
_YEAR_OF_WEEKS = 52 * _WEEK


def sums(days: ibis.Table) -> dict[str, ir.Scalar]:
    """Aggregates over a customer's days `gaps.with_gaps`."""
    has_gap = days.is_bought & days.gap.notnull()
    opens_week = _opens(days, _WEEK)
    found: dict[str, ir.Scalar] = {
        "gaps_longer": number(has_gap & (days.gap > days.recency)),
        "weeks": number(opens_week),
        "months": number(_opens(days, _MONTH)),
    }
    for silence in SILENCES:
        beyond = has_gap & (days.gap > silence)
        found[f"silent_{silence}"] = ibis.ifelse(beyond, days.gap - silence, 0).sum()
        found[f"gaps_longer_{silence}"] = number(has_gap & (days.gap > days.recency + silence))
    for window in WEEK_WINDOWS:
        found[f"weeks_{window}d"] = number(opens_week & (days.age_days <= window))
    for window in YEAR_AGO_WINDOWS:
        found[f"orders_year_ago_count_{window}d"] = within(
            days, "orders_count", window, _YEAR_OF_WEEKS - window
        )
    return found


def features(t: ibis.Table) -> dict[str, ir.Value]:
    """Columns from the sums, `recency_days` and `tenure_days`."""
    found: dict[str, ir.Value] = {
        "purchase_weeks_share": ratio(t.weeks, _spans(t.tenure_days, _WEEK)),
        "purchase_months_share": ratio(t.months, _spans(t.tenure_days, _MONTH)),
    }
    for silence in SILENCES:
        still = ibis.greatest(t.recency_days - silence, 0)
        seen = ibis.greatest(t.tenure_days - silence, 0)
        found[f"silent_{silence}_days_share"] = ratio(t[f"silent_{silence}"] + still, seen)
        found[f"gaps_longer_{silence}_days_share"] = ratio(
            t[f"gaps_longer_{silence}"] + 1, t.gaps_longer + 2
        )
    for window in WEEK_WINDOWS:
        weeks = t[f"weeks_{window}d"]
        lived = ibis.least(_spans(t.tenure_days, _WEEK), window // _WEEK)
        found[f"purchase_weeks_count_{window}d"] = weeks
        found[f"purchase_weeks_share_{window}d"] = ratio(weeks, lived)
    for window in YEAR_AGO_WINDOWS:
        found[f"orders_year_ago_count_{window}d"] = t[f"orders_year_ago_count_{window}d"]
    return found


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
