"""By how much the best of several looks better than it is, because it is the best."""

import numpy as np

from retention_ml.statistics.arrays import Floats


def selection_optimism(
    values: Floats,
    draws: Floats,
    *,
    preferred: int | None = None,
    margins: Floats | None = None,
) -> float:
    """The mean excess, over resamples, of whichever is best in a resample.

    Zero where one is best in every resample: then nothing was chosen by chance. The mean is that of
    resamples about the values, so that it says what choosing brings and nothing else.

    Parameters
    ----------
    values : array of float64, shape (n_models,)
        A metric of which more is better.
    draws : array of float64, shape (draws, n_models)
        The same of every resample of customers, the same customers for all models.
    preferred : int, optional
        The model that is best unless another exceeds it by more than that one's margin.
    margins : array of float64, shape (n_models,), optional
        By how much each must exceed the preferred one; default 0.

    Examples
    --------
    >>> noise = np.random.default_rng(1).normal(0, 0.01, (4_000, 2))
    >>> round(selection_optimism(np.array([0.70, 0.70]), 0.70 + noise), 3)  # 0.01 / sqrt(pi)
    0.006
    >>> round(selection_optimism(np.array([0.80, 0.70]), np.array([0.80, 0.70]) + noise), 3)
    0.0

    References
    ----------
    Efron, "Estimating the error rate of a prediction rule", JASA 1983, section 2: the optimism of
    what was fitted, here the choice alone.
    """
    excess = draws - draws.mean(axis=0)
    resampled = values + excess
    best = resampled.argmax(axis=1)
    rows = np.arange(len(resampled))
    if preferred is not None:
        lead = resampled[rows, best] - resampled[:, preferred]
        needed = np.zeros(len(values)) if margins is None else margins
        best = np.where(lead > needed[best], best, preferred)
    return max(0.0, float(excess[rows, best].mean()))
