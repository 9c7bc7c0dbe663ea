"""What every action would do to every customer, in closed form (see `simulate.truth`)."""

from dataclasses import dataclass

import numpy as np

from retention_ml.simulate import truth
from retention_ml.simulate.response.responding_shop import (
    MARGIN_SHARE,
    ORDER_CENTS,
    RespondingShop,
)
from retention_ml.simulate.seasons import Floats, Integers, season_factor


@dataclass(frozen=True, slots=True, kw_only=True)
class PotentialOutcomes:
    """Expected outcomes of a window that opens today, by customer and action, shape (n, actions).

    Attributes
    ----------
    purchase_probability : array of float64
        P(at least one order).
    orders : array of float64
        Expected number of orders.
    margin_cents : array of float64
        Expected margin after discounts, before the cost of the contact.
    """

    purchase_probability: Floats
    orders: Floats
    margin_cents: Floats

    @property
    def purchase_effect(self) -> Floats:
        """Change of the probability against `none`, shape (n, actions)."""
        return self.purchase_probability - self.purchase_probability[:, :1]

    @property
    def margin_effect_cents(self) -> Floats:
        """Change of the margin against `none`, shape (n, actions)."""
        return self.margin_cents - self.margin_cents[:, :1]


def potential_outcomes(
    shop: RespondingShop, customers: Integers, window_days: int
) -> PotentialOutcomes:
    """The truth about customers today, given their rates and whether they are still alive.

    Parameters
    ----------
    customers : array of int64, shape (n,)
        Their first order must have come.
    window_days : int
        Days of the window. An action that works longer is cut off, one that works for fewer
        days is followed by days without.
    """
    people, world = shop.people, shop.world
    rate = people.purchase_rate_per_day[customers]
    dropout = people.dropout_rate_per_day[customers]
    alive = people.dropped_out_at[customers] > shop.today
    season = season_factor(shop.first + shop.today + np.arange(window_days))
    shape = (len(customers), len(world.action_ids))
    probability, orders, margin = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    for action, multipliers in enumerate(world.multipliers):
        silent, gone = np.ones(len(customers)), np.zeros(len(customers))
        surviving, expected = np.ones(len(customers)), np.zeros(len(customers))
        silent_effect = None
        for day in range(window_days):
            if day == world.effect_days[action]:
                silent_effect = silent + gone
            works = day < world.effect_days[action]
            multiplier = multipliers[people.type_index[customers]] if works else 1.0
            hazard = rate * multiplier * season[day]
            expected += hazard * surviving * -np.expm1(-dropout) / dropout
            surviving = surviving * np.exp(-dropout)
            silent, left = truth.day_without_order(silent, hazard, dropout)
            gone += left
        silent_effect = silent + gone if silent_effect is None else silent_effect
        probability[:, action] = np.where(alive, 1 - silent - gone, 0.0)
        orders[:, action] = np.where(alive, expected, 0.0)
        redeemed = np.where(alive, 1 - silent_effect, 0.0)
        margin[:, action] = ORDER_CENTS * (
            MARGIN_SHARE * orders[:, action] - world.discount_shares[action] * redeemed
        )
    return PotentialOutcomes(purchase_probability=probability, orders=orders, margin_cents=margin)
