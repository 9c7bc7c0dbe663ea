"""The catalogue of features: every column of `features.customer_daily`, with unit and meaning.

A window of N days at `as_of` D holds the shop's days D - N to D - 1. Counts and amounts are 0
where nothing happened; shares, means, ratios and days since something are missing (NULL) where
there is nothing to divide by or to count from. Money is in minor units (`_cents`).
"""

import hashlib
import re
from dataclasses import dataclass
from typing import Literal

Unit = Literal["days", "count", "cents", "share", "ratio", "log_ratio", "flag", "phase"]

WINDOWS = (7, 14, 30, 60, 90, 180, 365)
HALF_LIVES = (15, 45, 135)
SILENCES = (7, 14, 30, 60, 90)
WEEK_WINDOWS = (28, 56, 91, 182, 364)
YEAR_AGO_WINDOWS = (30, 90)
PRODUCT_WINDOWS = (30, 90)
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
DAY_PARTS = {
    "night": "00:00 to 06:00",
    "morning": "06:00 to 12:00",
    "afternoon": "12:00 to 18:00",
    "evening": "18:00 to 24:00",
}


@dataclass(frozen=True, slots=True)
class Feature:
    """One feature.

    Parameters
    ----------
    name : str
        The column, with unit and window where it has them.
    unit : str
        days, count, cents, share (0 to 1), ratio, log_ratio, flag (0 or 1) or phase (-1 to 1).
    window_days : int or None
        How far back it looks; `None` where it looks at the whole history or at none.
    family : str
        The group it is computed with.
    meaning : str
        What it is, in a sentence.
    phrase : str
        The same for a reader of scores, with `{value}` in display units (see `say`).
    phrase_missing : str
        What to say where the value is missing.

    Examples
    --------
    >>> Feature("orders_count_30d", "count", 30, "frequency", "", "{value:.0f} orders").say(1.0)
    '1 order'
    """

    name: str
    unit: Unit
    window_days: int | None
    family: str
    meaning: str
    phrase: str
    phrase_missing: str = "not known yet"

    def say(self, value: float | None) -> str:
        """The phrase with the value filled in: money in whole units, shares in percent."""
        if value is None or value != value or (self.unit == "flag" and value == 0):
            return self.phrase_missing
        if self.unit == "cents":
            value = value / 100
        elif self.unit == "share":
            value = value * 100
        text = self.phrase.format(value=value)
        if self.unit not in ("count", "days"):
            return text
        if self.unit == "count" and text.startswith("0 "):
            return f"no {text[2:]}"
        one = re.search(r"(?<![\d.,+-])1 [a-z ]*?s\b", text)
        return text if one is None else text.replace(one[0], _singular(one[0]), 1)


def _singular(words: str) -> str:
    for plural, singular in (("ies", "y"), ("ches", "ch")):
        if words.endswith(plural):
            return words.removesuffix(plural) + singular
    return words.removesuffix("s")


def _recency() -> list[Feature]:
    return [
        Feature("recency_days", "days", None, "recency", "days since the last purchase day", "no order for {value:.0f} days"),
        Feature("tenure_days", "days", None, "recency", "days since the first purchase day", "a customer for {value:.0f} days"),
        Feature("purchase_span_days", "days", None, "recency", "days from the first to the last purchase day", "{value:.0f} days between the first and the last order"),
        Feature("is_one_time_buyer", "flag", None, "recency", "1 where all purchases fell on one day, else 0", "has bought on one day only", "has bought on several days"),
    ]  # fmt: skip


def _frequency() -> list[Feature]:
    found = [
        Feature(f"orders_count_{days}d", "count", days, "frequency", f"purchases in the last {days} days", f"{{value:.0f}} orders in the last {days} days")
        for days in WINDOWS
    ]  # fmt: skip
    found.append(
        Feature(
            "orders_count",
            "count",
            None,
            "frequency",
            "purchases so far",
            "{value:.0f} orders so far",
        )
    )
    found += [
        Feature(f"purchase_days_count_{days}d", "count", days, "frequency", f"days with a purchase in the last {days} days", f"{{value:.0f}} shopping days in the last {days} days")
        for days in WINDOWS
    ]  # fmt: skip
    found.append(
        Feature(
            "purchase_days_count",
            "count",
            None,
            "frequency",
            "days with a purchase so far",
            "{value:.0f} shopping days so far",
        )
    )
    found += [
        Feature(f"orders_decayed_count_{days}d", "count", None, "frequency", f"purchases so far, each counted less with age: half after {days} days", f"order activity of {{value:.2f}} (an order counts half after {days} days)")
        for days in HALF_LIVES
    ]  # fmt: skip
    found += [
        Feature("purchase_weeks_share", "share", None, "frequency", "of the weeks since the first purchase (seven days each, counted back from as_of), the share with a purchase", "ordered in {value:.0f} % of the weeks since the first order"),
        Feature("purchase_months_share", "share", None, "frequency", "of the spans of 30 days since the first purchase (counted back from as_of), the share with a purchase", "ordered in {value:.0f} % of the months since the first order"),
    ]  # fmt: skip
    for days in WEEK_WINDOWS:
        found += [
            Feature(f"purchase_weeks_count_{days}d", "count", days, "frequency", f"weeks (seven days each, counted back from as_of) with a purchase in the last {days} days", f"ordered in {{value:.0f}} of the last {days // 7} weeks"),
            Feature(f"purchase_weeks_share_{days}d", "share", days, "frequency", f"of the weeks in the last {days} days, or since the first purchase where that is later, the share with a purchase", f"ordered in {{value:.0f}} % of the last {days // 7} weeks as a customer"),
        ]  # fmt: skip
    found += [
        Feature(f"orders_year_ago_count_{days}d", "count", 364, "frequency", f"purchases in the {days} days that began 364 days ago: the same weeks a year before", f"{{value:.0f}} orders a year ago in the {days} days that now begin")
        for days in YEAR_AGO_WINDOWS
    ]  # fmt: skip
    return found


def _monetary() -> list[Feature]:
    found = [
        Feature(f"revenue_cents_{days}d", "cents", days, "monetary", f"paid for merchandise in the last {days} days", f"spent {{value:,.0f}} in the last {days} days")
        for days in WINDOWS
    ]  # fmt: skip
    found += [
        Feature("revenue_cents", "cents", None, "monetary", "paid for merchandise so far", "spent {value:,.0f} so far"),
        Feature("revenue_decayed_cents_45d", "cents", None, "monetary", "paid for merchandise so far, each amount counted less with age: half after 45 days", "recent spending of {value:,.0f} (an amount counts half after 45 days)"),
    ]  # fmt: skip
    return found


def _gaps() -> list[Feature]:
    once = "has bought on one day only"
    twice = "has bought on one or two days only"
    found = [
        Feature("gap_last_days", "days", None, "gaps", "days between the last two purchase days", "last pause between orders was {value:.0f} days", once),
        Feature("gap_mean_days", "days", None, "gaps", "mean days between purchase days", "usually {value:.0f} days between orders", once),
        Feature("gap_median_days", "days", None, "gaps", "median days between purchase days", "typically {value:.0f} days between orders", once),
        Feature("gap_recent3_mean_days", "days", None, "gaps", "mean of the three most recent gaps between purchase days (of fewer, if there are fewer)", "lately {value:.0f} days between orders", once),
        Feature("gap_max_days", "days", None, "gaps", "longest gap between purchase days", "longest pause so far {value:.0f} days", once),
        Feature("gap_std_days", "days", None, "gaps", "sample standard deviation of the gaps between purchase days", "pauses between orders vary by {value:.0f} days", twice),
        Feature("gap_variation_ratio", "ratio", None, "gaps", "standard deviation of the gaps over their mean", "pauses between orders vary by {value:.1f} times their mean", twice),
        Feature("gap_last_over_mean_ratio", "ratio", None, "gaps", "last gap over the mean gap", "last pause was {value:.1f} times the usual", once),
        Feature("recency_over_gap_mean_ratio", "ratio", None, "gaps", "days since the last purchase day over the mean gap", "silent for {value:.1f} times the usual pause", once),
        Feature("recency_over_gap_median_ratio", "ratio", None, "gaps", "days since the last purchase day over the median gap", "silent for {value:.1f} times the typical pause", once),
    ]  # fmt: skip
    for days in SILENCES:
        found += [
            Feature(f"silent_{days}_days_share", "share", None, "gaps", f"of the days since the first purchase day that {days} whole days have followed, the share after which those {days} days had no purchase", f"{{value:.0f}} % of the time no order came within {days} days", "too new a customer to tell"),
            Feature(f"gaps_longer_{days}_days_share", "share", None, "gaps", f"of the gaps between purchase days longer than the days since the last one, the share longer by more than {days} days; one imagined gap on either side draws it to a half", f"an estimated {{value:.0f}} % of pauses as long as this one go on for more than {days} days"),
        ]  # fmt: skip
    return found


def _basket() -> list[Feature]:
    return [
        Feature("lines_per_order_mean", "count", None, "basket", "merchandise lines per purchase so far", "{value:.1f} items per order"),
        Feature("pieces_per_order_mean", "count", None, "basket", "pieces per purchase so far", "{value:.1f} pieces per order"),
        Feature("revenue_per_order_mean_cents", "cents", None, "basket", "paid per purchase so far", "{value:,.0f} per order on average"),
        Feature("revenue_per_order_mean_cents_90d", "cents", 90, "basket", "paid per purchase in the last 90 days", "{value:,.0f} per order in the last 90 days", "no orders in the last 90 days"),
        Feature("revenue_per_piece_mean_cents", "cents", None, "basket", "paid per piece so far", "{value:,.2f} per piece on average"),
        Feature("revenue_per_order_last_cents", "cents", None, "basket", "paid per purchase on the last purchase day", "last order was worth {value:,.0f}"),
        Feature("revenue_last_over_mean_ratio", "ratio", None, "basket", "paid per purchase on the last purchase day over the mean so far", "last order was {value:.1f} times the usual value"),
        Feature("lines_last_over_mean_ratio", "ratio", None, "basket", "lines per purchase on the last purchase day over the mean so far", "last order had {value:.1f} times the usual number of items"),
        Feature("revenue_per_order_first_cents", "cents", None, "basket", "paid per purchase on the first purchase day", "first order was worth {value:,.0f}"),
        Feature("lines_per_order_first", "count", None, "basket", "lines per purchase on the first purchase day", "first order had {value:.0f} items"),
    ]  # fmt: skip


def _breadth() -> list[Feature]:
    none = "no products known in the last {} days"
    found = []
    for noun, windows in (("products", (30, 90, 365)), ("categories", (90, 365))):
        found += [
            Feature(f"{noun}_count_{days}d", "count", days, "breadth", f"different {noun} bought in the last {days} days", f"{{value:.0f}} different {noun} in the last {days} days")
            for days in windows
        ]  # fmt: skip
    found += [
        Feature("products_repeated_count_365d", "count", 365, "breadth", "different products bought on two or more days of the last 365", "{value:.0f} products bought again within a year"),
        Feature("products_repeat_share_365d", "share", 365, "breadth", "of the products bought in the last 365 days, the share bought on two or more days", "{value:.0f} % of products bought again within a year", none.format(365)),
        Feature("products_top_share_365d", "share", 365, "breadth", "of the purchase lines in the last 365 days, the share of the most bought product", "{value:.0f} % of items are one product", none.format(365)),
    ]  # fmt: skip
    found += [
        Feature(f"products_new_share_{days}d", "share", 365, "breadth", f"of the products bought in the last {days} days, the share not bought in the {365 - days} days before", "{value:.0f} % of recent products are new to the customer", none.format(days))
        for days in PRODUCT_WINDOWS
    ]  # fmt: skip
    return found


def _assortment() -> list[Feature]:
    found = []
    for days in PRODUCT_WINDOWS:
        bought = f"mean over the products bought in the last {days} days"
        none = f"no products known in the last {days} days"
        found += [
            Feature(f"products_buyers_share_{days}d", "share", 365, "assortment", f"{bought}: share of the active customers who bought them in the last 365 days", "on average {value:.1f} % of the active customers bought the same products", none),
            Feature(f"products_buyers_again_share_{days}d", "share", 365, "assortment", f"{bought}: of the active customers who bought them in the last 365 days, the share who did so on two or more days", "on average {value:.0f} % of those who bought the same products bought them again within a year", none),
            Feature(f"products_momentum_{days}d", "log_ratio", 120, "assortment", f"{bought}: ln((purchase lines of the product in the last 30 days + 1) / (a third of those in the 90 days before + 1)), less the same of all products; lines of the active customers", "sales of the products bought, trend of {value:+.2f} against all products", none),
        ]  # fmt: skip
    return found


def _returns() -> list[Feature]:
    found = []
    for noun in ("returns", "cancellations"):
        found += [
            Feature(f"{noun}_count_{days}d", "count", days, "returns", f"{noun} in the last {days} days", f"{{value:.0f}} {noun} in the last {days} days")
            for days in (90, 365)
        ]  # fmt: skip
    found += [
        Feature(f"refund_cents_{days}d", "cents", days, "returns", f"given back for returned and cancelled lines in the last {days} days", f"{{value:,.0f}} refunded in the last {days} days")
        for days in (90, 365)
    ]  # fmt: skip
    return [
        *found,
        Feature("refund_share_365d", "share", 365, "returns", "given back over paid for merchandise in the last 365 days; may exceed 1", "{value:.0f} % of the year's spending refunded", "no spending within a year"),
        Feature("returned_lines_share_365d", "share", 365, "returns", "returned and cancelled lines over merchandise lines in the last 365 days; may exceed 1", "{value:.0f} % of items returned or cancelled", "no items within a year"),
        Feature("return_recency_days", "days", None, "returns", "days since the last return or cancellation", "last return or cancellation {value:.0f} days ago", "no return or cancellation so far"),
    ]  # fmt: skip


def _discounts() -> list[Feature]:
    found = [
        Feature(f"discount_cents_{days}d", "cents", days, "discounts", f"taken off list prices in the last {days} days", f"{{value:,.0f}} of discounts in the last {days} days")
        for days in (90, 365)
    ]  # fmt: skip
    found += [
        Feature(f"discount_share_{days}d", "share", days, "discounts", f"discounts over list value in the last {days} days", f"{{value:.0f}} % discount in the last {days} days", f"no spending in the last {days} days")
        for days in (90, 365)
    ]  # fmt: skip
    found.append(Feature("discounted_lines_share_365d", "share", 365, "discounts", "share of merchandise lines bought with a discount in the last 365 days", "{value:.0f} % of items bought at a discount", "no items within a year"))  # fmt: skip
    return found


def _trend() -> list[Feature]:
    found = []
    for days in (30, 90):
        found += [
            Feature(f"orders_trend_{days}d", "log_ratio", 2 * days, "trend", f"ln((purchases in the last {days} days + 1) / (purchases in the {days} days before + 1))", f"order trend over {days} days of {{value:+.2f}}"),
            Feature(f"revenue_trend_{days}d", "ratio", 2 * days, "trend", f"(paid in the last {days} days - paid in the {days} days before) over their sum, -1 to 1", f"spending trend over {days} days of {{value:+.2f}}", f"no spending in the last {2 * days} days"),
        ]  # fmt: skip
    return found


def _habits() -> list[Feature]:
    none = "no orders within a year"
    found = [
        Feature(f"orders_{day}_share_365d", "share", 365, "habits", f"share of the purchases of the last 365 days made on a {day.title()}", f"{{value:.0f}} % of orders on a {day.title()}", none)
        for day in WEEKDAYS
    ]  # fmt: skip
    found.append(Feature("orders_weekend_share_365d", "share", 365, "habits", "share of the purchases of the last 365 days made on a Saturday or Sunday", "{value:.0f} % of orders at the weekend", none))  # fmt: skip
    found += [
        Feature(f"orders_{part}_share_365d", "share", 365, "habits", f"share of the purchases of the last 365 days made from {hours} by the shop's clock", f"{{value:.0f}} % of orders from {hours}", none)
        for part, hours in DAY_PARTS.items()
    ]  # fmt: skip
    return found


EVENT_WINDOWS: dict[str, tuple[int, ...]] = {
    "sessions": (7, 30, 90),
    "events": (7, 30, 90),
    "views": (7, 30, 90),
    "carts": (7, 30, 90),
    "wishlists": (30, 90),
    "searches": (30, 90),
    "logins": (30, 90),
    "cart_removals": (90,),
    "checkouts": (90,),
    "shares": (90,),
    "reviews": (90,),
}
_EVENT_WORDS = {
    "sessions": ("visits, at least 30 minutes apart", "visits"),
    "events": ("things done on the site", "clicks on the site"),
    "views": ("products looked at", "product views"),
    "carts": ("products put into the cart", "products put into the cart"),
    "wishlists": ("products put on the wish list", "products put on the wish list"),
    "searches": ("searches", "searches"),
    "logins": ("logins", "logins"),
    "cart_removals": ("products taken out of the cart", "products taken out of the cart"),
    "checkouts": ("purchase events on the site", "checkouts on the site"),
    "shares": ("products shared", "products shared"),
    "reviews": ("reviews written", "reviews written"),
}


def _events() -> list[Feature]:
    found = [
        Feature(f"{noun}_count_{days}d", "count", days, "events", f"{_EVENT_WORDS[noun][0]} in the last {days} days", f"{{value:.0f}} {_EVENT_WORDS[noun][1]} in the last {days} days")
        for noun, windows in EVENT_WINDOWS.items()
        for days in windows
    ]  # fmt: skip
    return [
        *found,
        Feature("event_recency_days", "days", None, "events", "days since anything was done on the site", "last seen on the site {value:.0f} days ago", "never seen on the site"),
        Feature("cart_recency_days", "days", None, "events", "days since a product was put into the cart", "last put a product into the cart {value:.0f} days ago", "never put a product into the cart"),
        Feature("sessions_trend_30d", "log_ratio", 60, "events", "ln((visits in the last 30 days + 1) / (visits in the 30 days before + 1))", "visit trend over 30 days of {value:+.2f}"),
    ]  # fmt: skip


def _campaigns() -> list[Feature]:
    found = []
    for noun, words in (
        ("contacts", "campaign contacts received"),
        ("redemptions", "offers redeemed"),
    ):
        found += [
            Feature(f"{noun}_count_{days}d", "count", days, "campaigns", f"{words} in the last {days} days", f"{{value:.0f}} {words} in the last {days} days")
            for days in (30, 90, 365)
        ]  # fmt: skip
    return [
        *found,
        Feature("contacts_opened_count_90d", "count", 90, "campaigns", "campaign contacts opened in the last 90 days", "{value:.0f} campaign contacts opened in the last 90 days"),
        Feature("contacts_clicked_count_90d", "count", 90, "campaigns", "campaign contacts clicked in the last 90 days", "{value:.0f} campaign contacts clicked in the last 90 days"),
        Feature("redemption_share_365d", "share", 365, "campaigns", "offers redeemed over campaign contacts received in the last 365 days; may exceed 1", "{value:.0f} % of campaign contacts redeemed", "no campaign contact within a year"),
        Feature("contact_recency_days", "days", None, "campaigns", "days since the last campaign contact received", "last campaign contact {value:.0f} days ago", "no campaign contact so far"),
        Feature("redemption_recency_days", "days", None, "campaigns", "days since the last offer redeemed", "last offer redeemed {value:.0f} days ago", "no offer redeemed so far"),
    ]  # fmt: skip


def _feedback() -> list[Feature]:
    return [
        Feature("feedback_count_365d", "count", 365, "feedback", "ratings, survey answers and complaints in the last 365 days", "{value:.0f} pieces of feedback within a year"),
        Feature("complaints_count_365d", "count", 365, "feedback", "complaints in the last 365 days", "{value:.0f} complaints within a year"),
        Feature("rating_mean_share_365d", "share", 365, "feedback", "mean mark given in the last 365 days, 0 the worst and 1 the best of its scale", "marks of {value:.0f} % of the best within a year", "no rating within a year"),
    ]  # fmt: skip


def _season() -> list[Feature]:
    return [
        Feature("season_sin", "phase", None, "season", "sine of the time of the year of as_of (0 at New Year, 1 at the end of March)", "time of the year"),
        Feature("season_cos", "phase", None, "season", "cosine of the time of the year of as_of (1 at New Year, -1 at the start of July)", "time of the year"),
    ]  # fmt: skip


_FAMILIES = (
    _recency, _frequency, _monetary, _gaps, _basket, _breadth, _assortment, _returns, _discounts, _trend,
    _habits, _events, _campaigns, _feedback, _season,
)  # fmt: skip

CATALOGUE: tuple[Feature, ...] = tuple(feature for family in _FAMILIES for feature in family())
FEATURE_NAMES: tuple[str, ...] = tuple(feature.name for feature in CATALOGUE)
FEATURES: dict[str, Feature] = {feature.name: feature for feature in CATALOGUE}


def sha256() -> str:
    """The digest of names, units and windows: what a model was taught to expect."""
    text = "\n".join(f"{f.name} {f.unit} {f.window_days}" for f in CATALOGUE)
    return hashlib.sha256(text.encode()).hexdigest()
