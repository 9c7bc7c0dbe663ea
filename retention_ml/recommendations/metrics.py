"""How good ranked lists are against what was bought, customer by customer."""

from dataclasses import dataclass

import numpy as np

from retention_ml.recommendations.purchases import Codes
from retention_ml.statistics.arrays import Bools, Floats, Ints

METRICS = ("ndcg", "recall", "hit")


@dataclass(frozen=True, slots=True, kw_only=True)
class Lists:
    """Ranked lists, ordered by customer and rank; every rank from 1 on once.

    Parameters
    ----------
    customer : array of int32, shape (n,)
    rank : array of int32, shape (n,)
    product : array of int32, shape (n,)
    """

    customer: Codes
    rank: Codes
    product: Codes

    @classmethod
    def top(
        cls,
        customer: Codes,
        product: Codes,
        score: Floats,
        size: int,
        mask: Bools | None = None,
    ) -> "Lists":
        """The best `size` products of each customer by score, ties in the order given.

        Examples
        --------
        >>> lists = Lists.top(
        ...     np.array([5, 5, 5]), np.array([7, 8, 9]), np.array([0.1, 0.5, 0.3]), size=2
        ... )
        >>> lists.product, lists.rank
        (array([8, 9]), array([1, 2]))
        """
        if mask is not None:
            customer, product, score = customer[mask], product[mask], score[mask]
        order = np.lexsort((-score, customer))  # stable
        customer, product = customer[order], product[order]
        rank = np.arange(len(customer)) - np.searchsorted(customer, customer) + 1
        best = rank <= size
        return cls(customer=customer[best], rank=rank[best], product=product[best])


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """What some customers bought in a window: pairs ordered by customer and product, each once.

    Parameters
    ----------
    customers : array of int32, shape (k,)
        Those who are counted, rising: all of them bought something.
    customer, product : array of int32, shape (n,)
        Pairs of those customers.
    """

    customers: Codes
    customer: Codes
    product: Codes

    @classmethod
    def of(cls, customer: Codes, product: Codes, mask: Bools | None = None) -> "Truth":
        """The pairs that the mask leaves, and the customers with any."""
        if mask is not None:
            customer, product = customer[mask], product[mask]
        order = np.lexsort((product, customer))
        customer, product = customer[order], product[order]
        return cls(customers=np.unique(customer), customer=customer, product=product)

    @property
    def keys(self) -> Ints:
        """Customer and product in one number, rising."""
        return self.customer.astype(np.int64) << 32 | self.product


def customer_metrics(lists: Lists, truth: Truth, size: int = 10) -> dict[str, Floats]:
    """NDCG, recall and hit of the first `size` ranks, each of shape (customers of the truth,).

    NDCG has gains of one and is divided by the best that `size` ranks could reach with all that
    was bought; recall is divided by all that was bought; hit is whether anything was. A customer
    without a list has zeros.

    References
    ----------
    Järvelin and Kekäläinen, "Cumulated gain-based evaluation of IR techniques", ACM TOIS 20
    (2002).

    Examples
    --------
    >>> lists = Lists(
    ...     customer=np.array([1, 1]), rank=np.array([1, 2]), product=np.array([7, 8])
    ... )
    >>> truth = Truth.of(np.array([1, 1]), np.array([8, 9]))
    >>> {name: round(float(value[0]), 3) for name, value in customer_metrics(lists, truth).items()}
    {'ndcg': 0.387, 'recall': 0.5, 'hit': 1.0}
    """
    count = len(truth.customers)
    where = np.searchsorted(truth.customers, lists.customer)
    inside = (where < count) & (lists.rank <= size)
    inside[inside] &= truth.customers[where[inside]] == lists.customer[inside]
    key = lists.customer[inside].astype(np.int64) << 32 | lists.product[inside]
    is_hit = np.isin(key, truth.keys)
    position = where[inside][is_hit]
    gain = 1.0 / np.log2(lists.rank[inside][is_hit] + 1.0)
    bought = np.bincount(np.searchsorted(truth.customers, truth.customer), minlength=count)
    hits = np.bincount(position, minlength=count).astype(float)
    ideal = np.concatenate([[0.0], np.cumsum(1.0 / np.log2(np.arange(1, size + 1) + 1.0))])
    with np.errstate(invalid="ignore"):
        return {
            "ndcg": np.bincount(position, weights=gain, minlength=count)
            / ideal[np.minimum(bought, size)],
            "recall": hits / bought,
            "hit": (hits > 0).astype(float),
        }


def coverage(lists: Lists, products_count: int, size: int) -> float:
    """The share of the products that are among the first `size` of any list."""
    return len(np.unique(lists.product[lists.rank <= size])) / max(1, products_count)
