"""Logs of a policy that knows a little, in a world with known rewards."""

import numpy as np

from retention_ml.statistics.arrays import Floats
from retention_ml.statistics.off_policy.log import Log

N_ACTIONS = 3
# Reward of each action at a feature of 0, and by how much more at 1.
_MEANS, _SLOPES = np.array([2.0, 2.2, 1.6]), np.array([0.5, -0.5, 1.0])


def expected(features: Floats) -> Floats:
    """True mean reward of every action, shape (n, 3)."""
    return _MEANS + features[:, :1] * _SLOPES


def world(seed: int, n: int = 3000, floor: float = 0.05) -> tuple[Log, Floats]:
    """A log whose propensities depend on a feature and drift with time, and the features."""
    rng = np.random.default_rng(seed)
    features = rng.standard_normal((n, 2))
    time = np.linspace(0, 1, n)
    score = np.column_stack([np.zeros(n), 1.5 * features[:, 0] * time, 1 - 2 * time])
    shares = np.exp(score) / np.exp(score).sum(axis=1, keepdims=True)
    propensities = floor + (1 - N_ACTIONS * floor) * shares
    actions = (rng.random(n)[:, None] > np.cumsum(propensities, axis=1)[:, :-1]).sum(axis=1)
    rewards = expected(features)[np.arange(n), actions] + rng.standard_normal(n)
    return Log(actions=actions, rewards=rewards, propensities=propensities), features


def best(features: Floats) -> Floats:
    """The policy that always takes the best action."""
    return np.eye(N_ACTIONS)[expected(features).argmax(axis=1)]
