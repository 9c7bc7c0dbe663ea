"""Probabilities of the actions: how often each is the best, then no less than its floor."""

import numpy as np

from retention_ml.models.bandit.customers import (
    Arms,
    Customers,
    gains_cents,
    order_money_cents,
)
from retention_ml.statistics.arrays import Bools, Floats, Ints

_CELLS_MAX = 50_000  # of an action at a time: they stay in the cache


def best_shares(
    arms: Arms, customers: Customers, base: Floats, effect_draws: Floats, allowed: Bools
) -> Floats:
    """Share of the draws in which each action brings the most money, shape (n, n_actions).

    Parameters
    ----------
    base : array of float64, shape (n, width)
        Columns of the design.
    effect_draws : array of float64, shape (draws, n_actions − 1, width)
        Draws of the posterior; the same for all customers.
    allowed : array of bool, shape (n, n_actions)
        An equal sum counts for the first action that brings it.
    """
    draws = len(effect_draws)
    n, n_actions = allowed.shape
    certain = gains_cents(arms, customers, np.zeros((n, n_actions)))
    certain = np.where(allowed, certain, -np.inf)
    an_order = order_money_cents(arms, customers)
    by_action = [np.ascontiguousarray(effects.T) for effects in effect_draws.swapaxes(0, 1)]
    shares = np.zeros((n, n_actions))
    step = max(1, _CELLS_MAX // draws)
    for part in (slice(start, start + step) for start in range(0, n, step)):
        gains = [np.zeros((len(base[part]), draws))]
        for action, effects in enumerate(by_action, start=1):
            gains.append(base[part] @ effects)
            gains[action] *= an_order[part, action, None]
            gains[action] += certain[part, action, None]
        # The best before each action, then the best after it: no array is sorted or gathered.
        before = [gains[0]]
        for action in range(1, n_actions - 1):
            before.append(np.maximum(before[-1], gains[action]))
        after = np.full_like(gains[0], -np.inf)
        for action in range(n_actions - 1, 0, -1):
            is_best = (gains[action] > before[action - 1]) & (gains[action] >= after)
            shares[part, action] = np.count_nonzero(is_best, axis=1) / draws
            after = np.maximum(after, gains[action])
        shares[part, 0] = np.count_nonzero(after <= 0, axis=1) / draws
    return shares


def floors_of(
    arms: Arms, gains: Floats, allowed: Bools, *, floor: float, floor_cost_cents: float
) -> Floats:
    """Least probability of each action, shape (n, n_actions); 0 where it is not allowed.

    An action gets the probability that `arms` wishes for where that costs at most
    `floor_cost_cents` a decision in expected money, less where it would cost more, but never less
    than `floor`.

    Parameters
    ----------
    gains : array of float64, shape (n, n_actions)
        Expected money over none.
    floor : float
        Least probability of an allowed action. Where the floors would exceed a half together, what
        is above the least is cut; where the least alone would, a half is shared equally.
    """
    possible = np.where(allowed, gains, -np.inf)
    losses = np.maximum(possible.max(axis=1, keepdims=True) - gains, 1e-9)
    wished = np.minimum(arms.floors, floor_cost_cents / losses)
    least = np.where(allowed, np.minimum(floor, 0.5 / allowed.sum(axis=1, keepdims=True)), 0.0)
    more = np.where(allowed, np.maximum(wished - least, 0.0), 0.0)
    room = 0.5 - least.sum(axis=1, keepdims=True)
    total = more.sum(axis=1, keepdims=True)
    return np.asarray(least + more * np.minimum(1.0, room / np.maximum(total, 1e-12)))


def with_floors(shares: Floats, floors: Floats) -> Floats:
    """Probabilities no lower than the floors, rows summing to 1.

    >>> with_floors(np.array([[1.0, 0.0, 0.0]]), np.array([[0.01, 0.01, 0.0]]))
    array([[0.99, 0.01, 0.  ]])
    """
    mixed = floors + (1 - floors.sum(axis=1, keepdims=True)) * shares
    return np.asarray(mixed / mixed.sum(axis=1, keepdims=True))


def drawn_actions(propensities: Floats, lots: Floats) -> Ints:
    """The action of each customer by their lot in [0, 1), shape (n,).

    >>> drawn_actions(np.array([[0.2, 0.0, 0.8]] * 3), np.array([0.1, 0.2, 0.9999999]))
    array([0, 2, 2])
    """
    cumulative = np.cumsum(propensities, axis=1)
    chosen = (lots[:, None] >= cumulative).sum(axis=1)
    last = propensities.shape[1] - 1 - (propensities[:, ::-1] > 0).argmax(axis=1)
    return np.asarray(np.minimum(chosen, last), dtype=np.int64)
