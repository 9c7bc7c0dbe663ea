"""On which days of the week and at which hours a customer buys, and the season of the year."""

from math import pi

import ibis
import ibis.expr.types as ir

from retention_ml.features.catalogue import DAY_PARTS, WEEKDAYS
from retention_ml.features.families.arithmetic import ratio, rounded, within

_YEAR = 365.2425


def sums(days: ibis.Table) -> dict[str, ir.Scalar]:
    """Aggregates over a customer's days."""
    weekday = (days.event_day + 3) % 7  # day 0, 1970-01-01, was a Thursday
    inside = days.age_days <= 365
    found: dict[str, ir.Scalar] = {
        f"orders_{name}_365d": ibis.ifelse(inside & (weekday == number), days.orders_count, 0).sum()
        for number, name in enumerate(WEEKDAYS)
    }
    for part in DAY_PARTS:
        found[f"orders_{part}_365d"] = within(days, f"orders_{part}_count", 365)
    return found


def features(t: ibis.Table) -> dict[str, ir.Value]:
    """Columns from the sums, the orders of `purchases` and the day itself."""
    orders = t.orders_count_365d
    phase = ratio(t.as_of_day * 10_000 % round(_YEAR * 10_000), ibis.literal(_YEAR * 10_000))
    return {
        **{
            f"orders_{name}_share_365d": ratio(t[f"orders_{name}_365d"], orders)
            for name in (*WEEKDAYS, *DAY_PARTS)
        },
        "orders_weekend_share_365d": ratio(t.orders_saturday_365d + t.orders_sunday_365d, orders),
        "season_sin": rounded((phase * (2 * pi)).sin()),
        "season_cos": rounded((phase * (2 * pi)).cos()),
    }
