"""On which days of the week and at which hours a customer buys, and the season of the year."""

from math import pi

import ibis
import ibis.expr.types as ir

from retention_ml.features.families.arithmetic import ratio, rounded, within
from retention_ml.features.feature import Feature, feature

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
DAY_PARTS = {
    "night": "00:00 to 06:00",
    "morning": "06:00 to 12:00",
    "afternoon": "12:00 to 18:00",
    "evening": "18:00 to 24:00",
}
_YEAR = 365.2425


def aggregates(days: ibis.Table) -> dict[str, ir.Scalar]:
    """Aggregates over a customer's days; the orders of all days come from `purchases`."""
    weekday = (days.event_day + 3) % 7  # day 0, 1970-01-01, was a Thursday
    inside = days.age_days <= 365
    columns: dict[str, ir.Scalar] = {
        f"orders_{name}_365d": ibis.ifelse(inside & (weekday == number), days.orders_count, 0).sum()
        for number, name in enumerate(WEEKDAYS)
    }
    for part in DAY_PARTS:
        columns[f"orders_{part}_365d"] = within(days, f"orders_{part}_count", 365)
    return columns


def _phase(t: ibis.Table) -> ir.FloatingValue:
    """The time of the year of as_of as an angle, 0 at the start of 1970."""
    turn = ratio(t.as_of_day * 10_000 % round(_YEAR * 10_000), ibis.literal(_YEAR * 10_000))
    return turn * (2 * pi)


def _share(name: str, when: str) -> Feature:
    return feature(
        "habits",
        f"orders_{name}_share_365d",
        f"share of the purchases of the last 365 days made {when}",
        lambda t: ratio(t[f"orders_{name}_365d"], t.orders_count_365d),
    )


FEATURES: list[Feature] = [
    *(_share(day, f"on a {day.title()}") for day in WEEKDAYS),
    feature(
        "habits",
        "orders_weekend_share_365d",
        "share of the purchases of the last 365 days made on a Saturday or Sunday",
        lambda t: ratio(t.orders_saturday_365d + t.orders_sunday_365d, t.orders_count_365d),
    ),
    *(_share(part, f"from {hours} by the shop's clock") for part, hours in DAY_PARTS.items()),
    feature(
        "season",
        "season_sin",
        "sine of the time of the year of as_of (0 at New Year, 1 at the end of March)",
        lambda t: rounded(_phase(t).sin()),
        unit="phase",
    ),
    feature(
        "season",
        "season_cos",
        "cosine of the time of the year of as_of (1 at New Year, -1 at the start of July)",
        lambda t: rounded(_phase(t).cos()),
        unit="phase",
    ),
]
