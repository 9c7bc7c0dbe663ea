"""Where each of many stands among all of them."""

import numpy as np

from retention_ml.statistics.arrays import Floats


def rank_position(values: Floats, tie_breaker: Floats) -> Floats:
    """The mid-rank of each value as a share of all, in (0, 1), shape (n,); the highest comes last.

    The top tenth of all is at or above 0.9. Of equal `values` the one with the higher
    `tie_breaker` stands higher, of those the one that comes first in the array. No two positions
    are equal, so a share of them is that share however many values are alike.

    Examples
    --------
    >>> rank_position(np.array([0.2, 0.9, 0.2, 0.5]), np.array([1.0, 1.0, 7.0, 1.0])).tolist()
    [0.125, 0.875, 0.375, 0.625]
    """
    n = len(values)
    ascending = np.lexsort((-np.arange(n), tie_breaker, values))
    position = np.empty(n, dtype=np.float64)
    position[ascending] = (np.arange(n) + 0.5) / max(n, 1)
    return position
