"""Rows to learn from, folds by customer, and cross-fitting."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from retention_ml.models.arrays import Floats, Ints
from retention_ml.models.bundle import Predictor

FOLDS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Customers on days, with what they did afterwards.

    Parameters
    ----------
    values : array of float64, shape (n, k)
        Features, NaN where missing.
    outcome : array of float64, shape (n,)
        1 churned, 0 retained.
    groups : array of int64, shape (n,)
        Number of the customer: the same customer never stands on both sides of a fold.
    weights : array of float64, shape (n,)
        Weight of each row.
    features : tuple of str, length k
        Names of the columns.
    """

    values: Floats
    outcome: Floats
    groups: Ints
    weights: Floats
    features: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.outcome)

    def take(self, chosen: Ints) -> "Rows":
        """The rows at the given positions."""
        return Rows(
            values=self.values[chosen],
            outcome=self.outcome[chosen],
            groups=self.groups[chosen],
            weights=self.weights[chosen],
            features=self.features,
        )

    def only(self, features: tuple[str, ...]) -> "Rows":
        """The same rows with some of the features, in the given order."""
        at = [self.features.index(name) for name in features]
        return Rows(
            values=np.ascontiguousarray(self.values[:, at]),
            outcome=self.outcome,
            groups=self.groups,
            weights=self.weights,
            features=features,
        )


def folds(groups: Ints, seed: int, count: int = FOLDS) -> Ints:
    """The fold, 0 to `count` - 1, of every row, shape (n,); all rows of a customer in one."""
    customers, position = np.unique(groups, return_inverse=True)
    order = np.random.default_rng(seed).permutation(len(customers))
    return np.asarray(order[position] % count, dtype=np.int64)


def cross_fit(
    rows: Rows, fit: Callable[[Rows, Rows], Predictor], seed: int, count: int = FOLDS
) -> tuple[Floats, list[Predictor]]:
    """Log-odds of every row from a model that never saw its customer.

    Parameters
    ----------
    rows : Rows
        All rows.
    fit : callable
        Given the rows to learn from and the rows left out, a predictor.
    seed : int
        Decides the folds.

    Returns
    -------
    margin : array of float64, shape (n,)
    predictors : list of Predictor
        One per fold.
    """
    fold = folds(rows.groups, seed, count)
    margin = np.zeros(len(rows))
    predictors = []
    for number in range(count):
        inside, outside = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
        predictor = fit(rows.take(inside), rows.take(outside))
        margin[outside] = predictor.margin(rows.values[outside])
        predictors.append(predictor)
    return margin, predictors
