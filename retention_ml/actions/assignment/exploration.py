"""Whose action is drawn by lot, so that effects stay measurable, and with what probability.

A customer is explored if their lot lies below the day's share; the action is then drawn evenly
among those allowed, `none` included. An action for which budget or quota would not suffice is open
to those only who come first in an order drawn with a salt of its own; who draws it and is not among
them gets none. Where by chance a limit is passed all the same, nothing is drawn for the rest of
that order: their propensities say so.
"""

from dataclasses import dataclass

import numpy as np

from retention_ml.models.bandit.propensities import drawn_actions
from retention_ml.statistics.arrays import Bools, Floats, Ints

_SPREADS = 2.0  # standard deviations of the day's cost that are left free


@dataclass(frozen=True, slots=True, kw_only=True)
class Exploration:
    """What is drawn by lot.

    Parameters
    ----------
    share : float
        Probability with which a customer is explored, 0 to 1.
    can_draw : array of bool, shape (n, k)
        The actions that each customer could draw; `none` always.
    is_open : array of bool, shape (n,)
        Who could be drawn.
    is_marginal : array of bool, shape (n,)
        Who could be drawn, but perhaps not every action: a limit was nearly used up.
    is_explored : array of bool, shape (n,)
        Who was drawn.
    action : array of int64, shape (n,)
        The action drawn; 0, that is `none`, where nobody was.
    """

    share: float
    can_draw: Bools
    is_open: Bools
    is_marginal: Bools
    is_explored: Bools
    action: Ints


def explore(
    allowed: Bools, cost_cents: Floats, *, lots: Floats, places: Floats, share: float,
    budget_cents: float, quotas: Floats,
) -> Exploration:  # fmt: skip
    """Draw by lot within the limits.

    Parameters
    ----------
    allowed : array of bool, shape (n, k)
        The first column, `none`, is always allowed.
    cost_cents : array of float64, shape (n, k)
    lots : array of float64, shape (n,)
        Each customer's lot in [0, 1).
    places : array of float64, shape (n,)
        Each customer's place in the order in which limits are used up.
    share : float
        Probability of being explored, 0 to 1.
    budget_cents : float
        The most that it may cost; each action gets an even part, and what one leaves goes to the
        dearer ones.
    quotas : array of float64, shape (k,)
        Contacts left by action; infinite without a limit.
    """
    n = len(allowed)
    count = allowed.sum(axis=1)
    can_draw = _open_to(allowed, cost_cents, count, places, share, budget_cents, quotas)
    is_explored = (lots < share) & (count > 1)
    action = np.zeros(n, dtype=np.int64)
    rows = np.flatnonzero(is_explored)
    if len(rows):
        number = np.minimum((lots[rows] / share * count[rows]).astype(np.int64), count[rows] - 1)
        rank = np.cumsum(allowed[rows], axis=1) - 1
        action[rows] = np.argmax(allowed[rows] & (rank == number[:, None]), axis=1)
        action[rows] = np.where(can_draw[rows, action[rows]], action[rows], 0)
    is_passed, is_near = _limits(can_draw, action, cost_cents, places, budget_cents, quotas)
    is_open = ~is_passed & can_draw[:, 1:].any(axis=1) & (share > 0)
    is_explored &= is_open
    action[~is_explored] = 0
    return Exploration(
        share=share,
        can_draw=can_draw,
        is_open=is_open,
        is_marginal=is_open & is_near,
        is_explored=is_explored,
        action=action,
    )


def draw_by(
    propensities: Floats, margin_cents: Floats, cost_cents: Floats, *, lots: Floats,
    places: Floats, budget_cents: float, quotas: Floats,
) -> tuple[Exploration, Floats]:  # fmt: skip
    """Draw everybody's action by probabilities of their own, within the limits.

    Limits are used up by those first of whom most is expected for each unit of money. Behind whom
    an action's limit may be reached, it is closed: its probability goes to `none`. The order does
    not depend on lots, so the probabilities are exact.

    Parameters
    ----------
    propensities : array of float64, shape (n, k)
        Before the limits; rows sum to 1, 0 where an action cannot be drawn.
    margin_cents, cost_cents : array of float64, shape (n, k)
        As in `Expected`.
    lots, places, budget_cents, quotas
        As in `explore`; places decide among equals.

    Returns
    -------
    Exploration
        Its share is 1.
    array of float64, shape (n, k)
        The probabilities after the limits.
    """
    n = len(propensities)
    gain = (propensities * margin_cents).sum(axis=1)
    spend = (propensities * cost_cents).sum(axis=1)
    worth = np.where(spend > 0, gain / np.where(spend > 0, spend, 1.0), np.inf)
    in_order = np.lexsort((places, -worth))
    place = np.empty(n)
    place[in_order] = np.arange(n) / max(n, 1)
    is_free = cost_cents <= 0
    can_draw = (propensities > 0) & (is_free | (cost_cents <= budget_cents))
    chance = np.where(can_draw, propensities, 0.0)[in_order]
    fits = _fits_together(cost_cents[in_order], chance, budget_cents)
    can_draw[in_order] &= is_free[in_order] | fits[:, None]
    for number in np.flatnonzero(np.isfinite(quotas)):
        chance = np.where(can_draw[:, number], propensities[:, number], 0.0)[in_order]
        one = np.ones((n, 1))
        can_draw[in_order, number] &= _fits_together(one, chance[:, None], float(quotas[number]))
    can_draw[:, 0] = True
    after = np.where(can_draw, propensities, 0.0)
    after[:, 0] += np.where(can_draw, 0.0, propensities).sum(axis=1)
    action = drawn_actions(after, lots)
    is_passed, is_near = _limits(can_draw, action, cost_cents, place, budget_cents, quotas)
    is_open = ~is_passed & (after[:, 1:] > 0).any(axis=1)
    after[~is_open] = 0.0
    after[~is_open, 0] = 1.0
    drawn = Exploration(
        share=1.0,
        can_draw=can_draw,
        is_open=is_open,
        is_marginal=is_open & is_near,
        is_explored=is_open,
        action=np.where(is_open, action, 0),
    )
    return drawn, after


def nobody(customers_count: int) -> Exploration:
    """Nothing is drawn by lot."""
    false = np.zeros(customers_count, dtype=np.bool_)
    return Exploration(
        share=0.0,
        can_draw=np.ones((customers_count, 1), dtype=np.bool_),
        is_open=false,
        is_marginal=false,
        is_explored=false,
        action=np.zeros(customers_count, dtype=np.int64),
    )


def _open_to(
    allowed: Bools,
    cost: Floats,
    count: Ints,
    places: Floats,
    share: float,
    budget: float,
    quotas: Floats,
) -> Bools:
    """The actions each customer could draw: the first in order, as far as the limits go."""
    can_draw = allowed & (cost <= budget)
    chance = np.where(count > 1, share / np.maximum(count, 1), 0.0)
    in_order = np.argsort(places, kind="stable")
    spend = np.where(can_draw, cost, 0.0)
    total = (spend * chance[:, None]).sum(axis=0)
    left = budget
    cheapest_first = np.argsort(total[1:], kind="stable") + 1
    for number, place in enumerate(cheapest_first.tolist()):
        uses = [(spend[in_order, place], left / (len(cheapest_first) - number))]
        if np.isfinite(quotas[place]):
            uses.append((allowed[in_order, place].astype(np.float64), float(quotas[place])))
        fits = np.ones(len(allowed), dtype=np.bool_)
        for use, limit in uses:
            fits &= _fits(use, chance[in_order], limit)
        can_draw[in_order, place] &= fits
        left -= float((spend[in_order, place] * chance[in_order])[fits].sum())
    return can_draw


def _fits(use: Floats, chance: Floats, limit: float) -> Bools:
    """Up to whom the expected use, and two standard deviations of it, stay within the limit.

    Whose own use does not is left out, and does not close it for those behind them.
    """
    alone = use * (chance + _SPREADS * np.sqrt(chance)) <= limit
    use = np.where(alone, use, 0.0)
    mean, square = np.cumsum(use * chance), np.cumsum(use * use * chance)
    return np.asarray(alone & (mean + _SPREADS * np.sqrt(square) <= limit))


def _fits_together(use: Floats, chance: Floats, limit: float) -> Bools:
    """The same where each may use one of several amounts, with a chance of each, shape (n,).

    Parameters
    ----------
    use, chance : array of float64, shape (n, m)
        In order.
    """
    mean, square = (use * chance).sum(axis=1), (use * use * chance).sum(axis=1)
    alone = mean + _SPREADS * np.sqrt(square) <= limit
    total, squares = (np.cumsum(np.where(alone, one, 0.0)) for one in (mean, square))
    return np.asarray(alone & (total + _SPREADS * np.sqrt(squares) <= limit))


def _limits(
    allowed: Bools, action: Ints, cost: Floats, places: Floats, budget: float, quotas: Floats
) -> tuple[Bools, Bools]:
    """Who comes, in order of places, at or after a limit is passed; and whom a limit is near.

    Near: of what those before have left, not every action of the customer could be paid.
    """
    n = len(action)
    in_order = np.argsort(places, kind="stable")
    ordered = action[in_order]
    uses = [(cost[np.arange(n), action][in_order], cost, budget)]
    for place in np.flatnonzero(np.isfinite(quotas)):
        each = np.zeros((1, allowed.shape[1]))
        each[0, place] = 1.0
        uses.append(((ordered == place).astype(np.float64), each, float(quotas[place])))
    is_passed, is_near = (np.zeros(n, dtype=np.bool_) for _ in range(2))
    for used, one_use, limit in uses:
        total = np.cumsum(used)
        largest = np.where(allowed, one_use, 0.0).max(axis=1)[in_order]
        is_near[in_order] |= total - used + largest > limit
        beyond = np.flatnonzero(total > limit)
        if len(beyond):
            is_passed[in_order[beyond[0] :]] = True
    return is_passed, is_near
