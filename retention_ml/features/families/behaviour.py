"""What a customer does on the site and with campaigns, and the feedback they give."""

import ibis
import ibis.expr.types as ir

from retention_ml.features.families.arithmetic import days_since, log_ratio, ratio, within
from retention_ml.features.feature import Feature

COUNTER_WINDOWS: dict[str, tuple[int, ...]] = {
    "sessions_count": (7, 30, 90),
    "events_count": (7, 30, 90),
    "views_count": (7, 30, 90),
    "carts_count": (7, 30, 90),
    "wishlists_count": (30, 90),
    "searches_count": (30, 90),
    "logins_count": (30, 90),
    "cart_removals_count": (90,),
    "checkouts_count": (90,),
    "shares_count": (90,),
    "reviews_count": (90,),
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


def aggregates(days: ibis.Table) -> dict[str, ir.Scalar]:
    """Aggregates over a customer's days."""
    columns: dict[str, ir.Scalar] = {
        f"{counter}_{window}d": within(days, counter, window)
        for counter, windows in COUNTER_WINDOWS.items()
        for window in windows
    }
    for name, counter in _LAST.items():
        columns[name] = days_since(days, counter)
    columns["sessions_before_30d"] = within(days, "sessions_count", 30, 30)
    columns["ratings_count_365d"] = within(days, "ratings_count", 365)
    columns["rating_permille_365d"] = within(days, "rating_permille", 365)
    return columns


def _counts(counter: str, family: str, what: str) -> list[Feature]:
    """A counter in each of its windows."""
    return [
        Feature(f"{counter}_{days}d", "count", days, family, f"{what} in the last {days} days")
        for days in COUNTER_WINDOWS[counter]
    ]


def _days_since(name: str, family: str, what: str) -> Feature:
    return Feature(name, "days", None, family, f"days since {what}")


FEATURES: list[Feature] = [
    *_counts("sessions_count", "events", "visits, at least 30 minutes apart"),
    *_counts("events_count", "events", "things done on the site"),
    *_counts("views_count", "events", "products looked at"),
    *_counts("carts_count", "events", "products put into the cart"),
    *_counts("wishlists_count", "events", "products put on the wish list"),
    *_counts("searches_count", "events", "searches"),
    *_counts("logins_count", "events", "logins"),
    *_counts("cart_removals_count", "events", "products taken out of the cart"),
    *_counts("checkouts_count", "events", "purchase events on the site"),
    *_counts("shares_count", "events", "products shared"),
    *_counts("reviews_count", "events", "reviews written"),
    _days_since("event_recency_days", "events", "anything was done on the site"),
    _days_since("cart_recency_days", "events", "a product was put into the cart"),
    Feature(
        "sessions_trend_30d",
        "log_ratio",
        60,
        "events",
        "ln((visits in the last 30 days + 1) / (visits in the 30 days before + 1))",
        lambda t: log_ratio(t.sessions_count_30d, t.sessions_before_30d),
    ),
    *_counts("contacts_count", "campaigns", "campaign contacts received"),
    *_counts("redemptions_count", "campaigns", "offers redeemed"),
    *_counts("contacts_opened_count", "campaigns", "campaign contacts opened"),
    *_counts("contacts_clicked_count", "campaigns", "campaign contacts clicked"),
    feature(
        "campaigns",
        "redemption_share_365d",
        "offers redeemed over campaign contacts received in the last 365 days; may exceed 1",
        lambda t: ratio(t.redemptions_count_365d, t.contacts_count_365d),
    ),
    _days_since("contact_recency_days", "campaigns", "the last campaign contact received"),
    _days_since("redemption_recency_days", "campaigns", "the last offer redeemed"),
    *_counts("feedback_count", "feedback", "ratings, survey answers and complaints"),
    *_counts("complaints_count", "feedback", "complaints"),
    feature(
        "feedback",
        "rating_mean_share_365d",
        "mean mark given in the last 365 days, 0 the worst and 1 the best of its scale",
        lambda t: ratio(t.rating_permille_365d, t.ratings_count_365d * 1000),
    ),
]
