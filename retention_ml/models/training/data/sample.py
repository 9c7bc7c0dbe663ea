"""What a candidate is trained on, folds by customer, and cross-fitting."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Self, TypeVar

import numpy as np

from retention_ml.errors import NotReady
from retention_ml.models.btyd.purchase_summary import PurchaseSummary
from retention_ml.models.predictors.predictor import Predictor
from retention_ml.models.training.data.volumes import Volumes
from retention_ml.statistics.arrays import Floats, Ints, logit

FOLDS = 4
_BY_ROW = ("values", "days", "time_to_next_order", "follow_up_days", "groups", "weights")

AnyPredictor = TypeVar("AnyPredictor", bound=Predictor)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSample:
    """Customers on past days, with what is known of their next order.

    Parameters
    ----------
    values : array of float64, shape (n_samples, n_features)
        Features, NaN where missing.
    days : array of int64, shape (n_samples,)
        The day of each row, as days since 1970-01-01.
    time_to_next_order : array of float64, shape (n_samples,)
        Whole days from the opening of the outcome window to the next order, infinite where none
        is known: 0 is an order on the first day of the window.
    follow_up_days : array of int64, shape (n_samples,)
        Days that are known, counted from the opening of the window: the censoring time.
    horizon_days : int
        Length of the whole outcome window.
    groups : array of int64, shape (n_samples,)
        Number of the customer: the same customer is never on both sides of a fold.
    weights : array of float64, shape (n_samples,)
        Weight of each row.
    features : tuple of str, length n_features
        Names of the columns.
    histories : PurchaseSummary or None
        When every customer ever seen bought, as known on the newest day whose outcome is known.
    volumes : Volumes or None
        Orders by day, as far as they are known.
    current : array of float64, shape (n_current, n_features), or None
        Features of the customers of the day on which the model is made; their outcome is unknown.
    current_count : int
        Active customers of that day, of whom `current` may be a sample; 0 where it is all of them.
    populations : mapping of int to int
        Active customers by day, of whom the rows may be a sample; empty where they are all.
    known_until_day : int
        Nothing that happened from this day on is in any of it; days since 1970-01-01.
    lead_days : int
        Days between a day and the opening of its outcome window.
    """

    values: Floats
    days: Ints
    time_to_next_order: Floats
    follow_up_days: Ints
    horizon_days: int
    groups: Ints
    weights: Floats
    features: tuple[str, ...]
    histories: PurchaseSummary | None = None
    volumes: Volumes | None = None
    current: Floats | None = None
    current_count: int = 0
    populations: Mapping[int, int] = field(default_factory=dict)
    known_until_day: int = 0
    lead_days: int = 0

    def __len__(self) -> int:
        return len(self.time_to_next_order)

    @property
    def churned(self) -> Floats:
        """1 churned, 0 retained, NaN where the window is still open; shape (n_samples,)."""
        churned = (self.time_to_next_order >= self.horizon_days).astype(np.float64)
        return np.where(self.follow_up_days >= self.horizon_days, churned, np.nan)

    def population(self, day: int) -> int:
        """Active customers of a day, whether they are all among the rows or not."""
        return self.populations.get(day) or int((self.days == day).sum())

    def base_rate_offset(self) -> Floats:
        """Log-odds of the churn rate of each row's day, shape (n_samples,); outcomes must be known.

        Days differ in ways that no customer explains: the season, a campaign, how far back the
        orders go. With this offset a model learns what distinguishes the customers of a day.
        """
        _, day = np.unique(self.days, return_inverse=True)
        churned = np.bincount(day, self.weights * self.churned)
        counted = np.bincount(day, self.weights)
        return logit((churned + 0.5) / (counted + 1.0))[day]

    def matured(self) -> Self:
        """The rows whose whole outcome window is known."""
        positions = np.flatnonzero(self.follow_up_days >= self.horizon_days)
        return self if len(positions) == len(self) else self.take(positions)

    def newest(self) -> Self:
        """The rows of the newest day whose whole outcome window is known."""
        matured = self.matured()
        return matured.take(np.flatnonzero(matured.days == matured.days.max()))

    def within(self, horizon_days: int) -> Self:
        """The same customers with a shorter window: all rows whose outcome in it is known."""
        return replace(self, horizon_days=horizon_days).matured()

    def take(self, positions: Ints) -> Self:
        """The rows at the given positions."""
        return replace(self, **{name: getattr(self, name)[positions] for name in _BY_ROW})

    def only(self, features: tuple[str, ...]) -> Self:
        """The same rows with some of the features, in the given order."""
        columns = [self.features.index(name) for name in features]
        return replace(
            self,
            values=np.ascontiguousarray(self.values[:, columns]),
            current=None
            if self.current is None
            else np.ascontiguousarray(self.current[:, columns]),
            features=features,
        )


def folds(groups: Ints, seed: int) -> Ints:
    """The fold of every row, 0 to `FOLDS` - 1, shape (n_samples,); all of a customer in one."""
    customers, position = np.unique(groups, return_inverse=True)
    order = np.random.default_rng(seed).permutation(len(customers))
    return np.asarray(order[position] % FOLDS, dtype=np.int64)


def cross_fit(
    sample: TrainingSample,
    fit: Callable[[TrainingSample, TrainingSample], AnyPredictor],
    seed: int,
) -> tuple[Floats, list[AnyPredictor]]:
    """Log-odds of every row from a model that never saw its customer.

    Parameters
    ----------
    sample : TrainingSample
        All rows.
    fit : callable
        Of the rows of the other folds and those of this fold, a predictor.
    seed : int
        Decides the folds.

    Returns
    -------
    margin : array of float64, shape (n_samples,)
    predictors : list of Predictor
        One per fold.
    """
    fold = folds(sample.groups, seed)
    margin = np.zeros(len(sample))
    predictors = []
    for number in range(FOLDS):
        inside, outside = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
        if len(inside) == 0 or len(outside) == 0:
            raise NotReady(
                f"There are {len(sample):,} rows to train on, too few customers for {FOLDS} "
                "folds. Wait for more customers, or raise churn.active_days."
            )
        predictor = fit(sample.take(inside), sample.take(outside))
        margin[outside] = predictor.margin(sample.values[outside])
        predictors.append(predictor)
    return margin, predictors
