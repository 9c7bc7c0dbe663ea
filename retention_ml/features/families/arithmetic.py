"""The few operations all families are made of, chosen so that engines agree to the last bit.

Sums are of integers, so their order does not matter; divisions and roots are exact to rounding
in IEEE arithmetic; results of exp, ln, sin and cos are rounded (to nine decimals, or to integers
of a small unit where they are summed), because the last bits of those differ between engines.
"""

import ibis
import ibis.expr.types as ir


def within(days: ibis.Table, column: str, window_days: int, skip_days: int = 0) -> ir.IntegerScalar:
    """The sum of a counter over the `window_days` days before the last `skip_days` days."""
    inside = days.age_days <= skip_days + window_days
    if skip_days:
        inside = inside & (days.age_days > skip_days)
    return ibis.ifelse(inside, days[column], 0).sum()


def days_within(days: ibis.Table, column: str, window_days: int | None) -> ir.IntegerScalar:
    """How many days of the window (of all time) have the counter above 0."""
    inside = days[column] > 0
    if window_days is not None:
        inside = inside & (days.age_days <= window_days)
    return ibis.ifelse(inside, 1, 0).sum()


def days_since(days: ibis.Table, column: str) -> ir.IntegerScalar:
    """Days since the counter was last above 0; missing if it never was."""
    return ibis.ifelse(days[column] > 0, days.age_days, ibis.null("int64")).min()


def number(condition: ir.BooleanValue) -> ir.IntegerScalar:
    """How many rows fulfil the condition."""
    return ibis.ifelse(condition, 1, 0).sum()


def ratio(part: ir.NumericValue, whole: ir.NumericValue) -> ir.FloatingValue:
    """part / whole as float64; missing where whole is 0."""
    return part.cast("float64") / whole.cast("float64").nullif(0.0)


def rounded(value: ir.FloatingValue) -> ir.FloatingValue:
    """The value to nine decimals."""
    return (value * 1e9 + 0.5).floor().cast("float64") / 1e9


def log_ratio(now: ir.IntegerValue, before: ir.IntegerValue) -> ir.FloatingValue:
    """ln((now + 1) / (before + 1)) to nine decimals."""
    return rounded(ratio(now + 1, before + 1).ln())
