"""Effects by tier, drawn towards the effect of all where a tier alone says little.

References
----------
Efron, Morris (1975), Data analysis using Stein's estimator and its generalizations, JASA 70.
DerSimonian, Laird (1986), Meta-analysis in clinical trials, Controlled Clinical Trials 7.
"""

import numpy as np

from retention_ml.statistics.arrays import Floats


def shrink(effects: Floats, errors: Floats) -> tuple[Floats, Floats]:
    """Effects drawn towards their mean, and their standard errors, both of shape (tiers,).

    How far: by how much the effects differ beyond what their standard errors explain. Effects
    that are not known (NaN) become the mean of the others.

    Examples
    --------
    >>> effects, errors = shrink(np.array([0.02, 0.04, 0.9]), np.array([0.01, 0.01, 0.5]))
    >>> effects.round(3).tolist()
    [0.023, 0.038, 0.032]
    """
    usable = np.isfinite(effects) & np.isfinite(errors) & (errors > 0)
    if not usable.any():
        return np.full(len(effects), np.nan), np.full(len(effects), np.nan)
    precision = np.where(usable, 1 / np.where(usable, errors, 1.0) ** 2, 0.0)
    value = np.where(usable, effects, 0.0)
    total = precision.sum()
    mean = float(precision @ value / total)
    count = int(usable.sum())
    heterogeneity = float(precision @ (value - mean) ** 2)
    scale = total - float(precision @ precision) / total
    between = max((heterogeneity - (count - 1)) / scale, 0.0) if scale > 0 else 0.0
    # The mean is that of the distribution of tiers' effects.
    weight = np.where(usable, 1 / (between + np.where(usable, errors, 1.0) ** 2), 0.0)
    mean, mean_variance = float(weight @ value / weight.sum()), float(1 / weight.sum())
    weight_of_tier = np.where(usable, between * weight, 0.0)
    result = weight_of_tier * value + (1 - weight_of_tier) * mean
    variance = (
        np.where(usable, weight_of_tier * np.where(usable, errors, 0.0) ** 2, between)
        + (1 - weight_of_tier) ** 2 * mean_variance
    )
    return np.asarray(result), np.sqrt(variance)
