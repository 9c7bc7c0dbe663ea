"""Rows to learn from, folds by customer, and cross-fitting."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np

from retention_ml.errors import NotReady
from retention_ml.models.btyd.histories import Histories
from retention_ml.models.predictors.predictor import Predictor
from retention_ml.models.training.season import Volumes
from retention_ml.statistics.arrays import Floats, Ints, logit

FOLDS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Customers on past days, with what is known of what they did afterwards.

    Parameters
    ----------
    values : array of float64, shape (n, k)
        Features, NaN where missing.
    days : array of int64, shape (n,)
        The day of each row, as days since 1970-01-01.
    until_order : array of float64, shape (n,)
        Whole days from the opening of the outcome window to the next order, infinite where none
        is known: 0 is an order on the first day of the window.
    followed : array of int64, shape (n,)
        Days of the window that are known, counted from its opening.
    horizon_days : int
        Length of the whole outcome window.
    groups : array of int64, shape (n,)
        Number of the customer: the same customer never stands on both sides of a fold.
    weights : array of float64, shape (n,)
        Weight of each row.
    features : tuple of str, length k
        Names of the columns.
    histories : Histories or None
        When every customer ever seen bought, as known on the newest day whose outcome is known.
    volumes : Volumes or None
        Orders by day, as far as they are known.
    current : array of float64, shape (m, k), or None
        Features of the customers of the day on which the model is made: nothing is known of what
        they will do.
    populations : mapping of int to int
        Active customers by day, of whom the rows may be a sample; empty where they are all.
    known_until_day : int
        Nothing that happened from this day on is in any of it; days since 1970-01-01.
    lead_days : int
        Days between a day and the opening of its outcome window.
    """

    values: Floats
    days: Ints
    until_order: Floats
    followed: Ints
    horizon_days: int
    groups: Ints
    weights: Floats
    features: tuple[str, ...]
    histories: Histories | None = None
    volumes: Volumes | None = None
    current: Floats | None = None
    populations: Mapping[int, int] = field(default_factory=dict)
    known_until_day: int = 0
    lead_days: int = 0

    def __len__(self) -> int:
        return len(self.until_order)

    @property
    def outcome(self) -> Floats:
        """1 churned, 0 retained, NaN where the window has not been seen to its end; shape (n,)."""
        churned = (self.until_order >= self.horizon_days).astype(np.float64)
        return np.where(self.followed >= self.horizon_days, churned, np.nan)

    def population(self, day: int) -> int:
        """Active customers of a day, whether they are all among the rows or not."""
        return self.populations.get(day) or int((self.days == day).sum())

    def day_levels(self) -> Floats:
        """Log-odds of the churn rate of each row's day, shape (n,); outcomes must be known.

        Days differ in ways that no customer explains: the season, a campaign, how far back the
        orders go. Given the level of its day, a row tells what distinguishes its customer.
        """
        _, day = np.unique(self.days, return_inverse=True)
        churned = np.bincount(day, self.weights * self.outcome)
        counted = np.bincount(day, self.weights)
        return logit((churned + 0.5) / (counted + 1.0))[day]

    def matured(self) -> Self:
        """The rows whose whole outcome window is known."""
        if np.all(self.followed >= self.horizon_days):
            return self
        return self.take(np.flatnonzero(self.followed >= self.horizon_days))

    def newest(self) -> Self:
        """The rows of the newest day whose whole outcome window is known."""
        known = self.matured()
        return known.take(np.flatnonzero(known.days == known.days.max()))

    def within(self, horizon_days: int) -> Self:
        """The same customers asked about a shorter window: all rows whose outcome in it is known."""
        shorter = replace(self, horizon_days=horizon_days)
        return shorter.matured()

    def take(self, chosen: Ints) -> Self:
        """The rows at the given positions."""
        return replace(
            self,
            values=self.values[chosen],
            days=self.days[chosen],
            until_order=self.until_order[chosen],
            followed=self.followed[chosen],
            groups=self.groups[chosen],
            weights=self.weights[chosen],
        )

    def only(self, features: tuple[str, ...]) -> Self:
        """The same rows with some of the features, in the given order."""
        at = [self.features.index(name) for name in features]
        return replace(
            self,
            values=np.ascontiguousarray(self.values[:, at]),
            current=None if self.current is None else np.ascontiguousarray(self.current[:, at]),
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
        if len(inside) == 0 or len(outside) == 0:
            raise NotReady(
                f"There are {len(rows):,} rows to learn from, too few customers for {count} folds. "
                "Wait for more customers, or raise churn.active_days."
            )
        predictor = fit(rows.take(inside), rows.take(outside))
        margin[outside] = predictor.margin(rows.values[outside])
        predictors.append(predictor)
    return margin, predictors
