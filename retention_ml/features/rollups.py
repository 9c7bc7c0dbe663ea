"""Daily rollups: additive rows per customer, day and day of availability.

Day D knows a version of a row from `known_from_day`, the first day whose midnight is not before
its `available_at`, until the midnight at which a replacement is known. Both are additions: +1 at
the one day, -1 at the other. Sums over `event_day < D and known_from_day <= D` are therefore
exactly what `curated.known.known` would count at midnight, for every D, in whatever order the
deliveries came.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from functools import cache, reduce

import ibis
import ibis.expr.types as ir

from retention_ml import tables
from retention_ml.features.local_time import (
    DAY_SECONDS,
    seconds,
    with_known_from_day,
    with_local_time,
)

SESSION_GAP = timedelta(minutes=30)
_GAP = ibis.interval(seconds=int(SESSION_GAP.total_seconds()))
_INSTANTS = ("customer_id", "event_at", "known_from_at")
_DAYS = ("customer_id", "event_day", "known_from_day")
_INSTANT = "timestamp('UTC')"
_DAY_PARTS = (
    "orders_night_count",
    "orders_morning_count",
    "orders_afternoon_count",
    "orders_evening_count",
)

_ORDER_KINDS = {
    "orders_count": "purchase",
    "returns_count": "return",
    "cancellations_count": "cancellation",
}
_CONTACT_KINDS = {
    "contacts_count": "sent",
    "contacts_opened_count": "opened",
    "contacts_clicked_count": "clicked",
    "redemptions_count": "redeemed",
}
_EVENT_TYPES = {
    "views_count": "view",
    "carts_count": "cart",
    "cart_removals_count": "remove_from_cart",
    "wishlists_count": "wishlist",
    "checkouts_count": "purchase",
    "searches_count": "search",
    "logins_count": "login",
    "shares_count": "share",
    "reviews_count": "review",
}
_AREAS = ("delivery", "goods", "price", "service")
COUNTERS = (
    "orders_count",
    *_DAY_PARTS,
    "returns_count",
    "cancellations_count",
    "lines_count",
    "pieces_count",
    "revenue_cents",
    "discount_cents",
    "discounted_lines_count",
    "returned_lines_count",
    "refund_cents",
    "events_count",
    *_EVENT_TYPES,
    "sessions_count",
    *_CONTACT_KINDS,
    "feedback_count",
    "complaints_count",
    "ratings_count",
    "rating_permille",
    *(f"complaints_{area}_count" for area in _AREAS),
)
"""The additive columns of `features.customer_day`, all int64."""

TABLES = ("features.customer_day", "features.customer_product_day", "features.product_category")
"""The rollups."""

_LABELS = ibis.table(
    {"delivery_id": "int64", "line_number": "int64", "row_key": "binary", "area": "string"},
    name="messages",
    database="feedback",
)
ROLLED_UP = ibis.table(
    {"delivery_id": "int64", "rollup_id": "int64"}, name="rolled_up", database="features"
)

LINE_INSTANTS = ibis.table(
    {
        "event_at": _INSTANT,
        "known_from_at": _INSTANT,
        "event_day": "int64",
        "known_from_day": "int64",
    },
    name="line_instants",
)
"""When the sold lines of a pass happened and became known, each pair once, and on which days."""


PASS = ibis.table(
    {"rollup_id": "int64", "events_from": _INSTANT, "events_to": _INSTANT}, name="this_pass"
)
"""One row: the number of the pass, its oldest and its newest event (null: it has none)."""

PASS_DELIVERIES = ibis.table({"delivery_id": "int64"}, name="pass_deliveries")
"""The deliveries of the pass. A statement with these in its text would be compiled for each pass."""


def curated(name: str) -> ibis.Table:
    """The unbound table `curated.<name>`."""
    return tables.CANONICAL[name].ibis_table("curated", tables.LINEAGE)


def _with_areas(feedback: ibis.Table) -> ibis.Table:
    """Versions of messages with the area that each was labelled with."""
    return feedback.left_join(
        _LABELS, ["delivery_id", "line_number", "row_key"], rname="{name}_labelled"
    ).select(*feedback.columns, "area")


@cache
def additions(*, is_first: bool) -> Mapping[str, ibis.Table]:
    """What a pass adds to each of `TABLES`; `is_first`: no delivery was rolled up before."""
    expressions = customer_day(is_first=is_first), customer_product_day(), product_category()
    return dict(zip(TABLES, expressions, strict=True))


def customer_day(*, is_first: bool) -> ibis.Table:
    """What the pass adds to `features.customer_day`."""
    parts = []
    for table, columns in _COLUMNS.items():
        changes = _changes(table)
        counts = {name: changes.sign * value for name, value in columns(changes).items()}
        parts.append(_by_day(changes.select(*_INSTANTS, **counts), list(counts)))
    starts = _session_starts(is_first=is_first)
    counted = starts.select(*_INSTANTS, sessions_count=starts.sign)
    parts.append(_by_day(counted, ["sessions_count"]))
    # Each part is summed by day before they come together, and each counter is of one part alone: it
    # has one value by day, so that nothing is added up that is wide.
    nothing = ibis.null("int64")
    whole = ibis.union(
        *(
            part.select(
                *_DAYS,
                "newest_event_at",
                **{name: part[name] if name in part.columns else nothing for name in COUNTERS},
            )
            for part in parts
        )
    )
    daily = whole.group_by(_DAYS).agg(
        newest_event_at=whole.newest_event_at.max(),
        **{name: whole[name].max().fill_null(0) for name in COUNTERS},
    )
    return _additions(daily, COUNTERS)


def _by_day(changes: ibis.Table, counters: Sequence[str]) -> ibis.Table:
    """The sums of some changes by customer, day and day of availability; orders also by their hour."""
    timed = with_local_time(changes)
    sums = {name: timed[name].sum() for name in counters}
    if "orders_count" in counters:
        quarter = timed.day_second // (DAY_SECONDS // len(_DAY_PARTS))
        sums |= {
            name: ibis.ifelse(quarter == number, timed.orders_count, 0).sum()
            for number, name in enumerate(_DAY_PARTS)
        }
    return timed.group_by(_DAYS).agg(newest_event_at=timed.event_at.max(), **sums)


def customer_product_day() -> ibis.Table:
    """What the pass adds to `features.customer_product_day`."""
    sold = _sold_lines()
    timed = sold.join(LINE_INSTANTS, ["event_at", "known_from_at"])
    summed = timed.group_by("customer_id", "product_id", "event_day", "known_from_day").agg(
        lines_count=timed.sign.sum(), pieces_count=(timed.sign * timed.quantity).sum()
    )
    return _additions(summed, ["lines_count", "pieces_count"])


def line_instants() -> ibis.Table:
    """The rows of `LINE_INSTANTS`: an order's lines share theirs, and each is looked up once.

    A table of its own, because the planner takes it for far smaller than it is and would look up the
    calendar once for each line after all.
    """
    instants = _sold_lines().select("event_at", "known_from_at").distinct()
    return with_local_time(instants).select(*LINE_INSTANTS.columns)


def _sold_lines() -> ibis.Table:
    lines = _changes("order_lines")
    return lines.filter(lines.kind == "sale", lines.product_id.notnull())


def product_category() -> ibis.Table:
    """What the pass adds to `features.product_category`."""
    products = _versions("products")
    shelved = with_known_from_day(products.filter(products.category.notnull()))
    summed = shelved.group_by("product_id", "category", "known_from_day").agg(
        versions_count=shelved.sign.sum()
    )
    return _additions(summed, ["versions_count"])


def _whole(number: int) -> ir.IntegerScalar:
    return ibis.literal(number, "int64")


def _versions(name: str) -> ibis.Table:
    """Versions that begin (sign 1) or end (sign -1) with a delivery of the pass, and when."""
    table, deliveries = curated(name), PASS_DELIVERIES
    if name == "feedback":
        table = _with_areas(table)
    starts = table.semi_join(deliveries, table.delivery_id == deliveries.delivery_id)
    ends = table.semi_join(deliveries, table.superseded_by == deliveries.delivery_id)
    columns = [column.name for column in tables.CANONICAL[name]]
    columns += ["area"] if name == "feedback" else []
    return starts.select(*columns, sign=_whole(1), known_from_at=starts.available_at).union(
        ends.select(
            *columns,
            sign=_whole(-1),
            known_from_at=ibis.greatest(ends.available_at, ends.superseded_at),
        )
    )


def _changes(name: str) -> ibis.Table:
    """Versions of known customers; guests cannot be followed."""
    versions = _versions(name)
    return versions.filter(versions.customer_id.notnull())


def _one(condition: ir.BooleanValue) -> ir.IntegerValue:
    return ibis.ifelse(condition, 1, 0)


def _by_kind(kind: ir.Value, kinds: Mapping[str, str]) -> dict[str, ir.IntegerValue]:
    return {name: _one(kind == each) for name, each in kinds.items()}


def _lines(t: ibis.Table) -> dict[str, ir.IntegerValue]:
    sold = t.kind == "sale"
    undone = t.kind.isin(["return", "cancellation"])
    return {
        "lines_count": _one(sold),
        "pieces_count": ibis.ifelse(sold, t.quantity, 0),
        "revenue_cents": ibis.ifelse(sold, t.line_amount_cents, 0),
        "discount_cents": ibis.ifelse(sold, t.discount_cents, 0),
        "discounted_lines_count": _one(sold & (t.discount_cents > 0)),
        "returned_lines_count": _one(undone),
        "refund_cents": ibis.ifelse(undone, -t.line_amount_cents, 0),
    }


def _feedback(t: ibis.Table) -> dict[str, ir.IntegerValue]:
    rated = t.rating_share.notnull()
    permille = (t.rating_share * 1000 + 0.5).floor().cast("int64")
    is_complaint = t.kind.isin(["complaint", "return_reason"]) | (
        t.rating_share.fill_null(1.0) < 0.5
    )
    return {
        "feedback_count": _whole(1),
        "complaints_count": _one(t.kind == "complaint"),
        **{f"complaints_{area}_count": _one(is_complaint & (t.area == area)) for area in _AREAS},
        "ratings_count": _one(rated),
        "rating_permille": ibis.ifelse(rated, permille, 0),
    }


_COLUMNS: dict[str, Callable[[ibis.Table], dict[str, ir.IntegerValue]]] = {
    "orders": lambda t: _by_kind(t.kind, _ORDER_KINDS),
    "order_lines": _lines,
    "events": lambda t: {"events_count": _whole(1), **_by_kind(t.event_type, _EVENT_TYPES)},
    "campaign_contacts": lambda t: _by_kind(t.kind, _CONTACT_KINDS),
    "feedback": _feedback,
}


def _session_starts(*, is_first: bool) -> ibis.Table:
    """Visits begun: those with the pass (sign 1), less those without it (sign -1)."""
    now = _starts(ROLLED_UP, is_first=is_first, sign=1)
    if is_first:
        return now
    before = ROLLED_UP.anti_join(PASS_DELIVERIES, "delivery_id")
    return now.union(_starts(before, is_first=is_first, sign=-1))


def _starts(deliveries: ibis.Table, *, is_first: bool, sign: int) -> ibis.Table:
    """Moments at which a visit begins, from when to when each was known to begin one.

    A moment (customer and second) begins a visit as long as no other moment of the 30 minutes
    before it is known. It is a start from the day it is known until the day the first of those
    others is known.
    """
    moments = _moments(deliveries, is_first=is_first)
    gap = int(SESSION_GAP.total_seconds())
    before = ibis.range_window(
        group_by=moments.customer_id, order_by=moments.second, preceding=(gap - 1, 1)
    )
    moments = moments.mutate(continues_from_at=moments.known_from_at.min().over(before))
    starts = moments.filter(
        moments.continues_from_at.isnull() | (moments.known_from_at < moments.continues_from_at)
    )
    ends = starts.filter(starts.continues_from_at.notnull())
    return starts.select("customer_id", "event_at", "known_from_at", sign=_whole(sign)).union(
        ends.select(
            "customer_id", "event_at", known_from_at=ends.continues_from_at, sign=_whole(-sign)
        )
    )


def _moments(deliveries: ibis.Table, *, is_first: bool) -> ibis.Table:
    """Seconds at which a customer was on the site, by some deliveries.

    Later passes look only at customers of the pass, half an hour around its events: moments
    farther away begin visits with the pass exactly as they did without it.
    """
    events = curated("events")
    events = events.filter(events.customer_id.notnull())
    if not is_first:
        of_pass = events.semi_join(PASS_DELIVERIES, "delivery_id")
        events = events.filter(
            events.event_at >= (PASS.events_from - _GAP).as_scalar(),
            events.event_at <= (PASS.events_to + _GAP).as_scalar(),
        ).semi_join(of_pass, "customer_id")
    rolled = events.semi_join(deliveries, "delivery_id")
    rolled = rolled.mutate(second=seconds(rolled.event_at))
    return rolled.group_by("customer_id", "second").agg(
        event_at=rolled.event_at.max(), known_from_at=rolled.available_at.min()
    )


def _additions(table: ibis.Table, counters: Iterable[str]) -> ibis.Table:
    """The rows in which a counter is not zero, under the pass."""
    rows = table.filter(reduce(lambda a, b: a | b, (table[name] != 0 for name in counters)))
    return rows.mutate(rollup_id=PASS.rollup_id.as_scalar())
