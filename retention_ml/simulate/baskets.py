"""What is in each simulated order, and what comes back."""

from dataclasses import dataclass, replace

import numpy as np

from retention_ml.simulate.catalogue import CATEGORIES, POSTAGE_CENTS, Catalogue, drawn_products
from retention_ml.simulate.population import Population
from retention_ml.simulate.purchases import Purchases
from retention_ml.simulate.seasons import Columns, Floats, Integers, ShopCalendar

FAVOURITE_SHARE = 0.6
MEAN_FURTHER_LINES = 1.2
DISCOUNTED_SHARE = 0.15
DISCOUNT_PERCENT = (10, 20, 30)
POSTAGE_SHARE = 0.10
CANCELLED_SHARE = 0.02
POSTAGE = -1

SALE, RETURN, CANCELLATION = 0, 1, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines(Columns):
    """Order lines; `order` points into the purchases, `product` into the catalogue.

    `product` is `POSTAGE` for a charge. What comes back has a negative quantity and is dated by
    its own `at`, in days since the first day simulated. Money is in minor units.
    """

    order: Integers
    customer: Integers
    at: Floats
    kind: Integers
    product: Integers
    quantity: Integers
    unit_price_cents: Integers
    discount_cents: Integers

    @property
    def amount_cents(self) -> Integers:
        """What was paid for each line, shape (n,)."""
        return self.quantity * self.unit_price_cents - self.discount_cents


def favourites(rng: np.random.Generator, people: Population) -> Integers:
    """The category that each customer buys from most, shape (customers,)."""
    return rng.integers(len(CATEGORIES), size=len(people))


def sold_lines(
    rng: np.random.Generator, favourite: Integers, orders: Purchases, goods: Catalogue
) -> Lines:
    """The lines of all purchases, by order; a product stands at most once in an order.

    Parameters
    ----------
    favourite : array of int64, shape (customers,)
        From `favourites`.
    """
    count = 1 + rng.poisson(MEAN_FURTHER_LINES, len(orders))
    order = np.repeat(np.arange(len(orders)), count)
    category = np.where(
        rng.random(len(order)) < FAVOURITE_SHARE,
        favourite[orders.customer[order]],
        rng.integers(len(CATEGORIES), size=len(order)),
    )
    pairs = np.unique(order * len(goods) + drawn_products(rng, category))
    order, product = pairs // len(goods), pairs % len(goods)
    quantity = rng.geometric(0.6, len(order)).astype(np.int64)
    price = goods.price_cents[product]
    percent = np.array(DISCOUNT_PERCENT)[rng.integers(len(DISCOUNT_PERCENT), size=len(order))]
    discounted = rng.random(len(order)) < DISCOUNTED_SHARE
    discount = np.where(discounted, quantity * price * percent // 100, 0)

    posted = np.flatnonzero(rng.random(len(orders)) < POSTAGE_SHARE)
    zeros = np.zeros(len(posted), dtype=np.int64)
    all_orders = np.concatenate([order, posted])
    lines = Lines(
        order=all_orders,
        customer=orders.customer[all_orders],
        at=orders.at[all_orders],
        kind=np.full(len(all_orders), SALE, dtype=np.int64),
        product=np.concatenate([product, zeros + POSTAGE]),
        quantity=np.concatenate([quantity, zeros + 1]),
        unit_price_cents=np.concatenate([price, zeros + POSTAGE_CENTS]),
        discount_cents=np.concatenate([discount, zeros]),
    )
    return lines.rows(np.argsort(all_orders, kind="stable"))


def lines_that_came_back(
    rng: np.random.Generator,
    people: Population,
    orders: Purchases,
    sold: Lines,
    calendar: ShopCalendar,
) -> Lines:
    """Cancellations of whole orders within a day, and returns of lines in 3 to 25 days.

    Charges do not come back; neither does anything after the last day simulated.
    """
    cancelled_order = rng.random(len(orders)) < CANCELLED_SHARE
    cancelled_at = orders.at + 0.01 + 0.9 * rng.random(len(orders))
    goods = sold.product != POSTAGE
    is_cancelled = goods & cancelled_order[sold.order]
    is_returned = (
        goods & ~is_cancelled & (rng.random(len(sold)) < people.return_share[sold.customer])
    )
    # All goods of one order that are returned come back together.
    returned_at = orders.at + rng.uniform(3, 25, len(orders))
    pieces = []
    for chosen, kind, at in (
        (is_cancelled, CANCELLATION, cancelled_at),
        (is_returned, RETURN, returned_at),
    ):
        lines = sold.rows(chosen)
        pieces.append(
            replace(
                lines,
                at=at[lines.order],
                kind=np.full(len(lines), kind, dtype=np.int64),
                quantity=-lines.quantity,
                unit_price_cents=lines.amount_cents // lines.quantity,
                discount_cents=np.zeros(len(lines), dtype=np.int64),
            )
        )
    both = Lines.concatenate(pieces)
    return both.rows(both.at < calendar.days)
