"""Estimators of a policy's mean reward: IPS, SNIPS and DR.

References
----------
Dudík, Erhan, Langford, Li (2014), Doubly robust policy evaluation and optimization, Statistical
Science 29(4). Swaminathan, Joachims (2015), The self-normalized estimator for counterfactual
learning, NeurIPS. Owen (2013), Monte Carlo theory, methods and examples, section 9.3: the
effective sample size.
"""

from statistics import NormalDist

import numpy as np

from retention_ml.statistics.arrays import Bools, Floats, Ints
from retention_ml.statistics.asymptotic import half_widths, mixture_variance
from retention_ml.statistics.bootstrap import Interval
from retention_ml.statistics.off_policy.log import TOLERANCE, Log

_BASE_PENALTY = 1.0
_EFFECT_PENALTY = 25.0  # an action's effect is expected within a fifth of the outcome's spread


def always(action: int, log: Log) -> Floats:
    """The policy that takes one action in every decision of a log, shape (n, n_actions)."""
    policy = np.zeros(log.propensities.shape)
    policy[:, action] = 1.0
    return policy


def supported(log: Log, policy: Floats) -> Bools:
    """Decisions in which every action that the policy may choose could have been drawn."""
    impossible = np.where(np.nan_to_num(log.propensities, nan=1.0) > 0, 0.0, policy)
    return np.asarray(impossible.sum(axis=1) <= TOLERANCE)


def weights(log: Log, policy: Floats) -> Floats:
    """Probability of the drawn action under the policy over the logged one, shape (n,)."""
    chosen = policy[np.arange(len(log.actions)), log.actions]
    return np.asarray(chosen / log.drawn_propensities)


def effective_count(decision_weights: Floats) -> float:
    """Decisions of equal weight that would say as much: (sum of w)² / sum of w².

    >>> effective_count(np.array([2.0, 2.0, 0.0, 0.0]))
    2.0
    """
    squares = float(np.sum(decision_weights**2))
    return float(np.sum(decision_weights)) ** 2 / squares if squares > 0 else 0.0


def inverse_propensity(log: Log, policy: Floats, *, error_rate: float = 0.05) -> Interval:
    """Mean reward of the policy: weighted rewards (IPS)."""
    return mean_interval(weights(log, policy) * log.rewards, error_rate=error_rate)


def self_normalized(log: Log, policy: Floats, *, error_rate: float = 0.05) -> Interval:
    """Mean reward of the policy: weighted rewards over the sum of the weights (SNIPS).

    Raises
    ------
    ValueError
        The policy agrees with no decision of the log.
    """
    factors = weights(log, policy)
    total = float(factors.sum())
    if total <= 0:
        raise ValueError("The policy agrees with no decision of the log; nothing can be estimated.")
    value = float(factors @ log.rewards) / total
    influence = factors * (log.rewards - value) * len(factors) / total
    return mean_interval(value + influence, error_rate=error_rate)


def doubly_robust_scores(log: Log, policy: Floats, predictions: Floats) -> Floats:
    """Unbiased estimate of the policy's reward in each decision, shape (n,).

    Parameters
    ----------
    policy : array of float64, shape (n, n_actions)
        Probabilities that the policy gives to the actions; it must not depend on the rewards of
        the same decisions.
    predictions : array of float64, shape (n, n_actions)
        Expected reward of each action by a model that has not been fitted to the same decisions,
        as from `cross_fitted_predictions`. How good it is decides the width, not the validity.
    """
    drawn = predictions[np.arange(len(log.actions)), log.actions]
    expected = (policy * predictions).sum(axis=1)
    return np.asarray(expected + weights(log, policy) * (log.rewards - drawn))


def doubly_robust(
    log: Log, policy: Floats, predictions: Floats, *, error_rate: float = 0.05
) -> Interval:
    """Mean reward of the policy by `doubly_robust_scores` (DR)."""
    return mean_interval(doubly_robust_scores(log, policy, predictions), error_rate=error_rate)


def mean_interval(
    scores: Floats, *, error_rate: float = 0.05, count_planned: float | None = None
) -> Interval:
    """Mean of scores of shape (n,), with an interval by the central limit theorem.

    Parameters
    ----------
    count_planned : float, optional
        Then the interval is that of a confidence sequence (`statistics.asymptotic`), which holds
        at every look and is tightest after half of so many decisions.
    """
    n = len(scores)
    value = float(np.mean(scores))
    error = float(np.std(scores, ddof=1)) / np.sqrt(n) if n > 1 else np.inf
    if count_planned is None:
        half = NormalDist().inv_cdf(1 - error_rate / 2) * error
    else:
        rho_squared = mixture_variance(error_rate, count_planned)
        half = half_widths(
            np.array([error]), np.array([n]), error_rate=error_rate, rho_squared=rho_squared
        )[0]
    return Interval(value, float(value - half), float(value + half))


def cross_fitted_predictions(
    features: Floats, actions: Ints, outcomes: Floats, *, n_actions: int, folds: int = 5
) -> Floats:
    """Expected outcome of every action, each decision by a ridge regression on the other folds.

    Parameters
    ----------
    features : array of float64, shape (n, k)
        About standardised; missing values count as 0.
    outcomes : array of float64, shape (n,)

    Returns
    -------
    array of float64, shape (n, n_actions)
        A base common to all actions plus a more strongly penalised effect of each. Folds are
        every `folds`-th decision.
    """
    n = len(actions)
    base = np.column_stack([np.ones(n), np.nan_to_num(features)])
    fold_of = np.arange(n) % folds
    predictions = np.zeros((n, n_actions))
    for fold in range(folds):
        train = fold_of != fold
        coefficients = _ridge(base[train], actions[train], outcomes[train], n_actions)
        predictions[~train] = base[~train] @ coefficients.T
    return predictions


def _ridge(base: Floats, actions: Ints, outcomes: Floats, n_actions: int) -> Floats:
    """Coefficients of each action, shape (n_actions, k): those of the base plus its effect's."""
    k = base.shape[1]
    # The effects of different actions share no row: eliminate them one by one.
    gram = np.diag(np.append(1e-6, np.full(k - 1, _BASE_PENALTY)))
    moments = np.zeros(k)
    parts = []
    for action in range(n_actions):
        rows = base[actions == action]
        products, sums = rows.T @ rows, rows.T @ outcomes[actions == action]
        penalized = products + _EFFECT_PENALTY * np.eye(k)
        solved = np.linalg.solve(penalized, np.column_stack([products, sums]))
        parts.append(solved)
        gram += products - products @ solved[:, :k]
        moments += sums - products @ solved[:, k]
    common = np.linalg.solve(gram, moments)
    return np.array([common + part[:, k] - part[:, :k] @ common for part in parts])
