"""The array types that models pass to each other."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


def sigmoid(logit: Floats) -> Floats:
    """Probability of log-odds, elementwise, without overflow.

    >>> sigmoid(np.array([-800.0, 0.0, 800.0]))
    array([0. , 0.5, 1. ])
    """
    small = np.exp(-np.abs(logit))
    return np.asarray(np.where(logit >= 0, 1.0, small) / (1.0 + small), dtype=np.float64)


def logit(probability: Floats) -> Floats:
    """Log-odds of a probability, elementwise; 0 and 1 are kept a billionth away from the ends."""
    kept = np.clip(probability, 1e-9, 1 - 1e-9)
    return np.asarray(np.log(kept) - np.log1p(-kept), dtype=np.float64)
