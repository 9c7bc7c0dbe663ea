"""How much of a model's differences between customers is believed.

The effects that a model promises are regressed on effect scores of customers it has not seen (the
best linear predictor of the effect). A slope of 1 says that the promised differences are real, 0
that they are noise. With few decisions the slope itself is noise; so it is averaged with a prior,
each weighted by its precision, and

    effect = average effect + slope x (promised effect - average of the promised effects).

References
----------
Chernozhukov, Demirer, Duflo, Fernández-Val, "Fisher-Schultz lecture: generic machine learning
inference on heterogeneous treatment effects in randomized experiments", Econometrica 93 (2025),
section 3: the best linear predictor.
"""

from dataclasses import dataclass

import numpy as np

from retention_ml.statistics.arrays import Floats, Ints
from retention_ml.statistics.rate import Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class SlopePrior:
    """The slope expected before any decision was seen, and how firmly."""

    mean: float = 0.5
    error: float = 0.25


def calibration_slope(
    scores: Floats, promised: Floats, parts: Ints, groups: Ints | None = None
) -> Estimate:
    """Slope of effect scores on promised effects, its standard error over customers.

    Parameters
    ----------
    scores, promised : arrays of float64, shape (n,)
        Effect scores, and effects promised by models that did not see the customer.
    parts : array of int64, shape (n,)
        Which model promised; only differences within a part count.
    groups : array of int64, shape (n,), optional
        The customer of each row.

    Returns
    -------
    Estimate
        Slope 0 with an infinite error where nothing differs.
    """
    x, y = _centre(promised, parts), _centre(scores, parts)
    spread = float(x @ x)
    if spread <= 1e-18 * max(1.0, float(promised @ promised)):
        return Estimate(0.0, float("inf"))
    slope = float(x @ y) / spread
    influence = x * (y - slope * x) / spread
    if groups is not None:
        index = np.unique(groups, return_inverse=True)[1]
        influence = np.bincount(index, weights=influence).astype(np.float64)
    return Estimate(slope, float(np.sqrt(influence @ influence)))


def believed_slope(measured: Estimate, prior: SlopePrior) -> float:
    """The share of the promised differences that is believed, 0 to 1.

    Examples
    --------
    >>> believed_slope(Estimate(0.0, float("inf")), SlopePrior())
    0.5
    >>> round(believed_slope(Estimate(0.91, 0.17), SlopePrior()), 2)
    0.78
    >>> believed_slope(Estimate(-2.0, 0.1), SlopePrior())
    0.0
    """
    if not np.isfinite(measured.error):
        return float(np.clip(prior.mean, 0, 1))
    precision, prior_precision = 1 / max(measured.error, 1e-9) ** 2, 1 / prior.error**2
    mean = (measured.value * precision + prior.mean * prior_precision) / (
        precision + prior_precision
    )
    return float(np.clip(mean, 0, 1))


def shrink(promised: Floats, *, centre: float, average_effect: float, slope: float) -> Floats:
    """Effects of which only the believed share of the differences is left, shape (n,).

    Parameters
    ----------
    centre : float
        Average of the promised effects over the customers the model was trained on.
    average_effect : float
        As measured by the effect scores, in units of the outcome.
    """
    return average_effect + slope * (promised - centre)


def _centre(values: Floats, parts: Ints) -> Floats:
    _, index, counts = np.unique(parts, return_inverse=True, return_counts=True)
    return np.asarray(values - (np.bincount(index, values) / counts)[index])
