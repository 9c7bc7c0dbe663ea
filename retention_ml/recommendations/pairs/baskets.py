"""Baskets, and how many of them hold both products of a pair: sparse counting.

A basket is what a known customer bought on one day.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from retention_ml.recommendations.ease import matrix
from retention_ml.recommendations.purchases import Codes, Purchases
from retention_ml.statistics.arrays import Floats, Ints

_PRODUCTS_MAX = 500
_MULTIPLICATIONS_AT_ONCE = 20_000_000
_LOOKUPS_AT_ONCE = 5_000_000
_WEEKS_ALIKE = 4
_SIZE_GROUPS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Baskets:
    """What was bought together, ordered by basket (its customer, its day) and product.

    Parameters
    ----------
    products_count : int
        Of all products.
    customer, event_day : array of int32, shape (baskets,)
    basket, product : array of int32, shape (n,)
        Each product once per basket.
    left_out_count : int
        Baskets of more than 500 products, which are no shopping: stock taken over, a test.
    """

    products_count: int
    customer: Codes
    event_day: Codes
    basket: Codes
    product: Codes
    left_out_count: int

    def __len__(self) -> int:
        return len(self.customer)

    @classmethod
    def of(cls, purchases: Purchases, first_day: int, last_day: int) -> "Baskets":
        """The baskets of the days from `first_day` on and before `last_day`."""
        inside = (purchases.event_day >= first_day) & (purchases.event_day < last_day)
        customer, day = purchases.customer[inside], purchases.event_day[inside]
        starts = (np.diff(customer, prepend=-1) != 0) | (np.diff(day, prepend=-1) != 0)
        number = np.cumsum(starts) - 1
        first = np.flatnonzero(starts)
        is_shopping = np.bincount(number, minlength=len(first)) <= _PRODUCTS_MAX
        renumbered = np.cumsum(is_shopping) - 1
        rows = is_shopping[number]
        return cls(
            products_count=len(purchases.product_ids),
            customer=customer[first][is_shopping],
            event_day=day[first][is_shopping],
            basket=renumbered[number[rows]].astype(np.int32),
            product=purchases.product[inside][rows],
            left_out_count=int((~is_shopping).sum()),
        )

    @property
    def of_product(self) -> Ints:
        """In how many baskets each product is, shape (products,)."""
        return np.bincount(self.product, minlength=self.products_count).astype(np.int64)


def pairs_in_baskets(baskets: Baskets, together_min: int) -> tuple[Codes, Codes, Ints]:
    """All pairs of products that are together in at least so many baskets.

    Returns
    -------
    first, second : array of int32, shape (m,)
        Product codes, the first below the second; ordered by both.
    together : array of int64, shape (m,)
        Baskets that hold both.
    """
    products = np.flatnonzero(baskets.of_product >= together_min)
    column = np.full(baskets.products_count, -1, dtype=np.int32)
    column[products] = np.arange(len(products), dtype=np.int32)
    contents = matrix(baskets.basket, column[baskets.product], (len(baskets), len(products)))
    sizes = np.diff(contents.indptr)
    by_product = contents.T.tocsr()  # a row per product
    multiplications = by_product @ sizes.astype(np.float64)
    first, second, together = [], [], []
    for start, end in _blocks(multiplications, _MULTIPLICATIONS_AT_ONCE):
        counted = (by_product[start:end] @ contents).tocoo()
        chosen = (counted.data >= together_min) & (counted.col > counted.row + start)
        first.append(counted.row[chosen] + start)
        second.append(counted.col[chosen])
        together.append(counted.data[chosen])
    if not first:
        nothing = np.zeros(0, dtype=np.int32)
        return nothing, nothing, np.zeros(0, dtype=np.int64)
    one, other = products[np.concatenate(first)], products[np.concatenate(second)]
    order = np.lexsort((other, one))
    count = np.rint(np.concatenate(together)).astype(np.int64)
    return one[order].astype(np.int32), other[order].astype(np.int32), count[order]


def together_of(baskets: Baskets, first: Codes, second: Codes) -> tuple[Ints, Ints]:
    """How many baskets hold both products of some pairs, and of how many customers."""
    together, customers = np.zeros((2, len(first)), dtype=np.int64)
    if len(baskets.basket) == 0:
        return together, customers
    of_product = baskets.of_product
    order = np.argsort(baskets.product, kind="stable")  # by product, then basket
    ends = np.cumsum(of_product)
    keys = baskets.basket.astype(np.int64) << 32 | baskets.product
    rarer = np.where(of_product[first] <= of_product[second], first, second)
    other = np.where(rarer == first, second, first)
    for start, end in _blocks(of_product[rarer].astype(np.float64), _LOOKUPS_AT_ONCE):
        counts = of_product[rarer[start:end]]
        pair = np.repeat(np.arange(end - start), counts)
        begins = ends[rarer[start:end]] - counts
        offset = np.repeat(begins - np.concatenate([[0], np.cumsum(counts)[:-1]]), counts)
        basket = baskets.basket[order[np.arange(len(pair)) + offset]]
        wanted = basket.astype(np.int64) << 32 | other[start:end][pair]
        place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
        is_together = keys[place] == wanted
        pair, owner = pair[is_together], baskets.customer[basket[is_together]]
        together[start:end] = np.bincount(pair, minlength=end - start)
        is_first = (np.diff(pair, prepend=-1) != 0) | (np.diff(owner, prepend=-1) != 0)
        customers[start:end] = np.bincount(pair[is_first], minlength=end - start)
    return together, customers


def expected_together(baskets: Baskets, first: Codes, second: Codes) -> Floats:
    """How many baskets would hold both, were products chosen independently of each other.

    Large baskets hold more of everything, and in December more is sold of what is sold in
    December: so what is expected is added up over groups of baskets alike in size and within
    four weeks. In each group all pairs together are expected as often as they are observed.
    """
    group = _groups(baskets)
    count = int(group.max(initial=-1)) + 1
    contents = matrix(group[baskets.basket], baskets.product, (count, baskets.products_count))
    sizes = np.bincount(baskets.basket, minlength=len(baskets)).astype(np.float64)
    observed = np.bincount(group, weights=sizes * (sizes - 1), minlength=count)
    totals = np.asarray(contents.sum(axis=1), dtype=np.float64).ravel()
    squares = np.asarray(contents.multiply(contents).sum(axis=1), dtype=np.float64).ravel()
    possible = totals**2 - squares
    share = np.divide(observed, possible, out=np.zeros(count), where=possible > 0)
    by_product = contents.T.tocsr().astype(np.float64)
    scaled = by_product.multiply(share[None, :]).tocsr()
    expected = np.zeros(len(first))
    for start, end in _blocks(np.full(len(first), float(max(1, count))), _LOOKUPS_AT_ONCE):
        both = scaled[first[start:end]].multiply(by_product[second[start:end]])
        expected[start:end] = np.asarray(both.sum(axis=1)).ravel()
    return expected


def _groups(baskets: Baskets) -> Codes:
    """A number for each basket, the same for those alike in size within the same weeks."""
    if len(baskets) == 0:
        return np.zeros(0, dtype=np.int32)
    sizes = np.bincount(baskets.basket, minlength=len(baskets))
    weight = np.cumsum(np.bincount(sizes, weights=sizes * (sizes - 1.0)))
    # Sizes so that each group has about the same number of pairs.
    of_size = np.minimum(weight * _SIZE_GROUPS / max(1.0, weight[-1]), _SIZE_GROUPS - 1)
    weeks = (baskets.event_day - baskets.event_day.min()) // (7 * _WEEKS_ALIKE)
    pairs = weeks.astype(np.int64) * _SIZE_GROUPS + of_size.astype(np.int64)[sizes]
    _, group = np.unique(pairs, return_inverse=True)
    return group.astype(np.int32)


def _blocks(costs: Floats, most: int) -> Iterator[tuple[int, int]]:
    """Neighbours that together cost at most so much, at least one in each block."""
    total = np.concatenate([[0.0], np.cumsum(costs)])
    start = 0
    while start < len(costs):
        end = int(np.searchsorted(total, total[start] + most, side="right")) - 1
        end = min(len(costs), max(end, start + 1))
        yield start, end
        start = end
