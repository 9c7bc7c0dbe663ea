"""The bootstrap over customers: who is drawn how often, and the intervals that resamples give."""

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from retention_ml.statistics.arrays import Floats, Ints

BIASED = "ece"  # resamples of this metric lie above the value that they belong to
_CELLS_MAX = 1_000_000


class Interval(NamedTuple):
    """A value with its 95 % interval."""

    value: float
    lower: float
    upper: float

    @property
    def is_finite(self) -> bool:
        """Whether the value and both ends are finite."""
        return all(map(math.isfinite, self))


def customer_weights(groups: Ints, draws: int, seed: int) -> Floats:
    """How often each row's customer was drawn, shape (draws, n): all rows of one alike.

    Examples
    --------
    >>> customer_weights(np.array([7, 3, 7]), draws=2, seed=1)
    array([[1., 1., 1.],
           [2., 0., 2.]])
    """
    customers, position = np.unique(groups, return_inverse=True)
    return _draw_counts(np.random.default_rng(seed), draws, len(customers))[:, position]


def row_weights(rng: np.random.Generator, draws: int, rows: int) -> Iterator[Floats]:
    """How often each of `rows` was drawn, in parts of shape (some draws, rows)."""
    for part in batches(draws, rows):
        yield _draw_counts(rng, part.stop - part.start, rows)


def batches(draws: int, rows: int) -> Iterator[slice]:
    """Slices of the draws, each of at most a million numbers (but one draw at least).

    Examples
    --------
    >>> list(batches(5, 400_000))
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    step = max(1, _CELLS_MAX // max(1, rows))
    for start in range(0, draws, step):
        yield slice(start, min(start + step, draws))


def percentile_interval(value: float, draws: Floats) -> Interval:
    """A value with the 95 % interval of its resamples."""
    lower, upper = np.quantile(draws, [0.025, 0.975])
    return Interval(value, float(lower), float(upper))


def metric_interval(metric: str, value: float, draws: Floats) -> Interval:
    """A metric of one model with its 95 % interval; that of the `ece` is cut at 0.

    Parameters
    ----------
    value : float
        The metric of the rows as they are.
    draws : array of float64, shape (draws,)
        The metric of every resample.

    Examples
    --------
    >>> metric_interval("ece", 0.01, np.linspace(0.01, 0.05, 101)).lower
    0.0
    """
    centred = _remove_bias(metric, value, draws)
    return percentile_interval(value, np.maximum(centred, 0) if metric == BIASED else centred)


def difference_interval(metric: str, value: float, draws: Floats) -> Interval:
    """A paired difference in a metric with its 95 % interval, which may lie below 0."""
    return percentile_interval(value, _remove_bias(metric, value, draws))


def _remove_bias(metric: str, value: float, draws: Floats) -> Floats:
    """Resamples of a metric, or of a difference in it, moved to lie about the value where biased.

    A resample's `ece` holds the noise of drawing twice, so that the resamples of true
    probabilities all lie above the value that they belong to.
    """
    return draws - (np.mean(draws) - value) if metric == BIASED else draws


def _draw_counts(rng: np.random.Generator, draws: int, count: int) -> Floats:
    """How often each of `count` things is drawn with replacement, shape (draws, count)."""
    drawn = rng.integers(0, count, size=(draws, count))
    drawn += np.arange(draws)[:, None] * count
    counts = np.bincount(drawn.ravel(), minlength=draws * count).reshape(draws, count)
    return counts.astype(np.float64)
