"""How improbable an overlap is by chance: the upper tail of the hypergeometric distribution."""

import numpy as np
import numpy.typing as npt

from retention_ml.statistics.arrays import Floats


def upper_tail(
    together: npt.ArrayLike, population: npt.ArrayLike, first: npt.ArrayLike, second: npt.ArrayLike
) -> Floats:
    """Probability of at least so many draws in common, elementwise.

    Parameters
    ----------
    together : array_like of int
        How many of the population are in both sets.
    population, first, second : array_like of int
        Sizes. Where the sets cannot overlap less than they do, the probability is 1.

    Notes
    -----
    The first term by log-gamma, the others by the ratio of neighbours, until nothing is added:
    as `scipy.stats.hypergeom.sf`, which goes from element to element.

    Examples
    --------
    >>> upper_tail([5, 2], 10, 5, 5).round(6)
    array([0.003968, 0.896825])
    """
    from scipy.special import gammaln

    k, size, a, b = (
        np.asarray(values, dtype=np.float64)
        for values in np.broadcast_arrays(together, population, first, second)
    )

    def log_choose(n: Floats, r: Floats) -> Floats:
        return np.asarray(gammaln(n + 1) - gammaln(r + 1) - gammaln(n - r + 1))

    is_certain = k <= np.maximum(0.0, a + b - size)
    is_impossible = ~is_certain & (k > np.minimum(a, b))
    open_ = np.flatnonzero(~is_certain & ~is_impossible)
    k, size, a, b = (values.ravel()[open_] for values in (k, size, a, b))
    # Up to the mean, one minus the tail of the first set's others: from there on terms only fall.
    is_low = k <= a * b / size
    k, b = np.where(is_low, a - k + 1, k), np.where(is_low, size - b, b)
    term = np.exp(log_choose(a, k) + log_choose(size - a, b - k) - log_choose(size, b))
    term[k > np.minimum(a, b)] = 0.0
    total = term.copy()
    left = np.flatnonzero(term > 0)
    while len(left):
        at = k[left]
        ratio = (a[left] - at) * (b[left] - at)
        ratio /= (at + 1) * (size[left] - a[left] - b[left] + at + 1)
        term[left] *= ratio
        total[left] += term[left]
        k[left] += 1
        left = left[term[left] > 1e-17 * total[left]]
    result = is_certain.astype(np.float64)
    result.ravel()[open_] = np.clip(np.where(is_low, 1.0 - total, total), 0.0, 1.0)
    return result
