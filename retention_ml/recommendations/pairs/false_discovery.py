"""Many tests at once: the false-discovery rate."""

import numpy as np

from retention_ml.statistics.arrays import Floats


def q_values(p_values: Floats, tests_count: int | None = None) -> Floats:
    """The smallest share of false discoveries at which each test is still a discovery.

    Parameters
    ----------
    p_values : array of float64, shape (n,)
    tests_count : int, optional
        How many tests there were, if those without a p-value here showed nothing at all (p = 1).
        By default n.

    References
    ----------
    Benjamini and Hochberg, "Controlling the false discovery rate", Journal of the Royal
    Statistical Society B 57 (1995).

    Examples
    --------
    >>> q_values(np.array([0.01, 0.04, 0.03, 0.5])).round(4)
    array([0.04  , 0.0533, 0.0533, 0.5   ])
    >>> q_values(np.array([0.01]), tests_count=10)
    array([0.1])
    """
    count = len(p_values) if tests_count is None else tests_count
    order = np.argsort(p_values, kind="stable")
    scaled = p_values[order] * count / np.arange(1, len(order) + 1)
    result = np.empty(len(order))
    result[order] = np.minimum(1.0, np.minimum.accumulate(scaled[::-1])[::-1])
    return result
