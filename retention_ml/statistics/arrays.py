"""The array types that models pass to each other, and log-odds."""

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
    """Log-odds of a probability, elementwise; clipped a billionth away from 0 and 1."""
    clipped = np.clip(probability, 1e-9, 1 - 1e-9)
    return np.asarray(np.log(clipped) - np.log1p(-clipped), dtype=np.float64)
