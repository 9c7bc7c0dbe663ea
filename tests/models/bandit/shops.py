"""Small shops for the bandit's tests: two stages, one feature, three actions."""

import numpy as np

from retention_ml.models.bandit.bandit import Parameters, begin
from retention_ml.models.bandit.customers import Arms, ClosedDecisions, Customers
from retention_ml.models.bandit.propensities import drawn_actions
from retention_ml.models.bandit.state import BanditState
from retention_ml.statistics.arrays import Floats

ARMS = Arms(
    names=("none", "email", "coupon"),
    costs_cents=np.array([0.0, 2.0, 0.0]),
    discount_shares=np.array([0.0, 0.0, 0.10]),
    floors=np.zeros(3),
)
STAGES, FEATURES = ("early", "late"), ("answer",)
PARAMETERS = Parameters()


def customers(seed: int, n: int = 400) -> Customers:
    """Customers with an order worth 10 of margin and 30 of basket, and all actions allowed."""
    rng = np.random.default_rng(seed)
    return Customers(
        features=rng.standard_normal((n, 1)),
        stages=rng.integers(0, 2, n),
        order_probabilities=rng.uniform(0.2, 0.5, n),
        order_margins_cents=np.full(n, 1000.0),
        baskets_cents=np.full(n, 3000.0),
        allowed=np.ones((n, 3), dtype=np.bool_),
    )


def effects(shop: Customers) -> Floats:
    """True effect on the probability of an order: mail helps by the feature, a coupon nobody."""
    return np.column_stack(
        [
            np.zeros(len(shop)),
            0.05 + 0.08 * np.clip(shop.features[:, 0], -2, 2),
            np.zeros(len(shop)),
        ]
    )


def closed(
    shop: Customers, propensities: Floats, *, seed: int, day: int = 0, bias: float = 0.0
) -> ClosedDecisions:
    """Decisions drawn by the propensities, with orders; `bias` is the error of the forecast."""
    rng = np.random.default_rng(seed)
    actions = drawn_actions(propensities, rng.random(len(shop)))
    chance = shop.order_probabilities + bias + effects(shop)[np.arange(len(shop)), actions]
    return ClosedDecisions(
        customers=shop,
        actions=actions,
        propensities=propensities,
        ordered=(rng.random(len(shop)) < chance).astype(np.float64),
        decided_on=np.full(len(shop), day),
    )


def lot(shop: Customers) -> Floats:
    """Every action with the same probability."""
    return np.full((len(shop), 3), 1 / 3)


def beginning(seed: int = 1, parameters: Parameters = PARAMETERS) -> BanditState:
    """A bandit on its first day."""
    return begin(
        ARMS,
        customers(seed),
        stages=STAGES,
        features=FEATURES,
        parameters=parameters,
        day=0,
        seed=seed,
    )
