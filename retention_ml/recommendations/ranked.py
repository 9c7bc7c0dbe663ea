"""Scored pairs of a day: who is likely to buy which product in the window ahead.

`ranked` is what lists are made of. With a bundle its ranker says the probability; without one,
what can be said from the purchases alone: what the customer buys themself, and best sellers.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Protocol

import numpy as np
import pyarrow as pa

from retention_ml.clock import day_number
from retention_ml.errors import UsageError
from retention_ml.recommendations.purchases import Codes, Purchases
from retention_ml.statistics.arrays import Bools, Floats, distinct

BEST_SELLER_DAYS = 28
_BEST_SELLERS = 60
BEST_OF_EACH = 30
_PRIOR_WINDOWS = 0.5  # so that a purchase of yesterday is not taken for one every day
SCHEMA = pa.schema(
    [
        ("customer_id", pa.string()),
        ("product_id", pa.string()),
        ("source", pa.string()),
        ("purchase_probability", pa.float64()),
    ]
)


IsOffered = Callable[[Codes, Codes], Bools]
"""Which pairs of customers and products, both by code, lists may have."""


class Source(StrEnum):
    """Why a product is a candidate for a customer."""

    OWN_PRODUCT = "own"
    SIMILAR = "similar"
    BEST_SELLER = "best_seller"
    LIKE_PRODUCTS = "like_products"


class Ranker(Protocol):
    """What scores pairs: a bundle."""

    def ranked(
        self,
        purchases: Purchases,
        customers: pa.Array,
        *,
        count: int,
        is_offered: IsOffered | None = None,
    ) -> pa.Table:
        """Rows of `SCHEMA` for customers by id, then what the reasons are made of."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredPairs:
    """Pairs by code with a probability and a source."""

    customer: Codes
    product: Codes
    source: pa.StringArray
    probability: Floats


def ranked(
    purchases: Purchases,
    day: date,
    customers: pa.Array,
    bundle: Ranker | None,
    *,
    horizon_days: int = 28,
    count: int = BEST_OF_EACH,
    is_offered: IsOffered | None = None,
) -> pa.Table:
    """The scored candidates of some customers on a day.

    Parameters
    ----------
    purchases : Purchases
        As known at the start of `day`.
    customers : pa.Array
        Ids, each once. Those without any known purchase get best sellers.
    bundle : Ranker or None
        None where the shop has no ranker yet.
    horizon_days : int
        Length of the window; a bundle knows its own.
    count : int
        Of a customer's own products, and of the others, the best so many with a bundle.
    is_offered : callable, optional
        So many that lists may have are there too, where others are more probable.

    Returns
    -------
    pa.Table
        `customer_id`, `product_id`, `source` (own, similar, best_seller, like_products),
        `purchase_probability` (0 to 1); ordered by customer as asked for, then by falling
        probability, then by product. With a bundle only the best of each customer's own and other
        products, and the columns that `ranker.Ranker.ranked` adds for reasons.

    Raises
    ------
    UsageError
        The purchases are those of another day.
    """
    if purchases.day != day_number(day):
        raise UsageError(
            f"The purchases are those known at {purchases.as_of}, expected {day}. Call "
            f"`PurchaseLog.known_at` with the day that is ranked."
        )
    if bundle is not None:
        return bundle.ranked(purchases, customers, count=count, is_offered=is_offered)
    pairs = frequency_pairs(purchases, purchases.codes(customers), horizon_days)
    return _table(purchases, customers, pairs)


def frequency_pairs(purchases: Purchases, customers: Codes, horizon_days: int) -> ScoredPairs:
    """Each customer's purchased products by how often they were bought, and best sellers.

    `customer` of the result are positions in `customers`. The probability is that of at least
    one purchase day in the window at the rate of the days since the customer's first purchase.
    """
    products, buyers = best_sellers(purchases, _BEST_SELLERS)
    active = max(1, len(purchases.active(90)))
    owner, product, probability, source = [], [], [], []
    for position, code in enumerate(customers):
        mine = np.zeros(0, dtype=np.int32)
        if code >= 0:
            first, last = purchases.first_row[code], purchases.first_row[code + 1]
            mine, counts = np.unique(purchases.product[first:last], return_counts=True)
            if len(mine):
                windows = (purchases.day - purchases.event_day[first]) / horizon_days
                rate = counts / (windows + _PRIOR_WINDOWS)
                owner.append(np.full(len(mine), position, dtype=np.int32))
                product.append(mine)
                probability.append(-np.expm1(-rate))
                source.append(np.full(len(mine), Source.OWN_PRODUCT.value))
        others = ~np.isin(products, mine)
        owner.append(np.full(int(others.sum()), position, dtype=np.int32))
        product.append(products[others])
        probability.append(np.minimum(1.0, buyers[others] / active))
        source.append(np.full(int(others.sum()), Source.BEST_SELLER.value))
    if not owner:
        nothing = np.zeros(0, dtype=np.int32)
        return ScoredPairs(
            customer=nothing,
            product=nothing,
            source=pa.array([], pa.string()),
            probability=np.zeros(0),
        )
    return ScoredPairs(
        customer=np.concatenate(owner),
        product=np.concatenate(product),
        source=pa.array(np.concatenate(source), pa.string()),
        probability=np.concatenate(probability),
    )


def best_sellers(purchases: Purchases, count: int) -> tuple[Codes, Codes]:
    """The products with most buyers in the last 28 days, and how many; ties by product id."""
    recent = purchases.since(BEST_SELLER_DAYS)
    pairs = distinct(recent.product.astype(np.int64) << 32 | recent.customer)
    buyers = np.bincount((pairs >> 32).astype(np.int64), minlength=len(purchases.product_ids))
    order = np.argsort(-buyers, kind="stable")[:count]
    order = order[buyers[order] > 0]
    return order.astype(np.int32), buyers[order].astype(np.int32)


def _table(purchases: Purchases, customers: pa.Array, pairs: ScoredPairs) -> pa.Table:
    order = np.lexsort((pairs.product, -pairs.probability, pairs.customer))
    chosen = pa.array(order)
    return pa.table(
        [
            customers.cast(pa.string()).take(pa.array(pairs.customer).take(chosen)),
            purchases.product_ids.take(pa.array(pairs.product).take(chosen)),
            pairs.source.take(chosen),
            pa.array(pairs.probability).take(chosen),
        ],
        schema=SCHEMA,
    )
