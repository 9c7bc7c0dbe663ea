"""Intent that builds over hours: what somebody means to buy is looked at, put into the cart, and often left."""

import numpy as np

from retention_ml.simulate.baskets import POSTAGE, Lines
from retention_ml.simulate.browsing import CART, REMOVE, VIEW, Events, place_in_group
from retention_ml.simulate.catalogue import PRODUCTS_PER_CATEGORY, drawn_products
from retention_ml.simulate.population import Population
from retention_ml.simulate.purchases import Purchases
from retention_ml.simulate.seasons import DAY_SECONDS, Booleans, Floats, Integers, ShopCalendar

INTENDED_SHARE = 0.7
"""Of orders that somebody had in mind for hours; the others come out of nothing."""
FRUITLESS_PER_ORDER = 0.6
"""Intents as strong that end without an order, while the customer is alive."""
MEAN_VISITS, MEAN_HOURS = 3.0, 3.0
RIVALS_PER_PRODUCT = 1.5
REMOVED_SHARE = 0.3
BUYING_MINUTES = 10
_SECONDS_EACH = 20


def intent(
    rng: np.random.Generator,
    people: Population,
    calendar: ShopCalendar,
    orders: Purchases,
    sold: Lines,
) -> Events:
    """The visits in which an intent builds, of orders and of intents that came to nothing.

    Visits come at exponential distances before the end. What is wanted is looked at, and put into
    the cart, the likelier the nearer the end; so, less often and whenever, is what else there is of
    the kind and is not bought. Nothing here changes who orders what and when.
    """
    goods = sold.rows(sold.product != POSTAGE)
    meant = rng.random(len(orders)) < INTENDED_SHARE
    real = goods.rows(meant[goods.order])
    source = np.flatnonzero(rng.random(len(orders)) < FRUITLESS_PER_ORDER)
    begin = people.first_order_at[orders.customer[source]]
    stop = np.minimum(people.dropped_out_at, calendar.days)[orders.customer[source]]
    ends_at = begin + rng.random(len(source)) * np.maximum(stop - begin, 0)

    occasion_of = np.full(len(orders), -1, dtype=np.int64)
    occasion_of[source] = np.arange(len(source)) + len(orders)
    fruitless = goods.rows(occasion_of[goods.order] >= 0)
    customer = np.concatenate([orders.customer, orders.customer[source]])
    ends = np.concatenate([calendar.wall_seconds(orders.at), calendar.wall_seconds(ends_at)])
    occasion = np.concatenate([real.order, occasion_of[fruitless.order]])
    product = np.concatenate(
        [real.product, drawn_products(rng, fruitless.product // PRODUCTS_PER_CATEGORY)]
    )
    has_order = np.arange(len(ends)) < len(orders)
    return _stream(rng, calendar, customer, ends, has_order, occasion, product)


def _stream(
    rng: np.random.Generator,
    calendar: ShopCalendar,
    customer: Integers,
    ends: Integers,
    has_order: Booleans,
    occasion: Integers,
    product: Integers,
) -> Events:
    """Events of occasions (customer, wall-clock end) and of the products that are wanted at each."""
    rivals = rng.poisson(RIVALS_PER_PRODUCT, len(product))
    rival = drawn_products(rng, np.repeat(product // PRODUCTS_PER_CATEGORY, rivals))
    occasions = np.concatenate([occasion, np.repeat(occasion, rivals)])
    products = np.concatenate([product, rival])
    is_wanted = np.arange(len(products)) < len(product)

    used = np.unique(occasion)
    visits = 1 + rng.poisson(MEAN_VISITS - 1, len(used))
    visit_occasion = np.repeat(used, visits)
    hours = 0.1 + rng.exponential(MEAN_HOURS, len(visit_occasion))
    # The last visit of those who order: it also looks at what is not bought.
    last = used[has_order[used]]
    visit_occasion = np.concatenate([visit_occasion, last])
    hours = np.concatenate([hours, rng.uniform(0.3, 1, len(last)) * BUYING_MINUTES / 60])
    is_buying = np.arange(len(visit_occasion)) >= len(visit_occasion) - len(last)

    by_occasion = np.argsort(visit_occasion, kind="stable")
    first = np.searchsorted(visit_occasion[by_occasion], occasions)
    count = np.searchsorted(visit_occasion[by_occasion], occasions, side="right") - first
    pair = np.repeat(np.arange(len(products)), count)
    visit = by_occasion[first[pair] + place_in_group(pair)]
    wanted = is_wanted[pair] & ~is_buying[visit]
    near = np.exp(-hours[visit] / MEAN_HOURS)
    view_share: Floats = np.where(wanted, 0.2 + 0.6 * near, np.where(is_wanted[pair], 0.0, 0.35))
    cart_share: Floats = np.where(wanted, 0.15 + 0.45 * near, 0.12)
    viewed = rng.random(len(pair)) < view_share
    carted = viewed & (rng.random(len(pair)) < cart_share)
    removed = carted & ~wanted & (rng.random(len(pair)) < REMOVED_SHARE)

    owner = np.concatenate([visit[viewed], visit[carted], visit[removed]])
    kind = np.repeat(np.array([VIEW, CART, REMOVE]), [viewed.sum(), carted.sum(), removed.sum()])
    named = np.concatenate([products[pair][mask] for mask in (viewed, carted, removed)])
    order = np.lexsort((kind, named, owner))
    owner, kind, named = owner[order], kind[order], named[order]
    begins = ends[visit_occasion] - (hours * 3600).astype(np.int64)
    offset = place_in_group(owner) * _SECONDS_EACH + rng.integers(0, _SECONDS_EACH, len(owner))
    at = calendar.existing(begins[owner] + offset)
    first_second = calendar.first * DAY_SECONDS
    inside = (at >= first_second) & (at < first_second + calendar.days * DAY_SECONDS)
    inside &= at < ends[visit_occasion[owner]]
    stream = Events(
        customer=customer[visit_occasion[owner]],
        wall_seconds=at,
        kind=kind,
        product=named,
        session=owner + 1,
        word=np.full(len(owner), -1, dtype=np.int64),
    )
    return stream.rows(np.flatnonzero(inside)[np.argsort(at[inside], kind="stable")])
