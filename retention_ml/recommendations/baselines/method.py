"""What every method returns: a customer's best repeated and best new products, with scores."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from retention_ml.recommendations.ease import distinct_pairs, matrix
from retention_ml.recommendations.purchases import Codes, Purchases, rows_of
from retention_ml.recommendations.ranked import best_sellers
from retention_ml.statistics.arrays import Bools, Floats

LIST_SIZE = 10
_FILL = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Best:
    """Scored products of customers: enough of the repeated and of the new ones for every list.

    Parameters
    ----------
    owner : array of int32, shape (n,)
        Positions of the customers, rising; of each, the best first.
    product : array of int32, shape (n,)
    score : array of float64, shape (n,)
        Comparable within a customer.
    is_own : array of bool, shape (n,)
        Whether the customer bought it before.
    """

    owner: Codes
    product: Codes
    score: Floats
    is_own: Bools


Method = Callable[[Purchases, Codes], Best]


def best(purchases: Purchases, customers: Codes, scores: Any, size: int = LIST_SIZE) -> Best:
    """The best own and the best other products of each customer by sparse scores, highest first.

    Equal scores are ordered by buyers of the last 28 days, then by product. Lists that are not
    full go on with the best sellers of their kind, below all scores.

    Parameters
    ----------
    scores : sparse matrix, shape (customers, products)
        Positive; what is not stored has no score.
    """
    popular, _ = best_sellers(purchases, len(purchases.product_ids))
    popularity = np.zeros(len(purchases.product_ids))
    popularity[popular] = np.linspace(1, 0.5, len(popular), endpoint=False)
    popular = popular[:_FILL]
    rows, owner = rows_of(purchases, customers)
    mine = purchases.product[rows]
    ends = np.searchsorted(owner, np.arange(len(customers) + 1))
    parts = []
    for at in range(len(customers)):
        first, last = scores.indptr[at], scores.indptr[at + 1]
        products, values = scores.indices[first:last], scores.data[first:last].astype(float)
        bought = np.unique(mine[ends[at] : ends[at + 1]])
        is_own = np.isin(products, bought)
        for subset, others in (
            ((products[is_own], values[is_own]), bought),
            ((products[~is_own], values[~is_own]), popular[~np.isin(popular, bought)]),
        ):
            chosen, score = _filled(*subset, others, popularity, size)
            parts.append((at, chosen, score, others is bought))
    sizes = [len(part[1]) for part in parts]
    row = np.repeat(np.array([part[0] for part in parts], dtype=np.int32), sizes)
    product = np.concatenate([part[1] for part in parts]).astype(np.int32)
    score = np.concatenate([part[2] for part in parts])
    is_own = np.repeat(np.array([part[3] for part in parts]), sizes)
    order = np.lexsort((product, -popularity[product], -score, row))
    return Best(owner=row[order], product=product[order], score=score[order], is_own=is_own[order])


def _filled(
    products: Codes, scores: Floats, others: Codes, popularity: Floats, size: int
) -> tuple[Codes, Floats]:
    """The best by score, then of the others the most popular with scores below zero."""
    if len(scores) > size:
        enough = scores >= np.partition(scores, -size)[-size]
        products, scores = products[enough], scores[enough]
    order = np.lexsort((products, -popularity[products], -scores))[:size]
    products, scores = products[order], scores[order]
    missing = size - len(products)
    if missing <= 0:
        return products, scores
    rest = others[~np.isin(others, products)]
    rest = rest[np.lexsort((rest, -popularity[rest]))][:missing]
    return np.concatenate([products, rest]), np.concatenate([scores, popularity[rest] - 1.0])


def day_counts(purchases: Purchases, customers: Codes) -> Any:
    """On how many days each customer bought each product, sparse (customers, products)."""
    rows, owner = rows_of(purchases, customers)
    return matrix(owner, purchases.product[rows], (len(customers), len(purchases.product_ids)))


def buyer_matrix(purchases: Purchases) -> Any:
    """Who ever bought what, sparse (customers, products) of ones."""
    customer, product = distinct_pairs(purchases)
    shape = (len(purchases.customer_ids), len(purchases.product_ids))
    return matrix(customer, product, shape)


def baskets_ago(purchases: Purchases) -> Codes:
    """For each purchase, how many purchase days of its customer came later."""
    starts = (np.diff(purchases.customer, prepend=-1) != 0) | (
        np.diff(purchases.event_day, prepend=-1) != 0
    )
    number = np.cumsum(starts) - 1
    last = np.zeros(len(purchases.customer_ids), dtype=np.int64)
    np.maximum.at(last, purchases.customer, number)
    ago: Codes = (last[purchases.customer] - number).astype(np.int32)
    return ago
