"""EASE: products that go together, by a ridge regression of every product on all others.

References
----------
Steck, "Embarrassingly Shallow Autoencoders for Sparse Data", WWW 2019: the closed form
B = I - P diag(1 / P), P = (X'X + lambda I)^-1.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from retention_ml.recommendations.purchases import Codes, Purchases
from retention_ml.statistics.arrays import distinct

Scores = npt.NDArray[np.float32]

WINDOW_DAYS = 365
_PENALTY_MIN, _PENALTY_PER_CUSTOMER = 50.0, 0.08
_BLOCK = 256  # columns that are worked on together


@dataclass(frozen=True, kw_only=True)
class Ease:
    """Weights between the products with most buyers.

    Parameters
    ----------
    products : array of int32, shape (m,)
        Codes of the products it knows, rising.
    column : array of int32, shape (products,)
        The position of every product among them, -1 where it is not.
    weights : array of float32, shape (m, m)
        Row: what was bought; column: what it speaks for. The diagonal is zero.
    together : array of float32, shape (m, m)
        How many customers bought both.
    """

    products: Codes
    column: Codes
    weights: Scores
    together: Scores

    def scores(self, purchased: Any) -> Scores:
        """Scores of customers, shape (k, m), of sparse purchases of shape (k, m)."""
        scores = np.empty(purchased.shape, dtype=np.float32)
        for first, columns in self._columns:
            scores[:, first : first + columns.shape[1]] = purchased @ columns
        return scores

    @cached_property
    def _columns(self) -> list[tuple[int, Scores]]:
        """The weights, some columns at a time: so many stay in the processor's cache."""
        return [
            (first, np.ascontiguousarray(self.weights[:, first : first + _BLOCK]))
            for first in range(0, len(self.products), _BLOCK)
        ]


def fit_ease(
    purchases: Purchases, *, products_max: int, buyers_min: int = 2, penalty: float | None = None
) -> Ease:
    """Weights from who bought what in the last 365 days, each product once per customer.

    Parameters
    ----------
    products_max : int
        At most so many products: those with most buyers. The time grows with their cube.
    buyers_min : int
        Products with fewer buyers are none.
    penalty : float, optional
        lambda; by default it grows with the number of customers.
    """
    customer, product = distinct_pairs(purchases.since(WINDOW_DAYS))
    buyers = np.bincount(product, minlength=len(purchases.product_ids))
    order = np.argsort(-buyers, kind="stable")[:products_max]
    products = np.sort(order[buyers[order] >= buyers_min]).astype(np.int32)
    column = np.full(len(purchases.product_ids), -1, dtype=np.int32)
    column[products] = np.arange(len(products), dtype=np.int32)
    rows = matrix(customer, column[product], (len(purchases.customer_ids), len(products)))
    if penalty is None:
        penalty = max(_PENALTY_MIN, _PENALTY_PER_CUSTOMER * len(distinct(customer)))
    together = np.asfortranarray((rows.T @ rows).toarray(), dtype=np.float32)
    return Ease(
        products=products,
        column=column,
        weights=_closed_form(together, penalty),
        together=together,
    )


def distinct_pairs(purchases: Purchases) -> tuple[Codes, Codes]:
    """Customers and products by code, each pair once, ordered by customer and product."""
    pairs = distinct(purchases.customer.astype(np.int64) << 32 | purchases.product)
    return (pairs >> 32).astype(np.int32), (pairs & 0xFFFFFFFF).astype(np.int32)


def matrix(
    row: Codes, column: Codes, shape: tuple[int, int], values: npt.ArrayLike | None = None
) -> Any:
    """A sparse matrix (CSR, float32); entries with a negative row or column are left out."""
    from scipy import sparse

    inside = (row >= 0) & (column >= 0)
    data = np.ones(len(row)) if values is None else np.asarray(values)
    return sparse.csr_matrix(
        (data[inside].astype(np.float32), (row[inside], column[inside])), shape=shape
    )


def _closed_form(together: Scores, penalty: float) -> Scores:
    from scipy.linalg import lapack

    if len(together) == 0:
        return together
    gram = together.copy(order="F")
    gram[np.diag_indices_from(gram)] += np.float32(penalty)
    with threadpool_limits(limits=1, user_api="blas"):  # more threads sum in another order
        factor, _ = lapack.spotrf(gram, lower=1, overwrite_a=1)
        inverse, _ = lapack.spotri(factor, lower=1, overwrite_c=1)
    for first in range(0, len(inverse), _BLOCK):  # only the lower half is filled
        part = slice(first, first + _BLOCK)
        inverse[part, first + _BLOCK :] = inverse[first + _BLOCK :, part].T
        corner = inverse[part, part]
        corner[:] = np.tril(corner) + np.tril(corner, -1).T
    weights = inverse.T  # by rows, without a copy
    weights /= -np.diag(weights).copy()
    np.fill_diagonal(weights, 0.0)
    return np.asarray(weights, dtype=np.float32)
