"""What a customer does on the site, with campaigns, and says."""

import ibis
import ibis.expr.types as ir

from retention_ml.features.catalogue import EVENT_WINDOWS
from retention_ml.features.families.arithmetic import days_since, log_ratio, ratio, within

_COUNTED: dict[str, tuple[int, ...]] = {
    **{f"{noun}_count": windows for noun, windows in EVENT_WINDOWS.items()},
    "contacts_count": (30, 90, 365),
    "redemptions_count": (30, 90, 365),
    "contacts_opened_count": (90,),
    "contacts_clicked_count": (90,),
    "feedback_count": (365,),
    "complaints_count": (365,),
}
_LAST = {
    "event_recency_days": "events_count",
    "cart_recency_days": "carts_count",
    "contact_recency_days": "contacts_count",
    "redemption_recency_days": "redemptions_count",
}


def sums(days: ibis.Table) -> dict[str, ir.Scalar]:
    """Aggregates over a customer's days."""
    found: dict[str, ir.Scalar] = {
        f"{counter}_{window}d": within(days, counter, window)
        for counter, windows in _COUNTED.items()
        for window in windows
    }
    for name, counter in _LAST.items():
        found[name] = days_since(days, counter)
    found["sessions_before_30d"] = within(days, "sessions_count", 30, 30)
    found["ratings_count_365d"] = within(days, "ratings_count", 365)
    found["rating_permille_365d"] = within(days, "rating_permille", 365)
    return found


def features(t: ibis.Table) -> dict[str, ir.Value]:
    """Columns from the sums."""
    found: dict[str, ir.Value] = {
        f"{counter}_{window}d": t[f"{counter}_{window}d"]
        for counter, windows in _COUNTED.items()
        for window in windows
    }
    found |= {name: t[name] for name in _LAST}
    return {
        **found,
        "sessions_trend_30d": log_ratio(t.sessions_count_30d, t.sessions_before_30d),
        "redemption_share_365d": ratio(t.redemptions_count_365d, t.contacts_count_365d),
        "rating_mean_share_365d": ratio(t.rating_permille_365d, t.ratings_count_365d * 1000),
    }
