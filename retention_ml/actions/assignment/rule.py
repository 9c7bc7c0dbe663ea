"""What an action is expected to bring: by value at risk and save rate, and what it costs."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from retention_ml.actions.assignment.eligibility import Customers
from retention_ml.actions.catalogue.action import Action
from retention_ml.statistics.arrays import Bools, Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What each action is expected to do for each of n customers; `none` is the first of k.

    Parameters
    ----------
    effect : array of float64, shape (n, k)
        Change of the probability of an order; 0 for `none`.
    cost_cents : array of float64, shape (n, k)
        Contact and discount, in smallest units of money; 0 for `none`.
    margin_cents : array of float64, shape (n, k)
        Margin of the orders gained, after the cost; 0 for `none`.
    slope : array of float64, shape (k,), or None
        How much of an action's effect model is believed; NaN without one.
    is_measured : bool
        Whether any effect was ever measured. Otherwise nobody is chosen, only drawn by lot.
    can_choose : array of bool, shape (k,), or None
        Actions that may be chosen; the others are only drawn by lot. None: all.
    propensities : array of float64, shape (n, k), or None
        Where a bandit decides: the probability of each action, before budget and quotas.
    """

    effect: Floats
    cost_cents: Floats
    margin_cents: Floats
    slope: Floats | None
    is_measured: bool
    can_choose: Bools | None = None
    propensities: Floats | None = None


def by_rule(
    customers: Customers, actions: Sequence[Action], *, save_rates: Sequence[float],
    is_measured: bool, minor_units: int,
) -> Expected:  # fmt: skip
    """Risk x value x save rate - cost: every action saves a share of those who would churn.

    Discounts are also given to those who would have ordered anyway.

    Parameters
    ----------
    save_rates : sequence of float, length k
        Share of would-be churners that each action retains; that of `none` is not read.
    is_measured : bool
        Whether the save rates were measured on contacted customers against others drawn by lot.
    minor_units : int
        Smallest units of money in a whole one.
    """
    rate = np.array([0.0, *save_rates[1:]])
    effect = customers.churn_probability[:, None] * rate
    gain_cents = customers.value_cents[:, None] * rate
    order_probability = np.clip(1 - customers.churn_probability[:, None] + effect, 0, 1)
    cost = cost_cents(customers, actions, order_probability, minor_units)
    return Expected(
        effect=effect,
        cost_cents=cost,
        margin_cents=gain_cents - cost,
        slope=None,
        is_measured=is_measured,
    )


def cost_cents(
    customers: Customers, actions: Sequence[Action], order_probability: Floats, minor_units: int
) -> Floats:
    """Expected cost of each action, discounts included, shape (n, k); 0 for `none`.

    Parameters
    ----------
    order_probability : array of float64, shape (n, k)
        Of customers who got the action.
    """
    basket = _basket(customers)
    return np.column_stack(
        [np.zeros(len(basket))]
        + [
            np.asarray(action.expected_cost_cents(order_probability[:, place], basket, minor_units))
            for place, action in enumerate(actions)
            if place > 0
        ]
    )


def _basket(customers: Customers) -> Floats:
    """What an order is worth; the median where it is not known, 0 where it is of nobody."""
    basket = customers.basket_cents
    is_missing = ~np.isfinite(basket)
    if is_missing.all():
        return np.zeros(len(basket))
    return np.where(is_missing, np.median(basket[~is_missing]), basket)
