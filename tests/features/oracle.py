"""The features once more, customer by customer in plain Python, from `curated` itself.

Written apart from the library: no rollups, no shared arithmetic, dates by `zoneinfo`, medians by
`statistics`. It is slow and easy to read, which is its purpose.
"""

import itertools
import math
import statistics
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from retention_ml import clock, tables
from retention_ml.curated.known import known
from retention_ml.warehouse import Warehouse

Row = dict[str, Any]
Value = float | None


def features(
    warehouse: Warehouse, as_of: date, *, active_days: int, timezone: str
) -> dict[str, dict[str, Value]]:
    """Every feature of every active customer of a day."""
    instant = clock.midnight(as_of, timezone)
    rows = {
        name: warehouse.read(
            known(tables.CANONICAL[name].ibis_table("curated", tables.LINEAGE), instant)
        ).to_pylist()
        for name in ("orders", "order_lines", "events", "campaign_contacts", "feedback", "products")
    }
    shelves: dict[str, str] = {}
    for row in rows.pop("products"):
        if row["category"] is not None:
            category = shelves.get(row["product_id"], row["category"])
            shelves[row["product_id"]] = min(category, row["category"])
    by_customer: dict[str, dict[str, list[Row]]] = defaultdict(lambda: {name: [] for name in rows})
    for name, of_table in rows.items():
        for row in of_table:
            if row["customer_id"] is not None:
                local = row["event_at"].astimezone(ZoneInfo(timezone))
                age = (as_of - local.date()).days
                by_customer[row["customer_id"]][name].append({**row, "local": local, "age": age})
    active = {
        customer: of_customer
        for customer, of_customer in by_customer.items()
        if any(r["kind"] == "purchase" and r["age"] <= active_days for r in of_customer["orders"])
    }
    others: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for customer, of_customer in active.items():
        for row in of_customer["order_lines"]:
            if row["kind"] == "sale" and row["product_id"] is not None and row["age"] <= 365:
                others[row["product_id"]][customer].append(row["age"])
    return {
        customer: _customer(of_customer, shelves, others, len(active), as_of)
        for customer, of_customer in active.items()
    }


def _customer(
    rows: dict[str, list[Row]],
    shelves: dict[str, str],
    others: dict[str, dict[str, list[int]]],
    active_count: int,
    as_of: date,
) -> dict[str, Value]:
    bought = [r for r in rows["orders"] if r["kind"] == "purchase"]
    sold = [r for r in rows["order_lines"] if r["kind"] == "sale"]
    undone = [r for r in rows["order_lines"] if r["kind"] in ("return", "cancellation")]
    values: dict[str, Value] = {}
    values |= _purchases(bought, sold)
    values |= _gaps_and_baskets(bought, sold)
    values |= _rhythm(bought)
    values |= _products(sold, shelves, others, active_count)
    values |= _returns(rows["orders"], sold, undone)
    values |= _habits(bought, as_of)
    values |= _site(rows["events"])
    values |= _campaigns(rows["campaign_contacts"])
    values |= _voice(rows["feedback"])
    return values


def _within(rows: list[Row], days: int) -> list[Row]:
    return [r for r in rows if r["age"] <= days]


def _paid(rows: list[Row]) -> int:
    return sum(r["line_amount_cents"] for r in rows)


def _over(a: Value, b: Value) -> Value:
    return None if a is None or b is None or b == 0 else a / b


def _ago(rows: list[Row]) -> Value:
    return min((r["age"] for r in rows), default=None)


def _log_ratio(rows: list[Row], days: int, count: Callable[[list[Row]], int] = len) -> float:
    now = count(_within(rows, days))
    return math.log((now + 1) / (count(_within(rows, 2 * days)) - now + 1))


def _purchases(bought: list[Row], sold: list[Row]) -> dict[str, Value]:
    ages = [r["age"] for r in bought]
    values: dict[str, Value] = {
        "recency_days": min(ages),
        "tenure_days": max(ages),
        "purchase_span_days": max(ages) - min(ages),
        "is_one_time_buyer": float(len(set(ages)) == 1),
        "orders_count": len(bought),
        "revenue_cents": _paid(sold),
        "purchase_days_count": len(set(ages)),
        "revenue_decayed_cents_45d": sum(r["line_amount_cents"] * 0.5 ** (r["age"] / 45) for r in sold),
    }  # fmt: skip
    for days in (7, 14, 30, 60, 90, 180, 365):
        values[f"orders_count_{days}d"] = len(_within(bought, days))
        values[f"revenue_cents_{days}d"] = _paid(_within(sold, days))
        values[f"purchase_days_count_{days}d"] = len({a for a in ages if a <= days})
    for days in (15, 45, 135):
        values[f"orders_decayed_count_{days}d"] = sum(0.5 ** (a / days) for a in ages)
    for days in (30, 90):
        values[f"orders_trend_{days}d"] = _log_ratio(bought, days)
        now = _paid(_within(sold, days))
        before = _paid(_within(sold, 2 * days)) - now
        values[f"revenue_trend_{days}d"] = _over(now - before, now + before)
    return values


def _gaps_and_baskets(bought: list[Row], sold: list[Row]) -> dict[str, Value]:
    ages = sorted({r["age"] for r in bought}, reverse=True)
    gaps = [a - b for a, b in itertools.pairwise(ages)]
    mean = statistics.fmean(gaps) if gaps else None
    median = statistics.median(gaps) if gaps else None
    spread = statistics.stdev(gaps) if len(gaps) > 1 else None
    orders, pieces = len(bought), sum(r["quantity"] for r in sold)

    def of_day(age: int) -> tuple[int, list[Row]]:
        return sum(r["age"] == age for r in bought), [r for r in sold if r["age"] == age]

    first_orders, first = of_day(ages[0])
    last_orders, last = of_day(ages[-1])
    recent = _within(bought, 90)
    return {
        "gap_last_days": gaps[-1] if gaps else None,
        "gap_mean_days": mean,
        "gap_median_days": median,
        "gap_recent3_mean_days": statistics.fmean(gaps[-3:]) if gaps else None,
        "gap_max_days": max(gaps, default=None),
        "gap_std_days": spread,
        "gap_variation_ratio": _over(spread, mean),
        "gap_last_over_mean_ratio": _over(gaps[-1], mean) if gaps else None,
        "recency_over_gap_mean_ratio": _over(ages[-1], mean),
        "recency_over_gap_median_ratio": _over(ages[-1], median),
        "lines_per_order_mean": len(sold) / orders,
        "pieces_per_order_mean": pieces / orders,
        "revenue_per_order_mean_cents": _paid(sold) / orders,
        "revenue_per_order_mean_cents_90d": _over(_paid(_within(sold, 90)), len(recent)),
        "revenue_per_piece_mean_cents": _over(_paid(sold), pieces),
        "revenue_per_order_last_cents": _paid(last) / last_orders,
        "revenue_last_over_mean_ratio": _over(_paid(last) / last_orders, _paid(sold) / orders),
        "lines_last_over_mean_ratio": _over(len(last) / last_orders, len(sold) / orders),
        "revenue_per_order_first_cents": _paid(first) / first_orders,
        "lines_per_order_first": len(first) / first_orders,
    }


def _rhythm(bought: list[Row]) -> dict[str, Value]:
    """Day by day and week by week: an age is a day, 1 for yesterday."""
    ages = {r["age"] for r in bought}
    first, last = max(ages), min(ages)
    gaps = [a - b for a, b in itertools.pairwise(sorted(ages, reverse=True))]
    longer = [gap for gap in gaps if gap > last]
    weeks = {math.ceil(age / 7) for age in ages}
    values: dict[str, Value] = {
        "purchase_weeks_share": len(weeks) / math.ceil(first / 7),
        "purchase_months_share": len({math.ceil(a / 30) for a in ages}) / math.ceil(first / 30),
    }
    for days in (7, 14, 30, 60, 90):
        starts = range(days + 1, first + 1)
        silent = sum(not ages & set(range(start - days, start)) for start in starts)
        values[f"silent_{days}_days_share"] = _over(silent, len(starts))
        lasting = sum(gap > last + days for gap in longer)
        values[f"gaps_longer_{days}_days_share"] = (lasting + 1) / (len(longer) + 2)
    for days in (28, 56, 91, 182, 364):
        lived = [week for week in range(1, days // 7 + 1) if week <= math.ceil(first / 7)]
        values[f"purchase_weeks_count_{days}d"] = len(weeks & set(lived))
        values[f"purchase_weeks_share_{days}d"] = len(weeks & set(lived)) / len(lived)
    for days in (30, 90):
        coming = sum(364 - days < r["age"] <= 364 for r in bought)
        values[f"orders_year_ago_count_{days}d"] = coming
    return values


def _products(
    sold: list[Row],
    shelves: dict[str, str],
    others: dict[str, dict[str, list[int]]],
    active_count: int,
) -> dict[str, Value]:
    """`others`: by product and active customer, the ages of its lines of a year."""
    named = [r for r in sold if r["product_id"] is not None]
    year = _within(named, 365)
    lines = Counter(r["product_id"] for r in year)
    days = {p: len({r["age"] for r in year if r["product_id"] == p}) for p in lines}

    def share(product: str) -> float:
        return len(others[product]) / active_count

    def again(product: str) -> float:
        return statistics.fmean(len(set(ages)) > 1 for ages in others[product].values())

    def growth(*products: str) -> float:
        ages = [age for p in products for of_customer in others[p].values() for age in of_customer]
        now, before = sum(a <= 30 for a in ages), sum(30 < a <= 120 for a in ages)
        return math.log((now + 1) / (before / 3 + 1))

    def momentum(product: str) -> float:
        return growth(product) - growth(*others)

    values: dict[str, Value] = {}
    for window in (30, 90):
        recent = {r["product_id"] for r in _within(year, window)}
        earlier = {r["product_id"] for r in year if r["age"] > window}
        values[f"products_count_{window}d"] = len(recent)
        values[f"products_new_share_{window}d"] = _over(len(recent - earlier), len(recent))
        for name, of_product in (
            ("buyers_share", share),
            ("buyers_again_share", again),
            ("momentum", momentum),
        ):
            mean = statistics.fmean(of_product(p) for p in recent) if recent else None
            values[f"products_{name}_{window}d"] = mean
    quarter = {r["product_id"] for r in _within(year, 90)}
    return {
        **values,
        "products_count_365d": len(lines),
        "categories_count_90d": len({shelves[p] for p in quarter if p in shelves}),
        "categories_count_365d": len({shelves[p] for p in lines if p in shelves}),
        "products_repeated_count_365d": sum(n > 1 for n in days.values()),
        "products_repeat_share_365d": _over(sum(n > 1 for n in days.values()), len(lines)),
        "products_top_share_365d": _over(max(lines.values(), default=0), len(year)),
    }


def _returns(orders: list[Row], sold: list[Row], undone: list[Row]) -> dict[str, Value]:
    values: dict[str, Value] = {}
    for days in (90, 365):
        now = _within(sold, days)
        discount = sum(r["discount_cents"] for r in now)
        for kind, noun in (("return", "returns"), ("cancellation", "cancellations")):
            values[f"{noun}_count_{days}d"] = sum(r["kind"] == kind for r in _within(orders, days))
        values[f"refund_cents_{days}d"] = -_paid(_within(undone, days))
        values[f"discount_cents_{days}d"] = discount
        values[f"discount_share_{days}d"] = _over(discount, discount + _paid(now))
    year = _within(sold, 365)
    return {
        **values,
        "refund_share_365d": _over(-_paid(_within(undone, 365)), _paid(year)),
        "returned_lines_share_365d": _over(len(_within(undone, 365)), len(year)),
        "return_recency_days": _ago([r for r in orders if r["kind"] != "purchase"]),
        "discounted_lines_share_365d": _over(sum(r["discount_cents"] > 0 for r in year), len(year)),
    }


def _habits(bought: list[Row], as_of: date) -> dict[str, Value]:
    year = _within(bought, 365)
    names = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
    parts = ("night", "morning", "afternoon", "evening")
    values: dict[str, Value] = {
        f"orders_{name}_share_365d": _over(sum(r["local"].weekday() == n for r in year), len(year))
        for n, name in enumerate(names)
    }
    for n, part in enumerate(parts):
        inside = sum(r["local"].hour // 6 == n for r in year)
        values[f"orders_{part}_share_365d"] = _over(inside, len(year))
    weekend = sum(r["local"].weekday() >= 5 for r in year)
    phase = (as_of - date(1970, 1, 1)) / timedelta(days=365.2425) * 2 * math.pi
    return {
        **values,
        "orders_weekend_share_365d": _over(weekend, len(year)),
        "season_sin": math.sin(phase),
        "season_cos": math.cos(phase),
    }


def _site(events: list[Row]) -> dict[str, Value]:
    kinds = {
        "views": ("view", (7, 30, 90)),
        "carts": ("cart", (7, 30, 90)),
        "wishlists": ("wishlist", (30, 90)),
        "searches": ("search", (30, 90)),
        "logins": ("login", (30, 90)),
        "cart_removals": ("remove_from_cart", (90,)),
        "checkouts": ("purchase", (90,)),
        "shares": ("share", (90,)),
        "reviews": ("review", (90,)),
    }
    starts: list[Row] = []
    before: datetime | None = None
    for row in sorted(events, key=lambda r: r["event_at"]):
        moment = row["event_at"].replace(microsecond=0)
        if before is None or moment - before >= timedelta(minutes=30):
            starts.append(row)
        before = moment
    values: dict[str, Value] = {
        f"{noun}_count_{days}d": sum(r["event_type"] == kind for r in _within(events, days))
        for noun, (kind, windows) in kinds.items()
        for days in windows
    }
    for days in (7, 30, 90):
        values[f"events_count_{days}d"] = len(_within(events, days))
        values[f"sessions_count_{days}d"] = len(_within(starts, days))
    return {
        **values,
        "event_recency_days": _ago(events),
        "cart_recency_days": _ago([r for r in events if r["event_type"] == "cart"]),
        "sessions_trend_30d": _log_ratio(starts, 30),
    }


def _campaigns(contacts: list[Row]) -> dict[str, Value]:
    of = {kind: [r for r in contacts if r["kind"] == kind] for kind in ("sent", "opened", "clicked", "redeemed")}  # fmt: skip
    values: dict[str, Value] = {}
    for days in (30, 90, 365):
        values[f"contacts_count_{days}d"] = len(_within(of["sent"], days))
        values[f"redemptions_count_{days}d"] = len(_within(of["redeemed"], days))
    return {
        **values,
        "contacts_opened_count_90d": len(_within(of["opened"], 90)),
        "contacts_clicked_count_90d": len(_within(of["clicked"], 90)),
        "redemption_share_365d": _over(
            len(_within(of["redeemed"], 365)), len(_within(of["sent"], 365))
        ),
        "contact_recency_days": _ago(of["sent"]),
        "redemption_recency_days": _ago(of["redeemed"]),
    }


def _voice(feedback: list[Row]) -> dict[str, Value]:
    year = _within(feedback, 365)
    marks = [r["rating_share"] for r in year if r["rating_share"] is not None]
    cross = [
        _about(r["comment"])
        for r in year
        if r["kind"] in ("complaint", "return_reason")
        or (r["rating_share"] is not None and r["rating_share"] < 0.5)
    ]
    return {
        "feedback_count_365d": len(year),
        "complaints_count_365d": sum(r["kind"] == "complaint" for r in year),
        "rating_mean_share_365d": statistics.fmean(marks) if marks else None,
        **{
            f"complaints_{area}_count_365d": cross.count(area)
            for area in ("delivery", "goods", "price", "service")
        },
    }


def _about(comment: str | None) -> str | None:
    """What the few sentences of the tests' shops are about."""
    words = {"late": "delivery", "broken": "goods", "expensive": "price", "phone": "service"}
    return next((area for word, area in words.items() if word in (comment or "")), None)
