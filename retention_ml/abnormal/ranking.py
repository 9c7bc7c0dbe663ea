"""Who is most probably abnormal: ranks by the rules and by the isolation forest, added."""

import numpy as np
from scipy.stats import rankdata

from retention_ml.statistics.arrays import Floats

FLAGGED_FROM = 1.0
_RULES_WEIGHT = 2.0


def scores(strength: Floats, anomaly: Floats) -> Floats:
    """The weighted mean of both ranks, as a share of the customers, shape (n,).

    The rules count twice: they know what to look for. 1 for who is first by both.

    >>> scores(np.array([0.1, 3.0, 0.2]), np.array([0.4, 0.7, 0.3])).round(2).tolist()
    [0.44, 1.0, 0.56]
    """
    n = max(1, len(strength))
    ranks = _RULES_WEIGHT * rankdata(strength) + rankdata(anomaly)
    return np.asarray(ranks / ((_RULES_WEIGHT + 1) * n))
