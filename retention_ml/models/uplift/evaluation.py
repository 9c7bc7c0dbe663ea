"""Learners compared on decisions they have not seen: QINI, AUTOC, slope and profit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Self

import numpy as np

from retention_ml.models.uplift.effect_models import TwoModels
from retention_ml.models.uplift.learners import DEFAULT, LEARNERS, outcome_models
from retention_ml.models.uplift.sample import UpliftSample, folds
from retention_ml.models.uplift.shrinkage import (
    SlopePrior,
    believed_slope,
    calibration_slope,
    shrink,
)
from retention_ml.statistics import rate
from retention_ml.statistics.arrays import Bools, Floats, Ints
from retention_ml.statistics.metrics import Z_95
from retention_ml.statistics.rate import Estimate, Profit

FOLDS = 5
_Z_CHALLENGER = 2.4  # three others may replace the default: 2.5 % one-sided shared by three


@dataclass(frozen=True, slots=True, kw_only=True)
class Money:
    """What an outcome is worth and a contact costs.

    Parameters
    ----------
    value : float
        Of one unit of the outcome: margin per order for yes and no, margin share for money.
    cost : float
        Of one contact.
    budget_share : float
        Of the customers this share can be contacted, 0 to 1.
    """

    value: float = 1.0
    cost: float = 0.0
    budget_share: float = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnerEvaluation:
    """One learner on decisions it was not fitted to. Estimates are per customer.

    Parameters
    ----------
    qini, autoc : Estimate
        In units of the outcome; errors widened for cross-fitting, see `cross_fit_widening`.
    slope : Estimate
        Calibration slope: 1 where the promised differences between customers came true.
    believed : float
        The share of those differences that is used: the slope averaged with its prior.
    profit, profit_in_budget : Profit
        Of contacting where the shrunk effect pays: everybody, and at most the budget's share.
    qini_above_default : Estimate or None
        Paired difference; None for the default itself.
    seconds : float
        To fit and predict, all folds together.
    """

    qini: Estimate
    autoc: Estimate
    slope: Estimate
    believed: float
    profit: Profit
    profit_in_budget: Profit
    qini_above_default: Estimate | None
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """All learners on the same decisions.

    Parameters
    ----------
    learners : mapping of str to LearnerEvaluation
    average_effect : Estimate
        Of the contact, per customer, in units of the outcome.
    profit_of_all : Estimate
        Of contacting everybody, per customer.
    rows, treated_share
        How many decisions, and the share of them that was contacted.
    chosen : str
        The default, or a learner whose ranking is shown to be better.
    """

    learners: Mapping[str, LearnerEvaluation]
    average_effect: Estimate
    profit_of_all: Estimate
    rows: int
    treated_share: float
    chosen: str


def compare_learners(
    sample: UpliftSample,
    *,
    money: Money,
    prior: SlopePrior,
    seed: int,
    names: Sequence[str] = tuple(LEARNERS),
) -> Comparison:
    """Fit every learner to four fifths of the customers and evaluate it on the other, in turn.

    Forecasts of the effect scores come from the same four fifths. A fifth's promised effects are
    shrunk by the slope and the average effect that the other fifths show, measured as the reported
    slope is: their own promises and forecasts are by models that were fitted to this fifth too.
    """
    fold = folds(sample, FOLDS, seed)
    scores = np.empty(len(sample))
    names = [DEFAULT, *(name for name in names if name != DEFAULT)]
    promises = {name: _Promise.empty(len(sample)) for name in names}
    for k in range(FOLDS):
        train = sample.take(fold != k)
        scores[fold == k] = scores_of(sample.take(fold == k), outcome_models(train))
        for name, promise in promises.items():
            promise.fit(name, sample, train, fold == k, k, seed)
    evaluations = {
        name: _evaluate(sample, scores, fold, promise, promises[DEFAULT], money, prior)
        for name, promise in promises.items()
    }
    average = rate.mean_effect(scores, sample.groups)
    return Comparison(
        learners=evaluations,
        average_effect=average,
        profit_of_all=Estimate(
            money.value * average.value - money.cost, money.value * average.error
        ),
        rows=len(sample),
        treated_share=float(sample.treated.mean()),
        chosen=_choose(evaluations),
    )


def scores_of(sample: UpliftSample, forecasts: TwoModels) -> Floats:
    """Effect scores of decisions, shape (n,), with forecasts by models that did not see them."""
    return rate.effect_scores(
        sample.outcome, sample.treated, sample.propensity, *forecasts.outcomes(sample.values)
    )


def cross_fit_widening(slope: Estimate) -> float:
    """By how much cross-fitting widens the standard error of a QINI, an AUTOC or a slope.

    Each pair of folds counts twice, once with either as the one not fitted to: what noise in the
    first foresees in the second, noise in the second foresees in the first. This part of the
    variance, the share 1 - slope of the promised differences that is noise, is twice what an
    independent test set would show. The slope is taken at its lower end.

    Examples
    --------
    >>> cross_fit_widening(Estimate(0.0, 0.5)) == np.sqrt(2), cross_fit_widening(Estimate(1.3, 0.1))
    (np.True_, 1.0)
    """
    certain = slope.value - Z_95 * np.sqrt(2) * slope.error
    return float(np.sqrt(2 - np.clip(certain, 0, 1)))


@dataclass(slots=True, kw_only=True)
class _Promise:
    """Effects promised to every decision by the model of its fold, and that model's average."""

    effects: Floats
    centres: Floats
    seconds: float = 0.0

    @classmethod
    def empty(cls, rows: int) -> Self:
        """To be filled fold by fold."""
        return cls(effects=np.empty(rows), centres=np.empty(FOLDS))

    def fit(
        self, name: str, sample: UpliftSample, train: UpliftSample, test: Bools, k: int, seed: int
    ) -> None:
        """Fill in fold `k`, the rows `test`, by a model of the others."""
        started = perf_counter()
        promised = LEARNERS[name](train, seed).effect(sample.values)
        self.effects[test], self.centres[k] = promised[test], promised[~test].mean()
        self.seconds += perf_counter() - started


def _evaluate(
    sample: UpliftSample,
    scores: Floats,
    fold: Ints,
    promise: _Promise,
    default: _Promise,
    money: Money,
    prior: SlopePrior,
) -> LearnerEvaluation:
    groups = sample.groups
    measured = calibration_slope(scores, promise.effects, fold, groups)
    widening = cross_fit_widening(measured)
    slope = _widen(measured, widening)
    shrunk = np.empty(len(sample))
    for k in range(FOLDS):
        test, train = fold == k, fold != k
        measured = calibration_slope(
            scores[train], promise.effects[train], fold[train], groups[train]
        )
        widened = _widen(measured, cross_fit_widening(measured))
        shrunk[test] = shrink(
            promise.effects[test],
            centre=float(promise.centres[k]),
            average_effect=float(scores[train].mean()),
            slope=believed_slope(widened, prior),
        )
    parts = [np.flatnonzero(fold == k) for k in range(FOLDS)]
    counts = [len(rows) for rows in parts]
    rates = [rate.rate(scores[rows], promise.effects[rows], groups[rows]) for rows in parts]
    differences = [
        rate.qini_difference(
            scores[rows], promise.effects[rows], default.effects[rows], groups[rows]
        )
        for rows in parts
    ]

    def profit_of(share: float) -> Profit:
        return rate.profit(
            scores, shrunk, value=money.value, cost=money.cost, share=share, groups=groups
        )

    return LearnerEvaluation(
        qini=_widen(rate.pooled([each.qini for each in rates], counts), widening),
        autoc=_widen(rate.pooled([each.autoc for each in rates], counts), widening),
        slope=slope,
        believed=believed_slope(slope, prior),
        profit=profit_of(1.0),
        profit_in_budget=profit_of(money.budget_share),
        qini_above_default=(
            None if promise is default else _widen(rate.pooled(differences, counts), np.sqrt(2))
        ),
        seconds=promise.seconds,
    )


def _widen(estimate: Estimate, factor: float) -> Estimate:
    return Estimate(estimate.value, float(estimate.error * factor))


def _choose(evaluations: Mapping[str, LearnerEvaluation]) -> str:
    """The default, unless the best of the others is shown to rank better."""
    better = {
        name: evaluation.qini.value
        for name, evaluation in evaluations.items()
        if (above := evaluation.qini_above_default)
        and above.value - _Z_CHALLENGER * above.error > 0
    }
    return max(better, key=better.__getitem__) if better else DEFAULT
