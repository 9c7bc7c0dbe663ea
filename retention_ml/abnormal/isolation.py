"""How easily a customer is told from all others: scikit-learn's isolation forest.

References
----------
Liu, Ting and Zhou (2008), Isolation Forest, ICDM.
"""

from collections.abc import Mapping

import numpy as np
from sklearn.ensemble import IsolationForest

from retention_ml.statistics.arrays import Floats

TREES = 300
_SEED = 20260301


def isolation(measures: Mapping[str, Floats]) -> Floats:
    """An anomaly score for each customer, shape (n,); higher is easier to isolate.

    Counts and ratios enter by logarithms. Equal measures give equal scores on every machine with
    the same version of scikit-learn.
    """
    values = np.column_stack([np.log1p(np.maximum(each, 0.0)) for each in measures.values()])
    forest = IsolationForest(n_estimators=TREES, random_state=_SEED, n_jobs=1).fit(values)
    return np.asarray(-forest.score_samples(values), dtype=np.float64)
