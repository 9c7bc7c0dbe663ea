"""Whether the actions of a log were drawn by its propensities.

References
----------
Besag, Clifford (1991), Sequential Monte Carlo p-values, Biometrika 78(2).
"""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from retention_ml.statistics.arrays import Floats, Ints
from retention_ml.statistics.off_policy.log import TOLERANCE, Log

_EXCEEDED_MAX = 20
_DRAWN_MIN = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """Whether the actions are distributed as the logged propensities say.

    Attributes
    ----------
    p_value : float
        Chance of a deviation as large as the largest one, if the propensities are true.
    action : int
        Column of the action that deviates most.
    ratio : float
        Sum of 1/p over the decisions that drew it, by the number of decisions; 1 is expected.
    """

    p_value: float
    action: int
    ratio: float


def balance(
    log: Log, features: Floats | None = None, *, draws: int = 199, seed: int = 0
) -> Balance:
    """Whether the actions were drawn by the logged propensities.

    For every action, the decisions that drew it, weighted by 1/p and as they are, must have the
    number, the place in the log and the mean features that the propensities foresee. Equal numbers
    alone do not suffice: with the share of each arm as its propensity they are right by
    construction. The actions are drawn again by the propensities until 20 draws, or all, have
    deviated more than the log does.

    Parameters
    ----------
    features : array of float64, shape (n, k), optional
        Known when the decision was made; missing values count as the mean.
    draws, seed : int
        Most times the actions are drawn again; the least p-value is 1 / (draws + 1). Where only
        the drawn action's propensity was logged, the normal distribution is used instead, of
        number and place in the log, for actions drawn a hundred times or more.
    """
    if not log.is_complete:
        return _balance_of_drawn(log)
    moments = _moments(len(log.actions), features)
    p = log.propensities
    is_allowed = p > 0
    inverse = np.where(is_allowed, 1.0 / np.where(is_allowed, p, 1.0), 0.0)
    squares = (moments**2).T
    spreads = np.stack([squares @ (p * (1 - p)), squares @ np.where(is_allowed, inverse - 1, 0)])
    expected = np.stack([moments.T @ p, moments.T @ is_allowed])
    cumulative = np.cumsum(p, axis=1)[:, :-1]

    def deviations(actions: Ints) -> Floats:
        drawn = np.stack(
            [_sums_by_action(moments, actions, p.shape[1], factor) for factor in (None, inverse)]
        )
        difference = np.abs(drawn - expected)
        is_random = spreads > TOLERANCE
        return np.where(is_random, difference / np.sqrt(np.where(is_random, spreads, 1)), 0.0)

    observed = deviations(log.actions)
    largest = observed.max()
    rng = np.random.default_rng(seed)
    exceeded = tried = 0
    while tried < draws and exceeded < _EXCEEDED_MAX:
        lots = rng.random(len(cumulative))
        again = (lots[:, None] > cumulative).sum(axis=1)
        exceeded += bool(deviations(again).max() >= largest)
        tried += 1
    p_value = exceeded / tried if exceeded == _EXCEEDED_MAX else (exceeded + 1) / (tried + 1)
    action = int(observed.max(axis=(0, 1)).argmax())
    return Balance(p_value=p_value, action=action, ratio=_ratio(log, action))


def _moments(n: int, features: Floats | None) -> Floats:
    # A one, the place in the log and the standardised features, shape (n, 2 + k).
    columns = [np.ones((n, 1)), np.linspace(-1.0, 1.0, n)[:, None]]
    if features is not None and features.shape[1]:
        with_values = np.where(np.isfinite(features), features, np.nan)
        counts = np.maximum(np.isfinite(with_values).sum(axis=0), 1)
        centred = with_values - np.nansum(with_values, axis=0) / counts
        scale = np.sqrt(np.nansum(centred**2, axis=0) / counts)
        columns.append(np.nan_to_num(centred / np.where(scale > 0, scale, 1.0)))
    return np.hstack(columns)


def _sums_by_action(
    moments: Floats, actions: Ints, n_actions: int, factors: Floats | None
) -> Floats:
    # Sums of the moments over the decisions that drew each action, shape (moments, n_actions).
    drawn = 1.0 if factors is None else factors[np.arange(len(actions)), actions]
    indicator = np.zeros((len(actions), n_actions))
    indicator[np.arange(len(actions)), actions] = drawn
    return np.asarray(moments.T @ indicator)


def _balance_of_drawn(log: Log) -> Balance:
    # The spread of 1/p is estimated from the decisions that drew the action: rare ones, and rare
    # features, say nothing.
    n, n_actions = log.propensities.shape
    moments = _moments(n, None)
    p = log.drawn_propensities
    drawn = np.zeros((n, n_actions))
    drawn[np.arange(n), log.actions] = 1 / p
    excess = np.zeros((n, n_actions))
    excess[np.arange(n), log.actions] = (1 - p) / p**2
    spread = np.sqrt((moments**2).T @ excess)
    is_tested = (np.bincount(log.actions, minlength=n_actions) >= _DRAWN_MIN) & (spread > 0)
    difference = np.abs(moments.T @ (drawn - 1.0))
    deviations = np.where(is_tested, difference / np.where(is_tested, spread, 1.0), 0.0)
    tail = 2 * NormalDist().cdf(-float(deviations.max()))
    action = int(deviations.max(axis=0).argmax())
    p_value = min(1.0, tail * max(1, int(is_tested.sum())))
    return Balance(p_value=p_value, action=action, ratio=_ratio(log, action))


def _ratio(log: Log, action: int) -> float:
    drawn = log.actions == action
    return float((1 / log.drawn_propensities[drawn]).sum() / len(drawn))
