"""Two arms compared in a ratio of sums: margin per contact, returns per order.

References
----------
Deng, Knoblich, Lu (2018), Applying the delta method in metric analytics, KDD. Deng, Xu, Kohavi,
Walker (2013), CUPED, WSDM, appendix B (covariates of ratio metrics).
"""

import math
from dataclasses import dataclass

import numpy as np

from retention_ml.statistics.arrays import Bools, Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast:
    """A metric in both arms; `effect` is treated minus control, with its standard error."""

    control: float
    treated: float
    effect: float
    standard_error: float
    control_count: int
    treated_count: int


def ratio_contrast(
    numerator: Floats,
    denominator: Floats,
    is_treated: Bools,
    *,
    covariate: tuple[Floats, Floats] | None = None,
) -> Contrast:
    """The ratio of sums in both arms, its spread by the delta method.

    Parameters
    ----------
    numerator, denominator : array of float64, shape (n,)
        Per customer (the unit of assignment). A denominator of ones compares means.
    is_treated : array of bool, shape (n,)
        The arm assigned.
    covariate : pair of arrays of float64, shape (n,), optional
        Numerator and denominator of the same or another ratio from before the decision.

    Raises
    ------
    ValueError
        An arm has less than two customers, or nothing in its denominator.

    Examples
    --------
    >>> ones = np.ones(4)
    >>> treated = np.array([True, True, False, False])
    >>> ratio_contrast(np.array([3.0, 5.0, 1.0, 2.0]), ones, treated).effect
    2.5
    """
    arms = [np.flatnonzero(~is_treated), np.flatnonzero(is_treated)]
    metric = (numerator, denominator)
    for rows in arms:
        if len(rows) < 2 or not abs(float(denominator[rows].sum())) > 0:
            raise ValueError(
                f"An arm has {len(rows)} customers with a denominator of "
                f"{float(denominator[rows].sum()):g}; expected two or more, and more than 0."
            )
    everybody = np.arange(len(numerator))
    slope, middle = 0.0, 0.0
    if covariate is not None:
        x, y = _influence(covariate, everybody), _influence(metric, everybody)
        slope = float(x @ y / (x @ x)) if float(x @ x) > 0 else 0.0
        middle = _ratio(covariate, everybody)
    values, variances = [], []
    for rows in arms:
        value, influence = _ratio(metric, rows), _influence(metric, rows)
        if covariate is not None:
            value -= slope * (_ratio(covariate, rows) - middle)
            influence = influence - slope * _influence(covariate, rows)
        values.append(value)
        variances.append(float(influence @ influence) / (len(rows) - 1) / len(rows))
    return Contrast(
        control=values[0],
        treated=values[1],
        effect=values[1] - values[0],
        standard_error=math.sqrt(sum(variances)),
        control_count=len(arms[0]),
        treated_count=len(arms[1]),
    )


def _ratio(metric: tuple[Floats, Floats], rows: np.ndarray) -> float:
    return float(metric[0][rows].sum() / metric[1][rows].sum())


def _influence(metric: tuple[Floats, Floats], rows: np.ndarray) -> Floats:
    numerator, denominator = metric[0][rows], metric[1][rows]
    residual = numerator - _ratio(metric, rows) * denominator
    return np.asarray(residual / denominator.mean(), dtype=np.float64)
