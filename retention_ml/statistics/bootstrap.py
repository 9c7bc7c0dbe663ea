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


def rows_in_proportion(weights: Floats | None, count: int) -> Ints:
    """Positions of n rows, each as often as its weight says, to the whole number below or above.

    For figures, which know no weights.

    Parameters
    ----------
    weights : array of float64, shape (n,), or None
        How many each row stands for; None: each for itself.
    count : int
        How many rows there are.

    Examples
    --------
    >>> rows_in_proportion(np.array([0.0, 2.0, 1.5, 1.5]), 4).tolist()
    [1, 1, 2, 2, 3]
    >>> rows_in_proportion(None, 3).tolist()
    [0, 1, 2]
    """
    rows = np.arange(count)
    if weights is None:
        return rows
    ends = np.floor(np.cumsum(weights) + 0.5 + 1e-9)
    return np.asarray(np.repeat(rows, np.diff(ends, prepend=0.0).astype(np.int64)))


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


def metric_interval(
    metric: str, value: float, draws: Floats, *, is_difference: bool = False
) -> Interval:
    """A metric, or a paired difference in it, with its 95 % interval.

    A resample's `ece` holds the noise of drawing twice, so that the resamples of true
    probabilities all lie above the value that they belong to: they are moved to lie about it.

    Parameters
    ----------
    value : float
        The metric of the rows as they are.
    draws : array of float64, shape (draws,)
        The metric of every resample.
    is_difference : bool
        Then the interval of the `ece` may lie below 0, where it is cut otherwise.

    Examples
    --------
    >>> metric_interval("ece", 0.01, np.linspace(0.01, 0.05, 101)).lower
    0.0
    """
    if metric == BIASED:
        draws = draws - (np.mean(draws) - value)
        draws = draws if is_difference else np.maximum(draws, 0)
    return percentile_interval(value, draws)


def _draw_counts(rng: np.random.Generator, draws: int, count: int) -> Floats:
    """How often each of `count` things is drawn with replacement, shape (draws, count)."""
    drawn = rng.integers(0, count, size=(draws, count))
    drawn += np.arange(draws)[:, None] * count
    counts = np.bincount(drawn.ravel(), minlength=draws * count).reshape(draws, count)
    return counts.astype(np.float64)
