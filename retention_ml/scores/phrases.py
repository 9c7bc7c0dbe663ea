"""The wording of features and their values, for readers of scores."""

import re
from collections.abc import Callable, Iterable
from math import exp, isnan

from retention_ml.features.families.behaviour import COUNTER_WINDOWS
from retention_ml.features.families.breadth import PRODUCT_WINDOWS
from retention_ml.features.families.habits import DAY_PARTS, WEEKDAYS
from retention_ml.features.families.purchases import HALF_LIVES, TREND_WINDOWS, WINDOWS
from retention_ml.features.families.rhythm import SILENCES, WEEK_WINDOWS, YEAR_AGO_WINDOWS
from retention_ml.features.feature import Feature

_NOT_KNOWN = "not known yet"


def describe(feature: Feature, value: float | None) -> str:
    """The phrase of a feature with its value: money in whole units, shares in percent.

    A feature without a phrase is described by its meaning.

    Examples
    --------
    >>> from retention_ml.features.catalogue import FEATURES
    >>> describe(FEATURES["orders_count_30d"], 1.0)
    '1 order in the last 30 days'
    """
    if value is None or isnan(value) or (feature.unit == "flag" and value == 0):
        return _MISSING.get(feature.name, _NOT_KNOWN)
    if feature.unit == "cents":
        value = value / 100
    elif feature.unit == "share":
        value = value * 100
    percent = " %" if feature.unit == "share" else ""
    phrase = PHRASES.get(feature.name, f"{feature.meaning}: {{value:,g}}{percent}")
    text = phrase.format(value=value) if isinstance(phrase, str) else phrase(value)
    return _in_number(text, feature) if feature.unit in ("count", "days") else text


def _in_number(text: str, feature: Feature) -> str:
    """The text with none as "no" and one in the singular."""
    if feature.unit == "count" and text.startswith("0 "):
        return f"no {text[2:]}"
    one = re.search(r"(?<![\d.,+-])1 [a-z ]*?s\b", text)
    return text if one is None else text.replace(one[0], _singular(one[0]), 1)


def _singular(words: str) -> str:
    for plural, singular in (("ies", "y"), ("ches", "ch")):
        if words.endswith(plural):
            return words.removesuffix(plural) + singular
    return words.removesuffix("s")


def _against_before(days: int, *, less: str, same: str, more: str) -> Callable[[float], str]:
    """For a trend of which only the direction is worded."""
    then = f"in the {days} days before"

    def phrase(trend: float) -> str:
        words = same if trend == 0 else less if trend < 0 else more
        return f"{words} in the last {days} days {'as' if trend == 0 else 'than'} {then}"

    return phrase


def _against_all(days: int) -> Callable[[float], str]:
    """For the logarithm of the growth of products over that of all products."""
    products = f"products bought in the last {days} days sell"

    def phrase(momentum: float) -> str:
        percent = round(100 * (exp(momentum) - 1))
        if percent == 0:
            return f"{products} as before, compared with all products"
        better = "better" if percent > 0 else "worse"
        return f"{products} {abs(percent):,} % {better} than before, compared with all products"

    return phrase


def _each(windows: Iterable[int], name: str, phrase: str) -> dict[str, str]:
    """The same phrase for each window, which stands for {n}."""
    return {name.replace("{n}", str(days)): phrase.replace("{n}", str(days)) for days in windows}


def _counted(counter: str, words: str) -> dict[str, str]:
    return _each(
        COUNTER_WINDOWS[counter],
        f"{counter}_{{n}}d",
        f"{{value:.0f}} {words} in the last {{n}} days",
    )


_RETURN_WINDOWS = (90, 365)

PHRASES: dict[str, str | Callable[[float], str]] = {
    "recency_days": "no order for {value:.0f} days",
    "tenure_days": "a customer for {value:.0f} days",
    "purchase_span_days": "{value:.0f} days between the first and the last order",
    "is_one_time_buyer": "bought on one day only so far",
    **_each(WINDOWS, "orders_count_{n}d", "{value:.0f} orders in the last {n} days"),
    "orders_count": "{value:.0f} orders so far",
    **_each(WINDOWS, "purchase_days_count_{n}d", "{value:.0f} shopping days in the last {n} days"),
    "purchase_days_count": "{value:.0f} shopping days so far",
    **_each(HALF_LIVES, "orders_decayed_count_{n}d", "order activity of {value:.2f} (an order counts half after {n} days)"),
    "purchase_weeks_share": "ordered in {value:.0f} % of the weeks since the first order",
    "purchase_months_share": "ordered in {value:.0f} % of the months since the first order",
    **{f"purchase_weeks_count_{days}d": f"ordered in {{value:.0f}} of the last {days // 7} weeks" for days in WEEK_WINDOWS},
    **{f"purchase_weeks_share_{days}d": f"ordered in {{value:.0f}} % of the last {days // 7} weeks as a customer" for days in WEEK_WINDOWS},
    **_each(YEAR_AGO_WINDOWS, "orders_year_ago_count_{n}d", "{value:.0f} orders a year ago in the {n} days that now begin"),
    **_each(WINDOWS, "revenue_cents_{n}d", "spent {value:,.0f} in the last {n} days"),
    "revenue_cents": "spent {value:,.0f} so far",
    "revenue_decayed_cents_45d": "recent spending of {value:,.0f} (an amount counts half after 45 days)",
    "gap_last_days": "last pause between orders was {value:.0f} days",
    "gap_mean_days": "usually {value:.0f} days between orders",
    "gap_median_days": "typically {value:.0f} days between orders",
    "gap_recent3_mean_days": "lately {value:.0f} days between orders",
    "gap_max_days": "longest pause so far {value:.0f} days",
    "gap_std_days": "pauses between orders vary by {value:.0f} days",
    "gap_variation_ratio": "pauses between orders vary by {value:.1f} times their mean",
    "gap_last_over_mean_ratio": "last pause was {value:.1f} times the usual",
    "recency_over_gap_mean_ratio": "silent for {value:.1f} times the usual pause",
    "recency_over_gap_median_ratio": "silent for {value:.1f} times the typical pause",
    **_each(SILENCES, "silent_{n}_days_share", "{value:.0f} % of the time no order came within {n} days"),
    **_each(SILENCES, "gaps_longer_{n}_days_share", "an estimated {value:.0f} % of pauses as long as this one go on for more than {n} days"),
    "lines_per_order_mean": "{value:.1f} items per order",
    "pieces_per_order_mean": "{value:.1f} pieces per order",
    "revenue_per_order_mean_cents": "{value:,.0f} per order on average",
    "revenue_per_order_mean_cents_90d": "{value:,.0f} per order in the last 90 days",
    "revenue_per_piece_mean_cents": "{value:,.2f} per piece on average",
    "revenue_per_order_last_cents": "last order was worth {value:,.0f}",
    "revenue_last_over_mean_ratio": "last order was {value:.1f} times the usual value",
    "lines_last_over_mean_ratio": "last order had {value:.1f} times the usual number of items",
    "revenue_per_order_first_cents": "first order was worth {value:,.0f}",
    "lines_per_order_first": "first order had {value:.0f} items",
    **_each((30, 90, 365), "products_count_{n}d", "{value:.0f} different products in the last {n} days"),
    **_each((90, 365), "categories_count_{n}d", "{value:.0f} different categories in the last {n} days"),
    "products_repeated_count_365d": "{value:.0f} products bought again within a year",
    "products_repeat_share_365d": "{value:.0f} % of products bought again within a year",
    "products_top_share_365d": "{value:.0f} % of items are one product",
    **_each(PRODUCT_WINDOWS, "products_new_share_{n}d", "{value:.0f} % of recent products are new to the customer"),
    **_each(PRODUCT_WINDOWS, "products_buyers_share_{n}d", "on average {value:.1f} % of the active customers bought the same products"),
    **_each(PRODUCT_WINDOWS, "products_buyers_again_share_{n}d", "on average {value:.0f} % of those who bought the same products bought them again within a year"),
    **{f"products_momentum_{days}d": _against_all(days) for days in PRODUCT_WINDOWS},
    **_each(_RETURN_WINDOWS, "returns_count_{n}d", "{value:.0f} returns in the last {n} days"),
    **_each(_RETURN_WINDOWS, "cancellations_count_{n}d", "{value:.0f} cancellations in the last {n} days"),
    **_each(_RETURN_WINDOWS, "refund_cents_{n}d", "{value:,.0f} refunded in the last {n} days"),
    "refund_share_365d": "{value:.0f} % of the year's spending refunded",
    "returned_lines_share_365d": "{value:.0f} % of items returned or cancelled",
    "return_recency_days": "last return or cancellation {value:.0f} days ago",
    **_each(_RETURN_WINDOWS, "discount_cents_{n}d", "{value:,.0f} of discounts in the last {n} days"),
    **_each(_RETURN_WINDOWS, "discount_share_{n}d", "{value:.0f} % discount in the last {n} days"),
    "discounted_lines_share_365d": "{value:.0f} % of items bought at a discount",
    **{f"orders_trend_{days}d": _against_before(days, less="fewer orders", same="as many orders", more="more orders") for days in TREND_WINDOWS},
    **{f"revenue_trend_{days}d": _against_before(days, less="spent less", same="spent as much", more="spent more") for days in TREND_WINDOWS},
    **{f"orders_{day}_share_365d": f"{{value:.0f}} % of orders on a {day.title()}" for day in WEEKDAYS},
    "orders_weekend_share_365d": "{value:.0f} % of orders at the weekend",
    **{f"orders_{part}_share_365d": f"{{value:.0f}} % of orders from {hours}" for part, hours in DAY_PARTS.items()},
    **_counted("sessions_count", "visits"),
    **_counted("events_count", "clicks on the site"),
    **_counted("views_count", "product views"),
    **_counted("carts_count", "products put into the cart"),
    **_counted("wishlists_count", "products put on the wish list"),
    **_counted("searches_count", "searches"),
    **_counted("logins_count", "logins"),
    **_counted("cart_removals_count", "products taken out of the cart"),
    **_counted("checkouts_count", "checkouts on the site"),
    **_counted("shares_count", "products shared"),
    **_counted("reviews_count", "reviews written"),
    "event_recency_days": "last seen on the site {value:.0f} days ago",
    "cart_recency_days": "last put a product into the cart {value:.0f} days ago",
    "sessions_trend_30d": _against_before(30, less="fewer visits", same="as many visits", more="more visits"),
    **_counted("contacts_count", "campaign contacts received"),
    **_counted("redemptions_count", "offers redeemed"),
    **_counted("contacts_opened_count", "campaign contacts opened"),
    **_counted("contacts_clicked_count", "campaign contacts clicked"),
    "redemption_share_365d": "{value:.0f} % of campaign contacts redeemed",
    "contact_recency_days": "last campaign contact {value:.0f} days ago",
    "redemption_recency_days": "last offer redeemed {value:.0f} days ago",
    "feedback_count_365d": "{value:.0f} pieces of feedback within a year",
    "complaints_count_365d": "{value:.0f} complaints within a year",
    "rating_mean_share_365d": "marks of {value:.0f} % of the best within a year",
    "season_sin": "time of the year",
    "season_cos": "time of the year",
}  # fmt: skip

_ONE_DAY, _TWO_DAYS = "has bought on one day only", "has bought on one or two days only"

# Where there is no value; "not known yet" where nothing stands here.
_MISSING: dict[str, str] = {
    "is_one_time_buyer": "bought on more than one day",
    **{f"gap_{one}_days": _ONE_DAY for one in ("last", "mean", "median", "recent3_mean", "max")},
    "gap_std_days": _TWO_DAYS,
    "gap_variation_ratio": _TWO_DAYS,
    "gap_last_over_mean_ratio": _ONE_DAY,
    "recency_over_gap_mean_ratio": _ONE_DAY,
    "recency_over_gap_median_ratio": _ONE_DAY,
    **_each(SILENCES, "silent_{n}_days_share", "too new a customer to tell"),
    "revenue_per_order_mean_cents_90d": "no orders in the last 90 days",
    "products_repeat_share_365d": "no products known in the last 365 days",
    "products_top_share_365d": "no products known in the last 365 days",
    **{
        f"products_{name}_{days}d": f"no products known in the last {days} days"
        for name in ("new_share", "buyers_share", "buyers_again_share", "momentum")
        for days in PRODUCT_WINDOWS
    },
    "refund_share_365d": "no spending within a year",
    "returned_lines_share_365d": "no items within a year",
    "return_recency_days": "no return or cancellation so far",
    **_each(_RETURN_WINDOWS, "discount_share_{n}d", "no spending in the last {n} days"),
    "discounted_lines_share_365d": "no items within a year",
    **{
        f"revenue_trend_{days}d": f"no spending in the last {2 * days} days"
        for days in TREND_WINDOWS
    },
    **{
        f"orders_{name}_share_365d": "no orders within a year"
        for name in (*WEEKDAYS, "weekend", *DAY_PARTS)
    },
    "event_recency_days": "never seen on the site",
    "cart_recency_days": "never put a product into the cart",
    "redemption_share_365d": "no campaign contact within a year",
    "contact_recency_days": "no campaign contact so far",
    "redemption_recency_days": "no offer redeemed so far",
    "rating_mean_share_365d": "no rating within a year",
}
