"""Decisions with everything that happened and would have happened, to learn from and to judge by.

Benchmarks of effect models and bandits draw their data here:

>>> from retention_ml.simulate.response.decision_log import feature_names, lot_decisions
>>> from retention_ml.simulate.response.worlds import FOUR_TYPES
>>> world = FOUR_TYPES.only("email")
>>> decisions = lot_decisions(world, customers=2_000, rounds=2, seed=1)
>>> decisions.features.shape[1] == len(feature_names(world))
True
>>> set(decisions.treatment.tolist()), set(decisions.propensity.tolist())
({0, 1}, {0.5})
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from retention_ml.simulate.response.decision_features import RFM, OwnAnswers, answer_names, rfm
from retention_ml.simulate.response.potential_outcomes import potential_outcomes
from retention_ml.simulate.response.responding_shop import RespondingShop
from retention_ml.simulate.response.worlds import World
from retention_ml.simulate.seasons import Booleans, Columns, Floats, Integers

EVERY_DAYS = 28
WINDOW_DAYS = 14


@dataclass(frozen=True, slots=True, kw_only=True)
class Decisions(Columns):
    """One row per decision whose window has closed.

    Attributes
    ----------
    customer, round_number : array of int64, shape (n,)
        Who, and in which round of decisions, from 0; a customer is decided on once a round.
    features : array of float64, shape (n, n_features)
        What was known before the decision, named by `feature_names`.
    action : array of int64, shape (n,)
        What was drawn, an index into `world.action_ids`; 0 is `none`.
    propensities : array of float64, shape (n, actions)
        The probability with which each action could be drawn.
    ordered : array of bool, shape (n,)
        Whether an order came within the window.
    margin_cents : array of float64, shape (n,)
        Margin of the window after discounts, before the cost of the contact.
    purchase_effect : array of float64, shape (n, actions)
        The truth: change of P(order) by each action against `none`.
    margin_effect_cents : array of float64, shape (n, actions)
        The truth: change of the expected margin after discounts, before the cost of the contact.
    """

    customer: Integers
    round_number: Integers
    features: Floats
    action: Integers
    propensities: Floats
    ordered: Booleans
    margin_cents: Floats
    purchase_effect: Floats
    margin_effect_cents: Floats

    @property
    def propensity(self) -> Floats:
        """The probability of what was drawn, shape (n,)."""
        return np.asarray(self.propensities[np.arange(len(self)), self.action])

    @property
    def treatment(self) -> Integers:
        """1 where a contact was drawn, shape (n,)."""
        return (self.action > 0).astype(np.int64)

    def sample(self, rng: np.random.Generator, count: int) -> "Decisions":
        """So many of the decisions by lot, in their order."""
        return self.rows(np.sort(rng.choice(len(self), size=count, replace=False)))


def feature_names(world: World) -> tuple[str, ...]:
    """The columns of `Decisions.features`: `RFM` first, then the customer's own answers."""
    return RFM + answer_names(world.action_ids)


def lot_decisions(
    world: World,
    *,
    customers: int = 20_000,
    rounds: int = 7,
    shares: Sequence[float] | None = None,
    history_days: int = 182,
    seed: int,
) -> Decisions:
    """Rounds of decisions by lot, 28 days apart, about all customers with an order in 90 days.

    20,000 customers make about 8,000 decisions a round; seven rounds take about two seconds.
    Own answers grow from round to round: six rounds to learn from and one to judge by.

    Parameters
    ----------
    shares : sequence of float, optional
        The probability of each action, `none` first, summing to 1. By default all alike.
    """
    count = len(world.action_ids)
    probability = np.full(count, 1 / count) if shares is None else np.asarray(shares, np.float64)
    shop = RespondingShop(
        world, customers=customers, history_days=history_days, days=rounds * EVERY_DAYS, seed=seed
    )
    answers = OwnAnswers(shop)
    pieces = []
    for number in range(rounds):
        customer = np.flatnonzero(shop.is_active())
        features = np.hstack([rfm(shop, customer), answers.features(customer)])
        truth = potential_outcomes(shop, customer, WINDOW_DAYS)
        action = np.random.default_rng([seed, 3, number]).choice(
            count, size=len(customer), p=probability
        )
        start = shop.today
        shop.contact(customer, action)
        shop.advance(EVERY_DAYS)
        answers.close(customer, action, start, WINDOW_DAYS)
        window = slice(start, start + WINDOW_DAYS)
        pieces.append(
            Decisions(
                customer=customer,
                round_number=np.full(len(customer), number, dtype=np.int64),
                features=features,
                action=action,
                propensities=np.tile(probability, (len(customer), 1)),
                ordered=shop.orders[window, customer].sum(axis=0) > 0,
                margin_cents=shop.margin_cents[window, customer].sum(axis=0),
                purchase_effect=truth.purchase_effect,
                margin_effect_cents=truth.margin_effect_cents,
            )
        )
    return Decisions.concatenate(pieces)
