"""What planted customers do, as rows that are added to those of an ordinary shop.

Ordinary customers are not touched: a shop with plants is the shop without, and more. Planted
customers live like others, with these differences:

| kind | does |
|---|---|
| bot | visits often and looks at many products quickly, without a cart |
| brusher | places bursts of orders of one product that it never looked at, and rates them five stars |
| returner | sends back most of what it buys |
| reseller | buys many pieces of each product |
"""

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import pyarrow as pa

from retention_ml.simulate import baskets, browsing, campaigns, comments, feedback
from retention_ml.simulate import population as ordinary
from retention_ml.simulate import purchases as ordering
from retention_ml.simulate.abnormal.kinds import KINDS, Kind, Strength
from retention_ml.simulate.baskets import SALE, Lines
from retention_ml.simulate.browsing import VIEW, Events
from retention_ml.simulate.catalogue import Catalogue
from retention_ml.simulate.feedback import REVIEW, Feedback
from retention_ml.simulate.population import Population
from retention_ml.simulate.purchases import Purchases
from retention_ml.simulate.seasons import Floats, Integers, ShopCalendar

ORDERS_PER_DAY = 1 / 14
RATE_SHAPE = 4.0
BOT_ORDERS_PER_DAY = 1 / 90
DROPOUT_PER_DAY = 1 / 1440
ENTRY_SHARE = 0.6  # of the time that ordinary customers take to join
BURST_DAYS = 3.0
VIEW_SECONDS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Plants:
    """Planted customers and all that they do; customers and orders count from 0.

    `kind` points into `KINDS`, shape (n,).
    """

    kind: Integers
    people: Population
    orders: Purchases
    sold: Lines
    back: Lines
    stream: Events
    entries: Feedback

    def __len__(self) -> int:
        return len(self.kind)

    def after(self, *, customers: int, orders: int) -> "Plants":
        """The same plants, counted on from the customers and orders of an ordinary shop."""
        lines = (
            replace(each, customer=each.customer + customers, order=each.order + orders)
            for each in (self.sold, self.back)
        )
        sold, back = lines
        return replace(
            self,
            orders=replace(self.orders, customer=self.orders.customer + customers),
            sold=sold,
            back=back,
            stream=replace(self.stream, customer=self.stream.customer + customers),
            entries=replace(self.entries, customer=self.entries.customer + customers),
        )


def plants(
    rng: np.random.Generator,
    *,
    count: int,
    strength: Strength,
    goods: Catalogue,
    calendar: ShopCalendar,
) -> Plants:
    """As many planted customers, the kinds in turn."""
    kind = np.arange(count) % len(KINDS)
    people = _people(rng, kind, strength, calendar)
    nobody = campaigns.contacts(rng, people, ())
    real = ordering.purchases(rng, people, calendar, (), nobody)
    shilling = _of(kind, Kind.BRUSHER) & (rng.random(count) >= strength.own_life_share)
    real = real.rows(~shilling[real.customer])
    sold = baskets.sold_lines(rng, baskets.favourites(rng, people), real, goods)
    sold = _in_bulk(rng, sold, _of(kind, Kind.RESELLER), strength)
    back = baskets.lines_that_came_back(rng, people, real, sold, calendar)
    stream = browsing.events(rng, people, calendar, real, sold)
    stream = stream.rows(~shilling[stream.customer])
    fake, fake_lines = _fake_orders(
        rng,
        np.flatnonzero(_of(kind, Kind.BRUSHER)),
        strength,
        people,
        goods,
        calendar,
        first_order=len(real),
    )
    entries = Feedback.concatenate(
        [
            feedback.feedback(rng, calendar, sold, back),
            _five_stars(rng, fake_lines, strength.review_share, calendar),
        ]
    )
    return Plants(
        kind=kind,
        people=people,
        orders=Purchases.concatenate([real, fake]),
        sold=Lines.concatenate([sold, fake_lines]),
        back=back,
        stream=together(
            stream,
            _crawls(rng, np.flatnonzero(_of(kind, Kind.BOT)), strength, people, goods, calendar),
        ),
        entries=by_time(entries),
    )


def by_time(entries: Feedback) -> Feedback:
    """Entries in the order in which the feed has them."""
    return entries.rows(np.lexsort((entries.customer, entries.at)))


def together(stream: Events, more: Events) -> Events:
    """Two streams by time; the visits of the second are numbered after those of the first."""
    numbered = replace(more, session=more.session + stream.session.max(initial=0))
    both = Events.concatenate([stream, numbered])
    return both.rows(np.argsort(both.wall_seconds, kind="stable"))


def residents(people: Population, more: Population) -> Population:
    """The customers of both."""
    both: dict[str, Any] = {}
    for each in fields(Population):
        one, other = getattr(people, each.name), getattr(more, each.name)
        both[each.name] = [*one, *other] if isinstance(one, list) else np.concatenate([one, other])
    return Population(**both)


def truth_table(planted: Plants, ids: pa.Array, strength_name: str) -> pa.Table:
    """`customer_id`, `kind` and `strength` of the planted customers."""
    names = pa.array([str(each) for each in KINDS], pa.string())
    return pa.table(
        {
            "customer_id": ids,
            "kind": names.take(pa.array(planted.kind)),
            "strength": pa.array([strength_name] * len(planted), pa.string()),
        }
    )


def _of(kind: Integers, which: Kind) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    return np.asarray(kind == KINDS.index(which))


def _people(
    rng: np.random.Generator, kind: Integers, strength: Strength, calendar: ShopCalendar
) -> Population:
    """Customers who stay for long and order steadily; return abusers with their share."""
    n = len(kind)
    people = ordinary.population(rng, customers=n, days=calendar.days)
    mean = np.where(_of(kind, Kind.BOT), BOT_ORDERS_PER_DAY, ORDERS_PER_DAY)
    first = people.first_order_at * ENTRY_SHARE
    returns = rng.uniform(*strength.return_share, size=n)
    return replace(
        people,
        is_one_time=np.zeros(n, dtype=bool),
        purchase_rate_per_day=mean * rng.gamma(RATE_SHAPE, 1 / RATE_SHAPE, n),
        registered_at=people.registered_at * ENTRY_SHARE,
        first_order_at=first,
        dropped_out_at=first + rng.exponential(1 / DROPOUT_PER_DAY, n),
        return_share=np.where(_of(kind, Kind.RETURNER), returns, people.return_share),
    )


def _in_bulk(
    rng: np.random.Generator,
    sold: Lines,
    is_reseller: np.ndarray[tuple[int], np.dtype[np.bool_]],
    strength: Strength,
) -> Lines:
    """The lines with those of resellers multiplied."""
    low, high = strength.pieces
    factor = rng.integers(low, high + 1, size=len(sold))
    goods = is_reseller[sold.customer] & (sold.product != baskets.POSTAGE)
    factor = np.where(goods, factor, 1)
    return replace(
        sold, quantity=sold.quantity * factor, discount_cents=sold.discount_cents * factor
    )


def _fake_orders(
    rng: np.random.Generator,
    brushers: Integers,
    strength: Strength,
    people: Population,
    goods: Catalogue,
    calendar: ShopCalendar,
    *,
    first_order: int,
) -> tuple[Purchases, Lines]:
    """Bursts of orders with one line each, always of the same product."""
    low, high = strength.bursts
    burst_customer = np.repeat(brushers, rng.integers(low, high + 1, size=len(brushers)))
    low, high = strength.burst_orders
    count = rng.integers(low, high + 1, size=len(burst_customer))
    begins = people.registered_at[burst_customer]
    begins = begins + rng.random(len(begins)) * np.maximum(calendar.days - BURST_DAYS - begins, 0)
    customer = np.repeat(burst_customer, count)
    at = np.repeat(begins, count) + BURST_DAYS * rng.random(len(customer))
    pushed = rng.integers(len(goods), size=len(people))  # what the merchant wants to look popular
    order = np.lexsort((customer, at))
    order = order[at[order] < calendar.days]
    customer, at = customer[order], at[order]
    n = len(customer)
    product = pushed[customer]
    zeros = np.zeros(n, dtype=np.int64)
    return Purchases(customer=customer, at=at, is_first=zeros.astype(bool)), Lines(
        order=np.arange(n) + first_order,
        customer=customer,
        at=at,
        kind=zeros + SALE,
        product=product,
        quantity=zeros + 1,
        unit_price_cents=goods.price_cents[product],
        discount_cents=zeros,
    )


def _five_stars(
    rng: np.random.Generator, lines: Lines, share: float, calendar: ShopCalendar
) -> Feedback:
    chosen = lines.rows(rng.random(len(lines)) < share)
    at = chosen.at + 3.0 * rng.random(len(chosen))
    rating = np.full(len(chosen), 5, dtype=np.int64)
    variant = rng.integers(comments.TEXTS_OF_A_MOOD, size=len(chosen))
    entries = Feedback(
        customer=chosen.customer,
        at=at,
        kind=np.full(len(chosen), REVIEW, dtype=np.int64),
        rating=rating,
        product=chosen.product,
        comment=comments.numbers(rating, variant),
    )
    return entries.rows(entries.at < calendar.days)


def _crawls(
    rng: np.random.Generator,
    bots: Integers,
    strength: Strength,
    people: Population,
    goods: Catalogue,
    calendar: ShopCalendar,
) -> Events:
    """Visits that look at one product after the other, every few seconds."""
    low, high = strength.bot_visits
    visits = np.repeat(bots, rng.integers(low, high + 1, size=len(bots)))
    begins = people.registered_at[visits]
    at = begins + rng.random(len(visits)) * (calendar.days - begins)
    low, high = strength.bot_views
    views = rng.integers(low, high + 1, size=len(visits))
    visit = np.repeat(np.arange(len(visits)), views)
    start: Floats = calendar.wall_seconds(at).astype(np.float64)
    seconds = browsing.place_in_group(visit) * VIEW_SECONDS + rng.integers(
        VIEW_SECONDS, size=len(visit)
    )
    wall = calendar.existing(start[visit].astype(np.int64) + seconds)
    inside = wall < (calendar.first + calendar.days) * 86_400
    order = np.flatnonzero(inside)[np.argsort(wall[inside], kind="stable")]
    n = len(order)
    return Events(
        customer=visits[visit[order]],
        wall_seconds=wall[order],
        kind=np.full(n, VIEW, dtype=np.int64),
        product=rng.integers(len(goods), size=n),
        session=visit[order] + 1,
        word=np.full(n, -1, dtype=np.int64),
    )
