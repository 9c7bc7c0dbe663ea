"""Which actions are given up in which stages, because they cannot pay there."""

from statistics import NormalDist

import numpy as np

from retention_ml.models.bandit.customers import Arms, Customers, gains_cents
from retention_ml.statistics.arrays import Bools, Floats

UPPER_QUANTILE = 0.975
CUSTOMERS_MIN = 50  # of a stage; fewer say nothing of it


def upper_gains(
    arms: Arms, customers: Customers, base: Floats, mean: Floats, covariance: Floats
) -> Floats:
    """Upper end of each action's expected money over none, shape (n, n_actions).

    Parameters
    ----------
    base : array of float64, shape (n, width)
    mean : array of float64, shape (n_actions − 1, width)
    covariance : array of float64, shape ((n_actions − 1) · width, …)
        From `Posterior.effects`.
    """
    others, width = mean.shape
    z = NormalDist().inv_cdf(UPPER_QUANTILE)
    upper = np.zeros((len(base), others + 1))
    for action in range(others):
        block = slice(action * width, (action + 1) * width)
        spread = np.sqrt(np.einsum("ij,jk,ik->i", base, covariance[block, block], base))
        upper[:, action + 1] = base @ mean[action] + z * spread
    return gains_cents(arms, customers, upper)


def hopeless(customers: Customers, upper: Floats, *, stages_count: int, share_min: float) -> Bools:
    """Stages and actions whose upper end is below none for nearly all customers.

    Parameters
    ----------
    upper : array of float64, shape (n, n_actions)
        From `upper_gains`.
    share_min : float
        Share of the stage's customers who may get the action for whom it must still be able to
        pay.

    Returns
    -------
    array of bool, shape (stages_count, n_actions)
        Never for none, nor where fewer than 50 customers say so.
    """
    retired = np.zeros((stages_count, upper.shape[1]), dtype=np.bool_)
    for stage in range(stages_count):
        for action in range(1, upper.shape[1]):
            rows = (customers.stages == stage) & customers.allowed[:, action]
            if rows.sum() >= CUSTOMERS_MIN:
                retired[stage, action] = (upper[rows, action] > 0).mean() < share_min
    return retired
