"""Who is contacted in a round of decisions: riskiest first, by lot, by a learned effect, by an oracle.

A policy answers with the probability of a contact for every customer of the round. All but the
oracle see only what was known: features, and rounds whose window had closed a day before.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from retention_ml.models.predictors.linear import Normaliser, ridge_logistic
from retention_ml.models.uplift.effect_models import TwoModels
from retention_ml.models.uplift.learners import two_ridges
from retention_ml.models.uplift.sample import UpliftSample, folds
from retention_ml.models.uplift.shrinkage import SlopePrior, believed_slope, shrink
from retention_ml.simulate.response.decision_features import RFM, rfm
from retention_ml.simulate.response.responding_shop import RespondingShop
from retention_ml.simulate.seasons import Columns
from retention_ml.statistics.arrays import Bools, Floats, Ints
from retention_ml.statistics.asymptotic import half_widths, mixture_variance
from retention_ml.statistics.rate import Estimate, contact_weights, effect_scores

ERROR_RATE = 0.05
EXPLORE_SHARE = 0.10
ROWS_MIN = 2_000
_RISK_DAYS = 28
_RISK_PENALTY = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Round(Columns):
    """The customers of one round of decisions; outcomes are NaN until the window has closed.

    Attributes
    ----------
    round_number, customer : array of int64, shape (n,)
    is_lot : array of bool, shape (n,)
        Whether the lot decided in this round, not a model.
    features : array of float64, shape (n, k)
    propensity : array of float64, shape (n,)
        The probability of the contact.
    contacted : array of bool, shape (n,)
    alone_cents, effect_cents : array of float64, shape (n,)
        The truth: the expected margin without a contact, and what a contact changes in it.
    orders, margin_cents : array of float64, shape (n,)
        In the window.
    """

    round_number: Ints
    customer: Ints
    is_lot: Bools
    features: Floats
    propensity: Floats
    contacted: Bools
    alone_cents: Floats
    effect_cents: Floats
    orders: Floats
    margin_cents: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What binds every policy: cost of a contact, and the share of the customers of a round."""

    cost_cents: float
    budget_share: float


Policy = Callable[[Round, Sequence[Round]], Floats]
"""From the round (its outcomes NaN) and the closed rounds before to probabilities, shape (n,)."""


def by_lot(terms: Terms) -> Policy:
    """Everybody with the same probability."""
    return lambda current, _: np.full(len(current), terms.budget_share)


def oracle(terms: Terms) -> Policy:
    """Those with the largest true effect, as far as it pays."""
    return lambda current, _: contact_weights(
        current.effect_cents - terms.cost_cents, terms.budget_share
    )


def riskiest_first(shop: RespondingShop, terms: Terms) -> Policy:
    """Those who will most probably not order, by a logistic regression fitted to the history.

    The shop lives through its last 28 days before the decisions to get the outcomes.
    """
    customers = np.flatnonzero(shop.is_active())
    values = rfm(shop, customers)
    shop.advance(_RISK_DAYS)
    stayed_away = (shop.orders[shop.today - _RISK_DAYS : shop.today, customers] == 0).all(axis=0)
    normaliser = Normaliser.of(values)
    fit = ridge_logistic(
        normaliser.design(values), stayed_away * 1.0, np.ones(len(values)), _RISK_PENALTY
    )
    model = normaliser.linear(*fit)

    def probabilities(current: Round, _: Sequence[Round]) -> Floats:
        risk = model.margin(current.features[:, : len(RFM)])
        return contact_weights(risk - risk.min() + 1, terms.budget_share)

    return probabilities


@dataclass(slots=True, kw_only=True)
class Learning:
    """First by lot; then by a T-learner whose differences are shrunk, a part still by lot.

    A policy is stopped for good when the upper end of its profit's confidence sequence is below
    zero: from then on nobody is contacted but by exploration, until a model says otherwise, and
    not even then once the model's own decisions were stopped.

    Parameters
    ----------
    terms : Terms
    features : tuple of str
        Names of the features.
    lot_rounds : int
        So many rounds by lot.
    explore_share : float
        Of the decisions afterwards that stay with the lot.
    decisions_planned : float
        Sets where the confidence sequence is tightest.
    stopped : dict
        The round in which the lot (True) and the model (False) were stopped.
    """

    terms: Terms
    features: tuple[str, ...]
    lot_rounds: int
    explore_share: float
    decisions_planned: float
    stopped: dict[bool, int] = field(default_factory=dict)

    def is_lot(self, number: int, closed: Sequence[Round]) -> bool:
        """Whether the lot decides in a round."""
        return number < self.lot_rounds or sum(map(len, closed)) < ROWS_MIN

    def __call__(self, current: Round, closed: Sequence[Round]) -> Floats:
        """Probabilities of a contact, shape (n,)."""
        number = int(current.round_number[0])
        lot = np.full(len(current), self.terms.budget_share)
        if not closed:
            return lot
        decisions = Round.concatenate(closed)
        model = ShrunkEffect.fit(decisions, self.features)
        self._look(decisions, model, number)
        by_lot_now = self.is_lot(number, closed)
        if by_lot_now in self.stopped:
            return self.explore_share * lot
        if by_lot_now:
            return lot
        net = model.effect_cents(current.features) - self.terms.cost_cents
        chosen = contact_weights(net, self.terms.budget_share)
        return self.explore_share * lot + (1 - self.explore_share) * chosen

    def _look(self, decisions: Round, model: "ShrunkEffect", number: int) -> None:
        for is_lot in (True, False):
            rows = decisions.is_lot == is_lot
            if is_lot in self.stopped or not rows.any():
                continue
            earned = decisions.propensity[rows] * (model.scores_cents[rows] - self.terms.cost_cents)
            count = np.array([float(len(earned))])
            half = half_widths(
                np.array([earned.std() / np.sqrt(len(earned))]),
                count,
                error_rate=ERROR_RATE,
                rho_squared=mixture_variance(ERROR_RATE, self.decisions_planned),
            )[0]
            if earned.mean() + half < 0:
                self.stopped[is_lot] = number


@dataclass(frozen=True, slots=True, kw_only=True)
class ShrunkEffect:
    """P(order) with and without a contact, in money, and how much of it is believed.

    Parameters
    ----------
    model : TwoModels
    value_cents : float
        Mean margin of a window with an order.
    centre_cents, average_cents, believed : float
        See `models.uplift.shrinkage`.
    scores_cents : array of float64, shape (n,)
        Effect scores of the decisions it was fitted to, by models that did not see the customer.
    """

    model: TwoModels
    value_cents: float
    centre_cents: float
    average_cents: float
    believed: float
    scores_cents: Floats

    @classmethod
    def fit(
        cls, decisions: Round, features: tuple[str, ...], money: Floats | None = None
    ) -> "ShrunkEffect":
        """Fitted to closed decisions.

        Decisions weigh p (1 - p) in the average effect and in the slope: where a contact was nearly
        certain either way, an effect score is 1 / p or 1 / (1 - p) times as noisy.

        Parameters
        ----------
        money : array of float64, shape (n,), optional
            What the effect scores count. By default orders times the mean margin of an order:
            amounts are noise to the effect.
        """
        ordered = decisions.orders > 0
        value = float(decisions.margin_cents.sum() / ordered.sum())
        if money is None:
            money = decisions.orders * float(decisions.margin_cents.sum() / decisions.orders.sum())
        sample = UpliftSample(
            features=features,
            values=decisions.features,
            treated=decisions.contacted,
            outcome=ordered * 1.0,
            propensity=decisions.propensity,
            groups=decisions.customer,
        )
        part = folds(sample, 2, 0)
        scores, promised = np.empty(len(sample)), np.empty(len(sample))
        for k in range(2):
            test = part == k
            if_treated, if_control = two_ridges(sample.take(~test)).outcomes(sample.values[test])
            promised[test] = value * (if_treated - if_control)
            scores[test] = effect_scores(
                money[test],
                sample.treated[test],
                sample.propensity[test],
                value * if_treated,
                value * if_control,
            )
        weights = decisions.propensity * (1 - decisions.propensity)
        average = float(np.average(scores, weights=weights))
        model = two_ridges(sample)
        effect = value * model.effect(sample.values)
        return cls(
            model=model,
            value_cents=value,
            centre_cents=float(np.average(effect, weights=weights)),
            average_cents=average,
            believed=believed_slope(
                _weighted_slope(scores, promised, weights, decisions.customer), SlopePrior()
            ),
            scores_cents=scores,
        )

    def effect_cents(self, values: Floats) -> Floats:
        """Expected change of the margin by a contact, shape (n,), of features (n, k)."""
        return shrink(
            self.value_cents * self.model.effect(values),
            centre=self.centre_cents,
            average_effect=self.average_cents,
            slope=self.believed,
        )


def _weighted_slope(scores: Floats, promised: Floats, weights: Floats, groups: Ints) -> Estimate:
    """Slope of effect scores on promised effects; its error over customers."""
    x = promised - np.average(promised, weights=weights)
    y = scores - np.average(scores, weights=weights)
    spread = float(weights @ x**2)
    slope = float(weights @ (x * y)) / spread
    influence = np.bincount(groups, weights * x * (y - slope * x)) / spread
    return Estimate(slope, float(np.sqrt(influence @ influence)))
