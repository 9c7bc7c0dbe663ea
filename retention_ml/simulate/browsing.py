"""The click-stream of a simulated shop: visits that end in an order, and visits that do not."""

from dataclasses import dataclass

import numpy as np

from retention_ml.simulate.baskets import POSTAGE, Lines
from retention_ml.simulate.catalogue import CATEGORIES, drawn_products
from retention_ml.simulate.population import Population
from retention_ml.simulate.purchases import Purchases
from retention_ml.simulate.seasons import Columns, Floats, Integers, ShopCalendar

EVENT_TYPES = tuple("login search view wishlist cart remove_from_cart share purchase".split())
LOGIN, SEARCH, VIEW, WISHLIST, CART, REMOVE, SHARE, PURCHASE = range(len(EVENT_TYPES))

MEAN_VISITS_BEFORE_ORDER = 1.2
MEAN_LEAD_DAYS = 4.0
IDLE_VISITS_PER_DAY = 0.004
IDLE_VISITS_PER_ORDER = 0.4
AFTER_DROPOUT_FACTOR = 0.1
SEARCH_WORDS = ("gift", "mug", "birthday", "lantern", "christmas", "wedding", "garden", "sale")


@dataclass(frozen=True, slots=True, kw_only=True)
class Events(Columns):
    """The click-stream by time: wall-clock seconds since 1970-01-01 00:00; -1 is none.

    `product` points into the catalogue, `word` into `SEARCH_WORDS`, `kind` into `EVENT_TYPES`.
    """

    customer: Integers
    wall_seconds: Integers
    kind: Integers
    product: Integers
    session: Integers
    word: Integers


def events(
    rng: np.random.Generator,
    people: Population,
    calendar: ShopCalendar,
    orders: Purchases,
    sold: Lines,
) -> Events:
    """All events; no two of one session share a second.

    Before each order come some visits at exponential distances (views and carts rise towards
    the order), then the visit that buys. Beside them customers look around as long as they are
    alive, and a tenth as often after they have dropped out.
    """
    visit_customer, visit_at, cart_share = _visits_without_order(rng, people, calendar, orders)
    start = calendar.wall_seconds(visit_at)
    kinds, products, owners = _browsing(rng, len(start), cart_share)

    bought = sold.rows(sold.product != POSTAGE)
    order_seconds = calendar.wall_seconds(orders.at)
    # The buying visit: login, then view and cart of each line, then the purchases.
    logins, buying_visit = np.arange(len(orders)), bought.order + len(start)
    owner = np.concatenate([owners, logins + len(start), np.repeat(buying_visit, 2), buying_visit])
    kind = np.concatenate(
        [kinds, logins * 0 + LOGIN, np.tile([VIEW, CART], len(bought)), bought.kind * 0 + PURCHASE]
    )
    product = np.concatenate(
        [products, logins * 0 - 1, np.repeat(bought.product, 2), bought.product]
    )
    by_session = np.argsort(owner, kind="stable")
    owner, kind, product = owner[by_session], kind[by_session], product[by_session]
    place = place_in_group(owner)
    size = np.bincount(owner, minlength=len(start) + len(orders))
    # One event in every 20 seconds; the buying visit ends with the order.
    offset = place * 20 + rng.integers(0, 20, len(owner))
    begins = np.concatenate([start, order_seconds - size[len(start) :] * 20])
    customer = np.concatenate([visit_customer, orders.customer])
    word = np.where(kind == SEARCH, rng.integers(len(SEARCH_WORDS), size=len(owner)), -1)
    session_rank = np.empty(len(begins), dtype=np.int64)
    session_rank[np.lexsort((customer, begins))] = np.arange(len(begins))
    at = calendar.existing(begins[owner] + offset)
    first = calendar.first * 86_400
    inside = (at >= first) & (at < first + calendar.days * 86_400)
    by_time = np.lexsort((place, session_rank[owner], at))
    stream = Events(
        customer=customer[owner],
        wall_seconds=at,
        kind=kind,
        product=product,
        session=session_rank[owner] + 1,
        word=word,
    )
    return stream.rows(by_time[inside[by_time]])


def _visits_without_order(
    rng: np.random.Generator, people: Population, calendar: ShopCalendar, orders: Purchases
) -> tuple[Integers, Floats, Floats]:
    """Who visits when, and how likely a view goes on to the cart."""
    before = rng.poisson(MEAN_VISITS_BEFORE_ORDER, len(orders))
    order = np.repeat(np.arange(len(orders)), before)
    lead = 0.02 + rng.exponential(MEAN_LEAD_DAYS, len(order))
    warm_customer, warm_at = orders.customer[order], orders.at[order] - lead
    pieces = [(warm_customer, warm_at, 0.1 + 0.4 * np.exp(-lead / MEAN_LEAD_DAYS))]
    rate = IDLE_VISITS_PER_DAY + IDLE_VISITS_PER_ORDER * people.purchase_rate_per_day
    left = np.minimum(people.dropped_out_at, calendar.days)
    for begin, end, factor in (
        (people.registered_at, left, 1.0),
        (left, np.full(len(people), float(calendar.days)), AFTER_DROPOUT_FACTOR),
    ):
        span = np.maximum(end - begin, 0.0)
        count = rng.poisson(rate * factor * span)
        at = np.repeat(begin, count) + rng.random(int(count.sum())) * np.repeat(span, count)
        pieces.append((np.repeat(np.arange(len(people)), count), at, np.full(len(at), 0.05)))
    customer, at, cart_share = (np.concatenate(column) for column in zip(*pieces, strict=True))
    inside = (at >= people.registered_at[customer]) & (at < calendar.days)
    return customer[inside], at[inside], cart_share[inside]


def _browsing(
    rng: np.random.Generator, visits: int, cart_share: Floats
) -> tuple[Integers, Integers, Integers]:
    """Kinds, products and visits of the events of visits that buy nothing, by visit."""
    everyone = np.arange(visits)
    views = 1 + rng.poisson(1.5, visits)
    viewing = np.repeat(everyone, views)
    category = np.repeat(rng.integers(len(CATEGORIES), size=visits), views)
    viewed = drawn_products(rng, category)
    carted = rng.random(len(viewing)) < cart_share[viewing]
    removed = carted & (rng.random(len(viewing)) < 0.2)
    wished = rng.random(len(viewing)) < 0.04
    shared = rng.random(len(viewing)) < 0.01
    login = everyone[rng.random(visits) < 0.5]
    searching = np.repeat(everyone, rng.poisson(0.4, visits))
    none = np.array([-1], dtype=np.int64)
    parts = [
        (login, LOGIN, none.repeat(len(login))),
        (searching, SEARCH, none.repeat(len(searching))),
        (viewing, VIEW, viewed),
        (viewing[wished], WISHLIST, viewed[wished]),
        (viewing[carted], CART, viewed[carted]),
        (viewing[removed], REMOVE, viewed[removed]),
        (viewing[shared], SHARE, viewed[shared]),
    ]
    kinds = np.concatenate([np.full(len(owner), kind, dtype=np.int64) for owner, kind, _ in parts])
    return kinds, np.concatenate([p for _, _, p in parts]), np.concatenate([o for o, _, _ in parts])


def place_in_group(sorted_groups: Integers) -> Integers:
    """0, 1, 2, … within each run of equal values, shape (n,)."""
    if len(sorted_groups) == 0:
        return np.zeros(0, dtype=np.int64)
    starts = np.flatnonzero(np.r_[True, sorted_groups[1:] != sorted_groups[:-1]])
    lengths = np.diff(np.r_[starts, len(sorted_groups)])
    return np.arange(len(sorted_groups)) - np.repeat(starts, lengths)
