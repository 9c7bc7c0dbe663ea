"""What a bandit reads of customers and actions: money, tiers and a few features of a day."""

from collections.abc import Sequence

import numpy as np

from retention_ml.actions.catalogue.action import Action
from retention_ml.actions.effects.features import EFFECT_FEATURES
from retention_ml.models.bandit.bandit import Parameters
from retention_ml.models.bandit.customers import Arms, Customers
from retention_ml.scores.tiers import TIERS
from retention_ml.settings import Settings
from retention_ml.statistics.arrays import Bools, Floats, Ints

BANDIT_FEATURES = (
    "recency_days", "tenure_days", "is_one_time_buyer", "orders_count_90d", "orders_count_365d",
    "revenue_per_order_mean_cents", "recency_over_gap_mean_ratio", "discount_share_365d",
    "contacts_count_365d", "redemption_share_365d", "answer_log_ratio",
)  # fmt: skip
"""Few of `EFFECT_FEATURES`: what is learned from some thousand decisions must not be spread thin."""
FORECAST = "churn_probability"
NAMES: tuple[str, ...] = (*BANDIT_FEATURES, FORECAST)

_PLACES = [EFFECT_FEATURES.index(name) for name in BANDIT_FEATURES]
_BASKET = EFFECT_FEATURES.index("revenue_per_order_mean_cents")


def parameters_of(settings: Settings, actions_count: int) -> Parameters:
    """How carefully the bandit explores, by the settings; floors take a half at most."""
    bandit = settings.bandit
    return Parameters(
        floor=min(bandit.floor, 0.5 / actions_count),
        floor_cost_cents=bandit.floor_cost * settings.calendar.minor_units,
    )


def arms_of(
    actions: Sequence[Action], names: Sequence[str], *, minor_units: int, explore_share: float
) -> Arms:
    """The actions of those names with costs and discounts; those that are no more cost nothing.

    Parameters
    ----------
    names : sequence of str, length k
        `none` first.
    explore_share : float
        What actions are to be drawn with together, where that is cheap (`Parameters`).
    """
    catalogue = {action.action_id: action for action in actions}
    of = [catalogue.get(name) for name in names]
    return Arms(
        names=tuple(names),
        costs_cents=np.array([one.cost_cents(minor_units) if one else 0.0 for one in of]),
        discount_shares=np.array([one.discount_share if one else 0.0 for one in of]),
        floors=np.full(len(names), explore_share / len(names)),
    )


def stages_of(tiers: Sequence[str]) -> Ints:
    """The number of each tier, shape (n,)."""
    place = {tier: number for number, tier in enumerate(TIERS)}
    return np.array([place[tier] for tier in tiers], dtype=np.int64)


def bandit_customers(
    values: Floats,
    *,
    stages: Ints,
    churn_probability: Floats,
    retained_cents: Floats,
    allowed: Bools,
) -> Customers:
    """Customers as the bandit knows them when it is decided.

    Parameters
    ----------
    values : array of float64, shape (n, m)
        Columns of `EFFECT_FEATURES`, NaN where missing. A basket that is missing is the median.
    stages : array of int64, shape (n,)
        Of `stages_of`.
    churn_probability : array of float64, shape (n,)
    retained_cents : array of float64, shape (n,)
        Margin of a customer retained, in smallest units of money.
    allowed : array of bool, shape (n, k)
    """
    basket = values[:, _BASKET]
    is_missing = ~np.isfinite(basket)
    usual = float(np.median(basket[~is_missing])) if not is_missing.all() else 0.0
    churn = np.clip(np.nan_to_num(churn_probability, nan=1.0), 0.0, 1.0)
    return Customers(
        features=np.column_stack([values[:, _PLACES], churn]),
        stages=stages,
        order_probabilities=1 - churn,
        order_margins_cents=np.maximum(np.nan_to_num(retained_cents), 0.0),
        baskets_cents=np.maximum(np.where(is_missing, usual, basket), 0.0),
        allowed=allowed,
    )
