"""What a customer does on the site and with campaigns, and the feedback they give."""

import ibis
import ibis.expr.types as ir

from retention_ml.features.families.arithmetic import days_since, log_ratio, ratio, within
from retention_ml.features.feature import Feature, feature, in_windows

# Family, meaning and windows.
_COUNTERS: dict[str, tuple[str, str, tuple[int, ...]]] = {
    "sessions_count": ("events", "visits, at least 30 minutes apart", (7, 30, 90)),
    "events_count": ("events", "things done on the site", (7, 30, 90)),
    "views_count": ("events", "products looked at", (7, 30, 90)),
    "carts_count": ("events", "products put into the cart", (7, 30, 90)),
    "wishlists_count": ("events", "products put on the wish list", (30, 90)),
    "searches_count": ("events", "searches", (30, 90)),
    "logins_count": ("events", "logins", (30, 90)),
    "cart_removals_count": ("events", "products taken out of the cart", (90,)),
    "checkouts_count": ("events", "purchase events on the site", (90,)),
    "shares_count": ("events", "products shared", (90,)),
    "reviews_count": ("events", "reviews written", (90,)),
    "contacts_count": ("campaigns", "campaign contacts received", (30, 90, 365)),
    "redemptions_count": ("campaigns", "offers redeemed", (30, 90, 365)),
    "contacts_opened_count": ("campaigns", "campaign contacts opened", (90,)),
    "contacts_clicked_count": ("campaigns", "campaign contacts clicked", (90,)),
    "feedback_count": ("feedback", "ratings, survey answers and complaints", (365,)),
    "complaints_count": ("feedback", "complaints", (365,)),
    **{
        f"complaints_{area}_count": (
            "feedback",
            f"complaints, reasons of returns and marks below the middle about {about}",
            (365,),
        )
        for area, about in (
            ("delivery", "delivery"),
            ("goods", "goods that are broken, wrong or of the wrong size"),
            ("price", "prices and payments"),
            ("service", "service, returns and refunds"),
        )
    },
}
COUNTER_WINDOWS = {counter: windows for counter, (_, _, windows) in _COUNTERS.items()}


def aggregates(days: ibis.Table) -> dict[str, ir.Scalar]:
    """Aggregates over a customer's days."""
    return {
        **{
            f"{counter}_{window}d": within(days, counter, window)
            for counter, windows in COUNTER_WINDOWS.items()
            for window in windows
        },
        "event_recency_days": days_since(days, "events_count"),
        "cart_recency_days": days_since(days, "carts_count"),
        "contact_recency_days": days_since(days, "contacts_count"),
        "redemption_recency_days": days_since(days, "redemptions_count"),
        "sessions_before_30d": within(days, "sessions_count", 30, 30),
        "ratings_count_365d": within(days, "ratings_count", 365),
        "rating_permille_365d": within(days, "rating_permille", 365),
    }


FEATURES: list[Feature] = [
    *(
        windowed
        for counter, (family, what, windows) in _COUNTERS.items()
        for windowed in in_windows(family, counter, what, windows)
    ),
    feature("events", "event_recency_days", "days since anything was done on the site"),
    feature("events", "cart_recency_days", "days since a product was put into the cart"),
    feature(
        "events",
        "sessions_trend_30d",
        "ln((visits in the last 30 days + 1) / (visits in the 30 days before + 1))",
        lambda t: log_ratio(t.sessions_count_30d, t.sessions_before_30d),
        unit="log_ratio",
        window_days=60,
    ),
    feature(
        "campaigns",
        "redemption_share_365d",
        "offers redeemed over campaign contacts received in the last 365 days; may exceed 1",
        lambda t: ratio(t.redemptions_count_365d, t.contacts_count_365d),
    ),
    feature("campaigns", "contact_recency_days", "days since the last campaign contact received"),
    feature("campaigns", "redemption_recency_days", "days since the last offer redeemed"),
    feature(
        "feedback",
        "rating_mean_share_365d",
        "mean mark given in the last 365 days, 0 the worst and 1 the best of its scale",
        lambda t: ratio(t.rating_permille_365d, t.ratings_count_365d * 1000),
    ),
]
