"""What each customer bought of each product: on how many days, first and last."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from retention_ml.recommendations.purchases import Codes, Purchases
from retention_ml.statistics.arrays import Ints

NEVER = -1


@dataclass(frozen=True, kw_only=True)
class PairHistory:
    """One entry per customer and product with a purchase, ordered by both, shape (m,).

    Days are counted from 1970-01-01.
    """

    customer: Codes
    product: Codes
    days_count: Ints
    first_day: Ints
    last_day: Ints

    @cached_property
    def keys(self) -> Ints:
        """Customer and product in one number, rising."""
        return _keys(self.customer, self.product)

    def places(self, customer: Codes, product: Codes) -> Ints:
        """Where the entries of some pairs are, `NEVER` for pairs without a purchase."""
        wanted = _keys(customer, product)
        if len(self.customer) == 0:
            return np.full(len(wanted), NEVER, dtype=np.int64)
        place = np.minimum(np.searchsorted(self.keys, wanted), len(self.keys) - 1)
        return np.where(self.keys[place] == wanted, place, NEVER).astype(np.int64)


def pair_history(purchases: Purchases) -> PairHistory:
    """The history of every pair, from the purchases known on a day."""
    order = purchases.by_pair
    customer, product = purchases.customer[order], purchases.product[order]
    day = purchases.event_day[order].astype(np.int64)
    if len(order) == 0:
        nothing = np.zeros(0, dtype=np.int64)
        return PairHistory(
            customer=customer,
            product=product,
            days_count=nothing,
            first_day=nothing,
            last_day=nothing,
        )
    changes = (np.diff(customer) != 0) | (np.diff(product) != 0)
    first = np.concatenate([[0], np.flatnonzero(changes) + 1])
    last = np.concatenate([first[1:], [len(order)]]) - 1
    return PairHistory(
        customer=customer[first],
        product=product[first],
        days_count=last - first + 1,
        first_day=day[first],
        last_day=day[last],
    )


def _keys(customer: Codes, product: Codes) -> Ints:
    keys = customer.astype(np.int64) << 32 | product.astype(np.int64)
    return np.asarray(keys, dtype=np.int64)
