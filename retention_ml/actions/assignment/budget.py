"""Whose action is chosen when money is short: those who bring most for each unit of it.

For each customer only actions on the upper hull of margin over cost can be best at any price of
money. The steps between them, sorted by what they bring per unit, are accepted until the budget is
spent: the optimum of the linear programme, but for the one step that no longer fits.

References
----------
P. Sinha, A. Zoltners (1979). The multiple-choice knapsack problem. Operations Research 27(3).
"""

from dataclasses import dataclass

import numpy as np

from retention_ml.actions.assignment.exploration import Exploration
from retention_ml.statistics.arrays import Bools, Floats, Ints

_NEIGHBOURS = 2  # customers on either side of a quota whom one lot may move


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The best actions within the limits.

    Parameters
    ----------
    action : array of int64, shape (n,)
        The action chosen, 0 for `none`.
    money_price : float
        What a further unit of money would have brought, above itself; 0 where some is left.
    is_marginal : array of bool, shape (n,)
        Whose action may depend on their own lot: they are at the edge of a quota.
    """

    action: Ints
    money_price: float
    is_marginal: Bools


@dataclass(frozen=True, slots=True)
class _Steps:
    """Steps on the hulls, best first: whose, to which action, what it brings per unit and costs."""

    row: Ints
    action: Ints
    number: Ints
    price: Floats
    cost: Floats


def choose(
    margin_cents: Floats,
    cost_cents: Floats,
    drawn: Exploration,
    *,
    places: Floats,
    budget_cents: float,
    quotas: Floats,
) -> Choice:
    """The action that each customer gets who is not explored, and would get if they were not.

    Budget and quotas are what is left after those who are explored. Each of these is asked as if
    they were not: the money of their own draw is there, and their own choice has to be paid. So
    nobody's choice depends on their own lot, and propensities are exact; only at the edge of a
    quota they may not be.

    Parameters
    ----------
    margin_cents : array of float64, shape (n, k)
        After cost; the first column is `none`, with 0. -inf where an action is not allowed.
    cost_cents : array of float64, shape (n, k)
        At least 0; that of `none` is 0.
    drawn : Exploration
        What is drawn by lot.
    places : array of float64, shape (n,)
        Order among equals.
    budget_cents : float
        Of the whole day.
    quotas : array of float64, shape (k,)
        Contacts of the whole day by action; infinite without a limit.

    Examples
    --------
    >>> from retention_ml.actions.assignment.exploration import nobody
    >>> choice = choose(
    ...     np.array([[0.0, 5, 6], [0, 4, 9], [0, -1, -1]]), np.array([[0.0, 1, 3]] * 3),
    ...     nobody(3), places=np.arange(3.0), budget_cents=4, quotas=np.full(3, np.inf))
    >>> choice.action.tolist(), choice.money_price
    ([1, 2, 0], 0.5)
    """
    margin = np.where(cost_cents <= budget_cents, margin_cents, -np.inf)
    spends = ~drawn.is_explored
    drawn_cost = cost_cents[np.arange(len(margin)), drawn.action]
    is_limited = np.isfinite(quotas)
    left = quotas - np.bincount(drawn.action, minlength=len(quotas))
    is_marginal = np.zeros(len(margin), dtype=np.bool_)
    for _ in range(len(quotas)):
        action, money_price = _within_budget(
            margin, cost_cents, spends, drawn_cost, places, budget_cents
        )
        counts = np.bincount(action[spends], minlength=len(quotas))
        is_crowded = is_limited & (counts > left)
        for place in np.flatnonzero(is_limited & (counts > left - _NEIGHBOURS)).tolist():
            regret = _regret(margin, cost_cents, action, place, money_price)
            is_kept, is_edge = _at_quota(
                regret, action, drawn.action, place, int(left[place]), spends, places
            )
            is_marginal |= is_edge
            if is_crowded[place]:
                margin[~is_kept, place] = -np.inf
        if not is_crowded.any():
            break
    return Choice(action=action, money_price=money_price, is_marginal=is_marginal)


def _within_budget(
    margin: Floats, cost: Floats, spends: Bools, drawn_cost: Floats, places: Floats, budget: float
) -> tuple[Ints, float]:
    action = _best_free(margin, cost)
    steps = _steps(margin, cost, action, places)
    left = budget - float(drawn_cost.sum())
    spent = np.cumsum(steps.cost * spends[steps.row])
    own_cost = cost[steps.row, steps.action]
    fits = np.where(
        spends[steps.row], spent <= left, spent + own_cost <= left + drawn_cost[steps.row]
    )
    for number in range(margin.shape[1]):
        mask = fits & (steps.number == number)
        action[steps.row[mask]] = steps.action[mask]
    rejected = np.flatnonzero(~fits & spends[steps.row])
    return action, float(steps.price[rejected[0]]) if len(rejected) else 0.0


def _best_free(margin: Floats, cost: Floats) -> Ints:
    """The best action that costs nothing, shape (n,)."""
    free = np.where(cost <= 0, margin, -np.inf)
    free[:, 0] = 0.0
    return np.asarray(free.argmax(axis=1), dtype=np.int64)


def _steps(margin: Floats, cost: Floats, start: Ints, places: Floats) -> _Steps:
    """From each customer's free action along the hull: to the steepest next action each time."""
    rows = np.flatnonzero((margin > margin[np.arange(len(margin)), start][:, None]).any(axis=1))
    action = start[rows]
    previous = np.full(len(rows), np.inf)
    parts: list[tuple[Ints, Ints, Ints, Floats, Floats]] = []
    for number in range(margin.shape[1] - 1):
        each = np.arange(len(rows))
        gained = margin[rows] - margin[rows, action][:, None]
        paid = cost[rows] - cost[rows, action][:, None]
        is_step = (gained > 0) & (paid > 0)
        price = np.divide(gained, paid, out=np.full_like(gained, -np.inf), where=is_step)
        following = price.argmax(axis=1)
        steepest = price[each, following]
        mask = steepest > -np.inf
        if not mask.any():
            break
        # Rounding must not put a later step before an earlier one.
        steepest = np.minimum(steepest, previous)
        parts.append(
            (
                rows[mask],
                following[mask],
                np.full(int(mask.sum()), number, dtype=np.int64),
                steepest[mask],
                paid[each, following][mask],
            )
        )
        rows, action, previous = rows[mask], following[mask], steepest[mask]
    if not parts:
        nothing = np.empty(0, dtype=np.int64)
        return _Steps(nothing, nothing, nothing, np.empty(0), np.empty(0))
    row, target, number_of, price_of, cost_of = (
        np.concatenate(column) for column in zip(*parts, strict=True)
    )
    best_first = np.lexsort((number_of, places[row], -price_of))
    return _Steps(
        row[best_first], target[best_first], number_of[best_first],
        price_of[best_first], cost_of[best_first],
    )  # fmt: skip


def _regret(margin: Floats, cost: Floats, action: Ints, place: int, money_price: float) -> Floats:
    """What each customer who has an action loses by the next best one, shape (n,)."""
    worth = margin - money_price * cost
    others = np.delete(worth, place, axis=1).max(axis=1)
    return np.where(action == place, worth[:, place] - others, -np.inf)


def _at_quota(
    regret: Floats, action: Ints, drawn_action: Ints, place: int, quota: int, spends: Bools,
    places: Floats,
) -> tuple[Bools, Bools]:  # fmt: skip
    """Who keeps an action that suffices for so many, because they need it most; who is at the edge.

    For each, what others use up is counted, and never what their own lot does.
    """
    chosen = np.flatnonzero(action == place)
    chosen = chosen[np.lexsort((places[chosen], -regret[chosen]))]
    before: Ints = np.cumsum(spends[chosen]) - spends[chosen]
    free = quota + (drawn_action[chosen] == place) - before
    is_kept, is_edge = (np.zeros(len(action), dtype=np.bool_) for _ in range(2))
    is_kept[chosen[free > 0]] = True
    is_edge[chosen[(free <= _NEIGHBOURS) & (free > -_NEIGHBOURS)]] = True
    return is_kept, is_edge
