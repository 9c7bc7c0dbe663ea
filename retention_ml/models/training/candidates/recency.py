"""The recency baseline: churn probability by days since the last purchase, and nothing else.

A monotone step function (isotonic regression), joined by straight lines between the centres of its
steps so that customers within a step keep their order.
"""

from dataclasses import replace

import numpy as np

from retention_ml.models.predictors.curve import Curve
from retention_ml.models.training.data.sample import TrainingSample, cross_fit
from retention_ml.models.training.fitting import FitContext, FittedModel
from retention_ml.statistics.arrays import Floats, logit

FEATURE = "recency_days"
_TIE = 1e-12  # rates of the isotonic regression that differ by less are one step


def fit(sample: TrainingSample, context: FitContext) -> FittedModel:
    """The calibrated recency baseline."""
    sample = sample.matured().only((FEATURE,))
    margin, _ = cross_fit(sample, lambda train, _: _curve(train), context.seed)
    return FittedModel.calibrated(_curve(sample), margin, sample)


def _curve(sample: TrainingSample) -> Curve:
    present = ~np.isnan(sample.values[:, 0])
    base = float(logit(np.average(sample.churned, weights=sample.weights, keepdims=True))[0])
    if not present.any():
        return Curve(knots=np.zeros(1), log_odds=np.full(1, base), centre=base, missing=base)
    days, position = np.unique(sample.values[present, 0], return_inverse=True)
    weights = sample.weights[present]
    counts: Floats = np.bincount(position, weights).astype(np.float64)
    churned: Floats = np.bincount(position, weights * sample.churned[present]).astype(np.float64)
    centres, rates = _steps(days, counts, churned)
    curve = Curve(knots=centres, log_odds=logit(rates), centre=0.0, missing=base)
    centre = float(np.average(curve.margin(sample.values), weights=sample.weights))
    return replace(curve, centre=centre)


def _steps(days: Floats, weights: Floats, churned: Floats) -> tuple[Floats, Floats]:
    """Centre and rate of each step of the best rising step function.

    Each rate is drawn towards the overall one by one customer's weight, so that a step in which
    everybody churned does not become certainty.
    """
    from scipy.optimize import isotonic_regression

    rising = isotonic_regression(churned / weights, weights=weights).x
    starts = np.flatnonzero(np.diff(rising, prepend=-1.0) > _TIE)
    weight, churn, day = (
        np.add.reduceat(values, starts) for values in (weights, churned, days * weights)
    )
    overall = churned.sum() / weights.sum()
    return day / weight, (churn + overall) / (weight + 1)
