"""The phrase of every feature, for readers of scores."""

from collections.abc import Callable, Iterable
from math import exp, isnan

from retention_ml.features.families.behaviour import COUNTER_WINDOWS
from retention_ml.features.families.breadth import PRODUCT_WINDOWS
from retention_ml.features.families.habits import DAY_PARTS, WEEKDAYS
from retention_ml.features.families.purchases import TREND_WINDOWS, WINDOWS
from retention_ml.features.families.rhythm import SILENCES, WEEK_WINDOWS, YEAR_AGO_WINDOWS
from retention_ml.features.feature import Feature
from retention_ml.scores.wording.phrase import NOT_KNOWN, Phrase, fill, high, low, neutral, scale


def describe(feature: Feature, value: float | None, minor_units: int) -> str:
    """A feature's value in words: money in whole units, shares in percent.

    A feature without a phrase is described by its meaning. `minor_units` are the smallest units of
    money in a whole one.

    Examples
    --------
    >>> from retention_ml.features.catalogue import FEATURES
    >>> describe(FEATURES["orders_count_30d"], 1.0, 100)
    '1 order in the last 30 days'
    """
    percent = " %" if feature.unit == "share" else ""
    phrase = PHRASES.get(feature.name) or neutral(f"{feature.meaning}: {{value:,g}}{percent}")
    if value is None or isnan(value) or (feature.unit == "flag" and value == 0):
        return phrase.missing
    return phrase.write(value * scale(feature, minor_units))


def _each(windows: Iterable[int], name: str, phrase: Phrase) -> dict[str, Phrase]:
    """The same phrase for each window, which stands for {n}."""
    return {name.replace("{n}", str(days)): phrase.over(days) for days in windows}


def _counted(counter: str, noun: str, phrase: Callable[[str], Phrase] = low) -> dict[str, Phrase]:
    text = f"{{value:.0f}} {noun} in the last {{n}} days"
    return _each(COUNTER_WINDOWS[counter], f"{counter}_{{n}}d", phrase(text))


def _trend(days: int, *, less: str, same: str, more: str, missing: str = NOT_KNOWN) -> Phrase:
    """For a trend, of which only the direction is worded."""
    then = f"in the {days} days before"

    def text(trend: float) -> str:
        words = same if trend == 0 else less if trend < 0 else more
        return f"{words} in the last {days} days {'as' if trend == 0 else 'than'} {then}"

    return Phrase(text, "low", missing=missing)


def _momentum(days: int) -> Phrase:
    """For the logarithm of the growth of products over that of all products."""
    products = f"products bought in the last {days} days sell"

    def text(momentum: float) -> str:
        percent = round(100 * (exp(momentum) - 1))
        if percent == 0:
            return f"{products} as before, compared with all products"
        better = "better" if percent > 0 else "worse"
        return f"{products} {abs(percent):,} % {better} than before, compared with all products"

    return Phrase(text, "low", missing=f"no products known in the last {days} days")


def _marks(percent: float) -> str:
    text = "the worst marks" if percent == 0 else fill(_MARKS, value=percent)
    return f"gave {text} within a year"


_MARKS = "marks of {value:.0f} % of the best"
_ONE_DAY, _TWO_DAYS = "has bought on one day only", "has bought on one or two days only"
_NO_YEAR, _NO_PRODUCTS = "no orders within a year", "no products known in the last {n} days"
_RETURN_WINDOWS = (90, 365)

# Where a person would call neither a high nor a low value a risk, the phrase is neutral.
PHRASES: dict[str, Phrase] = {
    "recency_days": high("no order for {value:.0f} [day|days]", "ordered within {value:.0f} [day|days]"),
    "tenure_days": low("a customer for {value:.0f} [day|days]", "for {value:.0f} or more"),
    "purchase_span_days": low("{value:.0f} [day|days] between the first and the last order", "", plainer="tenure_days"),
    "is_one_time_buyer": high("bought on one day only so far", "", missing="bought on more than one day"),
    **_each(WINDOWS, "orders_count_{n}d", low("{value:.0f} [order|orders] in the last {n} days")),
    "orders_count": low("{value:.0f} [order|orders] so far"),
    **_each(WINDOWS, "purchase_days_count_{n}d", low("bought on {value:.0f|none} of the last {n} days", "on {value:.0f} or more")),
    "purchase_days_count": low("bought on {value:.0f} [day|days] so far", "on {value:.0f} or more"),
    "orders_decayed_count_15d": low("order activity of {value:.2f} (an order counts half after 15 days)", "", plainer="orders_count_30d"),
    "orders_decayed_count_45d": low("order activity of {value:.2f} (an order counts half after 45 days)", "", plainer="orders_count_90d"),
    "orders_decayed_count_135d": low("order activity of {value:.2f} (an order counts half after 135 days)", "", plainer="orders_count_365d"),
    "purchase_weeks_share": low("ordered in {value:.0f} % of the weeks since the first order", "in {value:.0f} % or more"),
    "purchase_months_share": low("ordered in {value:.0f} % of the months since the first order", "in {value:.0f} % or more"),
    **_each(WEEK_WINDOWS, "purchase_weeks_count_{n}d", low("ordered in {value:.0f|none} of the last {weeks} weeks", "in {value:.0f} or more")),
    **_each(WEEK_WINDOWS, "purchase_weeks_share_{n}d", low("ordered in {value:.0f} % of the last {weeks} weeks as a customer", "", plainer="purchase_weeks_count_{n}d")),
    **_each(YEAR_AGO_WINDOWS, "orders_year_ago_count_{n}d", low("{value:.0f} [order|orders] in the same {n} days last year")),
    **_each(WINDOWS, "revenue_cents_{n}d", low("spent {value:,.0f|nothing} in the last {n} days")),
    "revenue_cents": low("spent {value:,.0f|nothing} so far"),
    "revenue_decayed_cents_45d": low("recent spending of {value:,.0f} (an amount counts half after 45 days)", "", plainer="revenue_cents_90d"),
    "gap_last_days": high("last pause between orders was {value:.0f} [day|days]", "", missing=_ONE_DAY),
    "gap_mean_days": high("{value:.0f} [day|days] between orders on average", missing=_ONE_DAY),
    "gap_median_days": high("usually {value:.0f} [day|days] between orders", missing=_ONE_DAY),
    "gap_recent3_mean_days": high("lately {value:.0f} [day|days] between orders", missing=_ONE_DAY),
    "gap_max_days": high("longest pause between orders was {value:.0f} [day|days]", missing=_ONE_DAY),
    "gap_std_days": neutral("pauses between orders vary by {value:.0f} [day|days]", missing=_TWO_DAYS),
    "gap_variation_ratio": neutral("pauses between orders vary by {value:.1f} times their mean", missing=_TWO_DAYS),
    "gap_last_over_mean_ratio": high("last pause was {value:.1f} times the usual", "", missing=_ONE_DAY),
    "recency_over_gap_mean_ratio": high("silent for {value:.1f} times the usual pause", "", missing=_ONE_DAY),
    "recency_over_gap_median_ratio": high("silent for {value:.1f} times the typical pause", "", missing=_ONE_DAY),
    **_each(SILENCES, "silent_{n}_days_share", high("on {value:.0f} % of the days so far the next order was more than {n} days away", "", missing="too new a customer to tell")),
    **_each(SILENCES, "gaps_longer_{n}_days_share", high("an estimated {value:.0f} % of pauses as long as this one go on for more than {n} days", "")),
    "lines_per_order_mean": low("{value:.1f|no} items per order"),
    "pieces_per_order_mean": low("{value:.1f|no} pieces per order"),
    "revenue_per_order_mean_cents": low("{value:,.0f|nothing} per order on average"),
    "revenue_per_order_mean_cents_90d": low("{value:,.0f|nothing} per order in the last 90 days", missing="no orders in the last 90 days"),
    "revenue_per_piece_mean_cents": neutral("{value:,.2f} per piece on average"),
    "revenue_per_order_last_cents": low("last order was worth {value:,.0f|nothing}", ""),
    "revenue_last_over_mean_ratio": low("last order was {value:.1f} times the usual value", ""),
    "lines_last_over_mean_ratio": low("last order had {value:.1f} times the usual number of items", ""),
    "revenue_per_order_first_cents": neutral("first order was worth {value:,.0f|nothing}"),
    "lines_per_order_first": neutral("first order had {value:.0f} [item|items]"),
    **_each((30, 90, 365), "products_count_{n}d", low("{value:.0f} [different product|different products] in the last {n} days")),
    **_each((90, 365), "categories_count_{n}d", low("{value:.0f} [different category|different categories] in the last {n} days")),
    "products_repeated_count_365d": low("{value:.0f} [product|products] bought again within a year"),
    "products_repeat_share_365d": low("{value:.0f} % of products bought again within a year", missing=_NO_PRODUCTS).over(365),
    "products_top_share_365d": neutral("{value:.0f} % of items are one product", missing=_NO_PRODUCTS).over(365),
    **_each(PRODUCT_WINDOWS, "products_new_share_{n}d", neutral("{value:.0f} % of recent products are new to the customer", missing=_NO_PRODUCTS)),
    **_each(PRODUCT_WINDOWS, "products_buyers_share_{n}d", neutral("on average {value:.1f} % of the active customers bought the same products", missing=_NO_PRODUCTS)),
    **_each(PRODUCT_WINDOWS, "products_buyers_again_share_{n}d", low("on average {value:.0f} % of those who bought the same products bought them again within a year", "buy products with {value:.0f} % or more", missing=_NO_PRODUCTS)),
    **{f"products_momentum_{days}d": _momentum(days) for days in PRODUCT_WINDOWS},
    **_each(_RETURN_WINDOWS, "returns_count_{n}d", high("{value:.0f} [return|returns] in the last {n} days")),
    **_each(_RETURN_WINDOWS, "cancellations_count_{n}d", high("{value:.0f} [cancellation|cancellations] in the last {n} days")),
    **_each(_RETURN_WINDOWS, "refund_cents_{n}d", high("{value:,.0f|nothing} refunded in the last {n} days")),
    "refund_share_365d": high("{value:.0f} % of the year's spending refunded", missing="no spending within a year"),
    "returned_lines_share_365d": high("{value:.0f} % of items returned or cancelled", missing="no items within a year"),
    "return_recency_days": neutral("last return or cancellation {value:.0f} [day|days] ago", missing="no return or cancellation so far"),
    **_each(_RETURN_WINDOWS, "discount_cents_{n}d", neutral("discounts of {value:,.0f} in the last {n} days")),
    **_each(_RETURN_WINDOWS, "discount_share_{n}d", high("{value:.0f} % discount in the last {n} days", missing="no spending in the last {n} days")),
    "discounted_lines_share_365d": high("{value:.0f} % of items bought at a discount", missing="no items within a year"),
    **{f"orders_trend_{days}d": _trend(days, less="fewer orders", same="as many orders", more="more orders") for days in TREND_WINDOWS},
    **{f"revenue_trend_{days}d": _trend(days, less="spent less", same="spent as much", more="spent more", missing=f"no spending in the last {2 * days} days") for days in TREND_WINDOWS},
    **{f"orders_{day}_share_365d": neutral(f"{{value:.0f}} % of orders on a {day.title()}", missing=_NO_YEAR) for day in WEEKDAYS},
    "orders_weekend_share_365d": neutral("{value:.0f} % of orders at the weekend", missing=_NO_YEAR),
    **{f"orders_{part}_share_365d": neutral(f"{{value:.0f}} % of orders from {hours}", missing=_NO_YEAR) for part, hours in DAY_PARTS.items()},
    **_counted("sessions_count", "[visit|visits]"),
    **_counted("events_count", "[click|clicks] on the site"),
    **_counted("views_count", "[product view|product views]"),
    **_counted("carts_count", "[product|products] put into the cart"),
    **_counted("wishlists_count", "[product|products] put on the wish list"),
    **_counted("searches_count", "[search|searches]"),
    **_counted("logins_count", "[login|logins]"),
    **_counted("cart_removals_count", "[product|products] taken out of the cart", high),
    **_counted("checkouts_count", "[checkout|checkouts] on the site"),
    **_counted("shares_count", "[product|products] shared"),
    **_counted("reviews_count", "[review|reviews] written"),
    "event_recency_days": high("last seen on the site {value:.0f} [day|days] ago", "within {value:.0f} [day|days]", missing="never seen on the site"),
    "cart_recency_days": high("last put a product into the cart {value:.0f} [day|days] ago", "within {value:.0f} [day|days]", missing="never put a product into the cart"),
    "sessions_trend_30d": _trend(30, less="fewer visits", same="as many visits", more="more visits"),
    **_counted("contacts_count", "[campaign contact|campaign contacts] received", neutral),
    **_counted("redemptions_count", "[offer|offers] redeemed"),
    **_counted("contacts_opened_count", "[campaign contact|campaign contacts] opened"),
    **_counted("contacts_clicked_count", "[campaign contact|campaign contacts] clicked"),
    "redemption_share_365d": low("{value:.0f} % of campaign contacts redeemed", missing="no campaign contact within a year"),
    "contact_recency_days": neutral("last campaign contact {value:.0f} [day|days] ago", missing="no campaign contact so far"),
    "redemption_recency_days": high("last offer redeemed {value:.0f} [day|days] ago", "within {value:.0f} [day|days]", missing="no offer redeemed so far"),
    "feedback_count_365d": neutral("{value:.0f} [piece|pieces] of feedback within a year"),
    "complaints_count_365d": high("{value:.0f} [complaint|complaints] within a year", least=1),
    **{
        f"complaints_{area}_count_365d": high(
            f"{{value:.0f}} [complaint|complaints] about {about} within a year", least=1
        )
        for area, about in (
            ("delivery", "delivery"),
            ("goods", "goods"),
            ("price", "prices"),
            ("service", "service"),
        )
    },
    "rating_mean_share_365d": Phrase(_marks, "low", missing="no rating within a year"),
    "season_sin": neutral("time of the year"),
    "season_cos": neutral("time of the year"),
}  # fmt: skip
