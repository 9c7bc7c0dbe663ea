"""Decisions to learn uplift from: features, the contact that was drawn, the outcome."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np

from retention_ml.models.predictors.linear import Normaliser
from retention_ml.statistics.arrays import Bools, Floats, Ints


@dataclass(frozen=True, kw_only=True)
class UpliftSample:
    """Decisions whose contact was drawn, each with its matured outcome.

    Parameters
    ----------
    features : tuple of str
        Names of the k features.
    values : array of float64, shape (n, k)
        Features as they were known at the decision; NaN where missing.
    treated : array of bool, shape (n,)
        Whether the contact was assigned (not: whether it was opened or used).
    outcome : array of float64, shape (n,)
        0 or 1, or an amount of money.
    propensity : array of float64, shape (n,)
        Probability of the contact when it was drawn, above 0 and below 1.
    groups : array of int64, shape (n,)
        The customer of each decision, as a number.
    """

    features: tuple[str, ...]
    values: Floats
    treated: Bools
    outcome: Floats
    propensity: Floats
    groups: Ints

    def __len__(self) -> int:
        return len(self.outcome)

    @cached_property
    def is_binary(self) -> bool:
        """Whether the outcome is yes or no."""
        return bool(np.isin(self.outcome, (0.0, 1.0)).all())

    @cached_property
    def normaliser(self) -> Normaliser:
        """How the features become columns of a regression, fitted once for all learners."""
        return Normaliser.of(self.values)

    @cached_property
    def design(self) -> Floats:
        """Those columns, one row for every decision."""
        return self.normaliser.design(self.values)

    def take(self, rows: Ints | Bools) -> Self:
        """Some of the decisions, in that order."""
        return replace(
            self,
            values=self.values[rows],
            treated=self.treated[rows],
            outcome=self.outcome[rows],
            propensity=self.propensity[rows],
            groups=self.groups[rows],
        )


def folds(sample: UpliftSample, count: int, seed: int) -> Ints:
    """A fold, 0 to `count` - 1, for every decision, shape (n,): a customer is in one fold only.

    Customers are dealt within arm and outcome, so that no fold lacks a rare outcome by bad luck.
    Equal rows in another order get equal folds as long as the numbers of the customers are equal.
    """
    customers, first, index = np.unique(sample.groups, return_index=True, return_inverse=True)
    rng = np.random.default_rng(seed)
    strata = sample.treated[first] * 2 + (sample.outcome[first] > 0)
    dealt = np.empty(len(customers), dtype=np.int64)
    shuffled = rng.permutation(len(customers))
    order = shuffled[np.argsort(strata[shuffled], kind="stable")]
    dealt[order] = np.arange(len(customers)) % count
    return dealt[index]
