"""How far two distributions lie apart: population stability index and Jensen–Shannon distance.

Both are effect sizes, not p-values: they do not grow with the number of customers.
"""

import math

import numpy as np
from scipy.spatial.distance import jensenshannon
from scipy.special import chdtri

from retention_ml.statistics.arrays import Floats, Ints

_NOISE_QUANTILE = 0.999


def edges_of(reference: Floats, bins: int = 10) -> Floats:
    """Upper bounds of all bins but the last: quantiles of the reference, each value once.

    Bins are (−∞, e₁], (e₁, e₂], …, (eₖ, ∞). Where the lowest bound is also the smallest value (many
    customers share it, often 0), what lies below it has a bin to itself: no such value has been
    observed.

    Parameters
    ----------
    reference : array of float64, shape (n,)
        At least one value, none missing.

    Returns
    -------
    array of float64, shape (at most bins,)
        Rising.

    Examples
    --------
    >>> edges_of(np.arange(1.0, 101.0), bins=4).tolist()
    [25.75, 50.5, 75.25]
    >>> edges_of(np.zeros(5)).tolist() == [np.nextafter(0.0, -1.0), 0.0]
    True
    """
    edges = np.unique(np.quantile(reference, np.linspace(0, 1, bins + 1)[1:-1]))
    if edges[0] <= reference.min():
        edges = np.concatenate([[np.nextafter(edges[0], -np.inf)], edges])
    return np.asarray(edges, dtype=np.float64)


def counts_in(edges: Floats, values: Floats) -> Ints:
    """How many values lie in each bin of `edges_of`, shape (len(edges) + 1,)."""
    places = np.searchsorted(edges, values, side="left")
    return np.bincount(places, minlength=len(edges) + 1)


def psi(reference: Ints, current: Ints) -> float:
    """Population stability index of counts per bin: Σ (q − p) ln(q / p), 0 where equal.

    Half a customer is added to every bin, so that an empty one costs much but not everything.
    For a normal quantity that moves by δ standard deviations it is about δ².

    Parameters
    ----------
    reference, current : array of int64, shape (bins,)

    References
    ----------
    Yurdakul (2018), Statistical properties of the population stability index.

    Examples
    --------
    >>> round(psi(np.array([500, 500]), np.array([500, 500])), 3)
    0.0
    >>> round(psi(np.array([500, 500]), np.array([400, 600])), 3)
    0.04
    """
    p, q = _shares(reference), _shares(current)
    return float(((q - p) * np.log(q / p)).sum())


def jensen_shannon(reference: Ints, current: Ints) -> float:
    """Jensen–Shannon distance of counts per bin: from 0, equal, to 1, nothing in common.

    The square root of the divergence in bits.

    Parameters
    ----------
    reference, current : array of int64, shape (bins,)
        Not all zero.

    Examples
    --------
    >>> jensen_shannon(np.array([10, 0]), np.array([0, 10]))
    1.0
    """
    # Of equal shares, rounding may leave a divergence just below 0, whose root SciPy gives as NaN.
    with np.errstate(invalid="ignore"):
        distance = float(jensenshannon(reference, current, base=2))
    return 0.0 if math.isnan(distance) else min(1.0, distance)


def psi_by_chance(bins: int, reference_count: int, current_count: int) -> float:
    """What the index stays below in 999 of 1,000 cases when nothing has changed.

    Without a change it is about (1/n + 1/m) times a chi-squared variable of bins − 1 degrees of
    freedom (Yurdakul 2018).

    Examples
    --------
    >>> round(psi_by_chance(10, 100, 100), 3), round(psi_by_chance(10, 10_000, 10_000), 4)
    (0.558, 0.0056)
    """
    if bins < 2:
        return 0.0
    noise = 1 / max(1, reference_count) + 1 / max(1, current_count)
    return float(noise * chdtri(bins - 1, 1 - _NOISE_QUANTILE))


def _shares(counts: Ints) -> Floats:
    return np.asarray((counts + 0.5) / (counts.sum() + 0.5 * len(counts)), dtype=np.float64)
