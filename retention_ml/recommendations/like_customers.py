"""What like customers bought lately: who bought alike in the last year counts as a neighbour.

References
----------
Herlocker et al., "An algorithmic framework for performing collaborative filtering", SIGIR 1999:
neighbours of a customer by cosine, their purchases weighted by it.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from retention_ml.recommendations.content import normalised
from retention_ml.recommendations.ease import matrix
from retention_ml.recommendations.purchases import Codes, Purchases
from retention_ml.statistics.arrays import Floats, Ints

NEIGHBOURS = 100
REFERENCES_MAX = 4_000
_WINDOW_DAYS, _HALF_LIFE_DAYS = 365, 120.0
_RECENT_DAYS, _RECENT_HALF_LIFE_DAYS = 60, 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LikeCustomers:
    """Customers as vectors, and what those to compare with bought lately.

    Parameters
    ----------
    vectors : sparse matrix, shape (customers, products)
        Decayed purchases, rare products counting more, each row of length one.
    references : array of int32, shape (r,)
        Codes, rising, of the active customers to compare with: of more than 4,000 every n-th.
    recent : sparse matrix, shape (r, products)
        What these bought in the last 60 days, decayed; at most one each.
    """

    vectors: Any
    references: Codes
    recent: Any

    @classmethod
    def of(cls, purchases: Purchases) -> "LikeCustomers":
        """The customers of some purchases."""
        vectors = _decayed(purchases, _WINDOW_DAYS, _HALF_LIFE_DAYS)
        vectors.data = np.log1p(vectors.data)
        customers, products = vectors.shape
        buyers = np.bincount(vectors.indices, minlength=products)
        rarity = np.log((1 + customers) / (1 + buyers)).astype(np.float32)
        vectors.data *= rarity[vectors.indices]
        active = purchases.active(90)
        references = active[:: max(1, -(-len(active) // REFERENCES_MAX))]
        recent = _decayed(purchases, _RECENT_DAYS, _RECENT_HALF_LIFE_DAYS)[references]
        recent.data = np.minimum(recent.data, 1.0)
        return cls(vectors=normalised(vectors), references=references, recent=recent)

    def scores(self, customers: Codes, keys: Ints) -> Floats:
        """How much the nearest customers bought of products lately, their mean by likeness.

        Parameters
        ----------
        customers : array of int32, shape (k,)
            Codes; -1 for a customer without any purchase, whose scores are 0.
        keys : array of int64, shape (n,)
            Position among the customers and product in one number, rising.
        """
        from scipy import sparse

        count = min(NEIGHBOURS, len(self.references))
        if count == 0:
            return np.zeros(len(keys))
        likeness = (
            self.vectors[np.maximum(customers, 0)] @ self.vectors[self.references].T
        ).toarray()
        likeness[(customers[:, None] == self.references[None, :]) | (customers[:, None] < 0)] = 0.0
        nearest = np.argpartition(-likeness, count - 1, axis=1)[:, :count]
        weights = np.take_along_axis(likeness, nearest, axis=1)
        total = weights.sum(axis=1, keepdims=True)
        weights = np.divide(weights, total, out=np.zeros_like(weights), where=total > 0)
        row = np.repeat(np.arange(len(customers), dtype=np.int32), count)
        mean = sparse.csr_matrix((weights.ravel(), (row, nearest.ravel())), shape=likeness.shape)
        bought = (mean @ self.recent).tocsr()
        bought.sort_indices()
        owner = np.repeat(np.arange(len(customers), dtype=np.int64), np.diff(bought.indptr))
        pairs = owner << 32 | bought.indices
        scores = np.zeros(len(keys))
        if len(pairs):
            place = np.minimum(np.searchsorted(pairs, keys), len(pairs) - 1)
            scores = np.where(pairs[place] == keys, bought.data[place], 0.0)
        return np.asarray(scores, dtype=np.float64)


def _decayed(purchases: Purchases, days: int, half_life_days: float) -> Any:
    """Decayed purchases of the last days, sparse (customers, products)."""
    recent = purchases.since(days)
    age = recent.day - recent.event_day
    shape = (len(purchases.customer_ids), len(purchases.product_ids))
    decayed = matrix(recent.customer, recent.product, shape, np.exp2(-age / half_life_days))
    decayed.sum_duplicates()
    return decayed
