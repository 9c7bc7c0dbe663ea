"""Decisions with known effects: four actions, four kinds of customers, orders 28 days later.

A kind is hidden; features hint at it. The price of the actions and the size of the effects are
such that contacting everybody by mail earns next to nothing, a coupon for everybody loses several
times what the best rule earns, and recommendations for everybody earn part of it.
"""

from dataclasses import dataclass

import numpy as np

from retention_ml.statistics.arrays import Floats, Ints, sigmoid

ACTIONS = ("none", "email", "coupon", "recommendation")
COSTS = np.array([0.0, 0.02, 0.0, 0.05])  # money a contact
DISCOUNT_SHARES = np.array([0.0, 0.0, 0.10, 0.0])  # of the basket, if an order follows
MARGIN_SHARE = 0.30
STAGES = ("active", "cooling", "late", "lapsed")
OUTCOME_DAYS = 28
_KINDS = np.array([0.40, 0.25, 0.20, 0.15])
# Effect on the probability of an order by kind (rows) and action, at a probability of 1/2.
_EFFECTS = np.array(
    [
        [0.0, 0.000, 0.010, 0.008],  # indifferent
        [0.0, 0.015, 0.020, 0.070],  # curious: like to see something new
        [0.0, 0.008, 0.170, 0.012],  # bargain hunters
        [0.0, -0.045, 0.000, -0.035],  # do not disturb
    ]
)
_STAGE_BOUNDS = np.array([-0.55, -0.35, -0.20])
_HINT = 2.0  # distance of a hint's means, in standard deviations


@dataclass(frozen=True, slots=True, kw_only=True)
class Decisions:
    """Customers on whom to decide, with what is known and (`order_probabilities`) what is not.

    Attributes
    ----------
    features : array of float64, shape (n, k)
        Known: hints at the kind, log value and score.
    stages : array of int64, shape (n,)
    scores : array of float64, shape (n,)
        Forecast probability of an order if left alone; calibrated.
    values : array of float64, shape (n,)
        Margin of an order before a discount.
    order_probabilities : array of float64, shape (n, 4)
        True probability of an order after each action.
    """

    features: Floats
    stages: Ints
    scores: Floats
    values: Floats
    order_probabilities: Floats

    @property
    def order_margins(self) -> Floats:
        """Margin of an order after each action, shape (n, 4)."""
        return self.values[:, None] - DISCOUNT_SHARES * (self.values / MARGIN_SHARE)[:, None]

    def money(self, orders: Floats) -> Floats:
        """Money that each action brings with these orders (or probabilities), shape (n, 4)."""
        return np.asarray(orders * self.order_margins - COSTS)

    @property
    def gains(self) -> Floats:
        """True expected money of each action over none, shape (n, 4)."""
        money = self.money(self.order_probabilities)
        return np.asarray(money - money[:, :1])


def decisions(rng: np.random.Generator, n: int, *, effect: float = 1.0) -> Decisions:
    """`n` customers; `effect` multiplies all effects (0: contact does nothing)."""
    kinds = rng.choice(len(_KINDS), size=n, p=_KINDS)
    log_odds = rng.normal(-0.7 - 0.5 * (kinds == 2), 1.0)
    scores = np.clip(sigmoid(log_odds), 0.02, 0.95)
    probability = rng.beta(15 * scores, 15 * (1 - scores))
    values = 12.0 * rng.lognormal(-0.18, 0.6, n)
    room = 4 * scores * (1 - scores)  # who certainly orders, or certainly does not, is moved less
    effects = effect * _EFFECTS[kinds] * np.sqrt(room)[:, None]
    hints = rng.standard_normal((n, 3)) + _HINT * np.stack([kinds == k for k in (1, 2, 3)], axis=1)
    return Decisions(
        features=np.column_stack([hints, np.log(values / 12.0), log_odds]),
        stages=np.searchsorted(_STAGE_BOUNDS, -scores),
        scores=scores,
        values=values,
        order_probabilities=np.clip(probability[:, None] + effects, 0.001, 0.999),
    )
