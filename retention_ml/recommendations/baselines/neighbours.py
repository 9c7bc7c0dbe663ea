"""Published methods that mix a customer's history with that of like customers or products."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from retention_ml.recommendations.baselines.method import (
    Best,
    baskets_ago,
    best,
    buyer_matrix,
    day_counts,
)
from retention_ml.recommendations.content import normalised
from retention_ml.recommendations.ease import fit_ease, matrix
from retention_ml.recommendations.product_statistics import purchase_matrix
from retention_ml.recommendations.purchases import Codes, Purchases
from retention_ml.statistics.arrays import Floats

_AT_ONCE = 250


@dataclass(frozen=True, slots=True, kw_only=True)
class TifuKnn:
    """Temporal item frequency with nearest neighbours.

    A customer's purchase days are put into groups of `group_size`; products decay by `basket_decay`
    within a group and by `group_decay` over groups. The score is `own_share` of the customer's
    vector and the rest the mean of the `neighbours` nearest customers'.

    References
    ----------
    Hu et al., "Modeling personalized item frequency information for next-basket recommendation",
    SIGIR 2020.
    """

    basket_decay: float = 0.9
    group_decay: float = 0.7
    group_size: int = 7
    neighbours: int = 300
    own_share: float = 0.7

    def __call__(self, purchases: Purchases, customers: Codes) -> Best:
        """The best products of some customers."""
        vectors = self._vectors(purchases)
        squares = np.asarray(vectors.multiply(vectors).sum(axis=1)).ravel()
        parts = []
        for first in range(0, len(customers), _AT_ONCE):
            codes = customers[first : first + _AT_ONCE]
            mine = vectors[codes]
            distance = squares[None, :] - 2 * (mine @ vectors.T).toarray()
            distance[np.arange(len(codes)), codes] = np.inf
            nearest = _smallest(distance, self.neighbours)
            shape = (len(codes), vectors.shape[0])
            row = np.repeat(np.arange(len(codes), dtype=np.int32), nearest.shape[1])
            mean = matrix(row, nearest.ravel().astype(np.int32), shape) / nearest.shape[1]
            scores = self.own_share * mine + (1 - self.own_share) * (mean @ vectors)
            parts.append(best(purchases, codes, scores.tocsr()))
        return joined(parts)

    def _vectors(self, purchases: Purchases) -> Any:
        ago = baskets_ago(purchases)
        total = np.zeros(len(purchases.customer_ids), dtype=np.int64)
        np.maximum.at(total, purchases.customer, ago + 1)
        groups = np.ceil(total / self.group_size)[purchases.customer]
        group, place = ago // self.group_size, ago % self.group_size
        # The oldest group holds what is left over.
        size = np.where(
            group == groups - 1,
            total[purchases.customer] - self.group_size * (groups - 1),
            self.group_size,
        )
        weight = self.basket_decay**place / size * self.group_decay**group / groups
        shape = (len(purchases.customer_ids), len(purchases.product_ids))
        return matrix(purchases.customer, purchases.product, shape, weight)


@dataclass(frozen=True, slots=True, kw_only=True)
class UpCf:
    """User-popularity collaborative filtering: like customers' recent frequencies.

    Likeness is the asymmetric cosine of who bought what, to the power `locality`; frequencies are
    those of the last `recency` purchase days.

    References
    ----------
    Faggioli, Polato and Aiolli, "Recency aware collaborative filtering for next basket
    recommendation", UMAP 2020.
    """

    recency: int = 25
    asymmetry: float = 0.5
    locality: float = 5

    def __call__(self, purchases: Purchases, customers: Codes) -> Best:
        """The best products of some customers."""
        ago = baskets_ago(purchases)
        total = np.zeros(len(purchases.customer_ids))
        np.maximum.at(total, purchases.customer, ago + 1.0)
        recent = ago < self.recency
        shape = (len(purchases.customer_ids), len(purchases.product_ids))
        frequency = matrix(
            purchases.customer[recent],
            purchases.product[recent],
            shape,
            1.0 / np.minimum(total, self.recency)[purchases.customer[recent]],
        )
        bought = buyer_matrix(purchases)
        counts = np.maximum(1.0, np.asarray(bought.sum(axis=1)).ravel())
        parts = []
        for first in range(0, len(customers), _AT_ONCE):
            codes = customers[first : first + _AT_ONCE]
            common = (bought[codes] @ bought.T).toarray()
            likeness = common / (
                counts[codes][:, None] ** self.asymmetry * counts[None, :] ** (1 - self.asymmetry)
            )
            weight = likeness**self.locality
            weight[np.arange(len(codes)), codes] = 1.0
            weight[weight < 1e-6] = 0.0
            parts.append(best(purchases, codes, _sparse(weight) @ frequency))
        return joined(parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemKnn:
    """Products like those that a customer bought, by the cosine of their buyers.

    References
    ----------
    Sarwar et al., "Item-based collaborative filtering recommendation algorithms", WWW 2001.
    """

    neighbours: int = 100

    def __call__(self, purchases: Purchases, customers: Codes) -> Best:
        """The best products of some customers."""
        columns = normalised(buyer_matrix(purchases).T.tocsr())
        largest = []
        for first in range(0, columns.shape[0], 2_000):
            part = (columns[first : first + 2_000] @ columns.T).tocsr()
            largest.append(_largest_of_rows(part, self.neighbours, first))
        from scipy import sparse

        likeness = sparse.vstack(largest).tocsr()
        counts = day_counts(purchases, customers)
        counts.data[:] = 1.0
        return best(purchases, customers, counts @ likeness)


@dataclass(frozen=True, slots=True, kw_only=True)
class EaseMethod:
    """EASE alone, own products among the others."""

    products_max: int = 4_000

    def __call__(self, purchases: Purchases, customers: Codes) -> Best:
        """The best products of some customers."""
        ease = fit_ease(purchases, products_max=self.products_max)
        parts = []
        for first in range(0, len(customers), _AT_ONCE):
            codes = customers[first : first + _AT_ONCE]
            scores = ease.scores(purchase_matrix(purchases, ease, codes, None))
            positive = scores - scores.min(initial=0.0) + 1e-6
            row = np.repeat(np.arange(len(codes), dtype=np.int32), positive.shape[1])
            shape = (len(codes), len(purchases.product_ids))
            column = np.tile(ease.products, len(codes))
            parts.append(best(purchases, codes, matrix(row, column, shape, positive.ravel())))
        return joined(parts)


def joined(parts: list[Best]) -> Best:
    """The results of some customers after those of the others."""
    sizes = np.cumsum([0] + [int(part.owner.max(initial=-1)) + 1 for part in parts])
    return Best(
        owner=np.concatenate(
            [part.owner + size for part, size in zip(parts, sizes, strict=False)]
        ).astype(np.int32),
        product=np.concatenate([part.product for part in parts]),
        score=np.concatenate([part.score for part in parts]),
        is_own=np.concatenate([part.is_own for part in parts]),
    )


def _smallest(distance: Floats, count: int) -> Any:
    count = min(count, distance.shape[1] - 1)
    return np.argpartition(distance, count - 1, axis=1)[:, :count]


def _sparse(weights: Floats) -> Any:
    from scipy import sparse

    return sparse.csr_matrix(weights.astype(np.float32))


def _largest_of_rows(part: Any, count: int, first: int) -> Any:
    """The rows with only their `count` largest entries, their own product left out."""
    from scipy import sparse

    indptr, indices, data = [0], [], []
    for row in range(part.shape[0]):
        columns = part.indices[part.indptr[row] : part.indptr[row + 1]]
        values = part.data[part.indptr[row] : part.indptr[row + 1]]
        others = columns != first + row
        columns, values = columns[others], values[others]
        if len(values) > count:
            enough = values >= np.partition(values, -count)[-count]
            columns, values = columns[enough], values[enough]
        order = np.lexsort((columns, -values))[:count]
        indices.append(columns[order])
        data.append(values[order])
        indptr.append(indptr[-1] + len(order))
    return sparse.csr_matrix(
        (np.concatenate(data), np.concatenate(indices), indptr), shape=part.shape
    )
