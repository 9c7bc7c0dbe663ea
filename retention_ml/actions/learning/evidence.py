"""Decisions that a lot made, and how probable each action was among those drawn.

Only what was drawn counts, by the platform's lot, by an experiment or by a bandit. Whom a policy
chose without a lot may be contacted by a lot soon after, so that they do not show what happens
without a contact; those drawn rest until their outcome is known. The propensities in the ledger are those before
anybody was drawn: among the drawn other ones hold, which follow from them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from retention_ml.models.uplift.sample import UpliftSample
from retention_ml.statistics.arrays import Floats, Ints

NONE = "none"
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Decisions drawn by lot whose outcome is known; n rows, k actions, `none` the first.

    Parameters
    ----------
    actions : tuple of str, length k
    features : tuple of str
        Names of the columns of `values`.
    values : array of float64, shape (n, m)
        As known at the start of the decision day, NaN where missing.
    day : array of int64, shape (n,)
        Ordinal of the decision day.
    customer : array of int64, shape (n,)
        A number for each customer.
    action : array of int64, shape (n,)
        Place of the action drawn.
    stage : array of int64, shape (n,)
        Number of the risk tier on the decision day, in the order of `scores.tiers.TIERS`.
    chances : array of float64, shape (n, k)
        Probability of each action among those drawn; 0 where it could not be drawn.
    retained : array of float64, shape (n,)
        1 with an order in the outcome window, else 0.
    margin : array of float64, shape (n,)
        What the window brought after the cost, in the shop's currency.
    churn_probability, value, cost : array of float64, shape (n,)
        As forecast on the decision day; the margin that a retained customer is worth, and the
        expected cost of the action drawn, in the shop's currency.
    abnormal_count : int
        Decisions about customers who were found out to be abnormal since. They stay: whom a contact
        made order is found out more easily, and what is left would be no lot any more.
    """

    actions: tuple[str, ...]
    features: tuple[str, ...]
    values: Floats
    day: Ints
    customer: Ints
    action: Ints
    stage: Ints
    chances: Floats
    retained: Floats
    margin: Floats
    churn_probability: Floats
    value: Floats
    cost: Floats
    abnormal_count: int = 0

    def __len__(self) -> int:
        return len(self.action)

    def against_none(self, action_id: str) -> Ints:
        """Rows that got an action or none and could have got either, in their order."""
        place = self.actions.index(action_id)
        is_pair = (self.action == place) | (self.action == 0)
        return np.flatnonzero(is_pair & (self.chances[:, [0, place]] > 0).all(axis=1))

    def sample(self, action_id: str) -> UpliftSample:
        """Those rows to learn the effect from: treated, with the propensity of the two.

        Features with one value are left out.
        """
        rows = self.against_none(action_id)
        place = self.actions.index(action_id)
        chance = self.chances[rows]
        values = self.values[rows]
        differs = _differs(values)
        return UpliftSample(
            features=tuple(name for name, one in zip(self.features, differs, strict=True) if one),
            values=values[:, differs],
            treated=self.action[rows] == place,
            outcome=self.retained[rows],
            propensity=chance[:, place] / (chance[:, place] + chance[:, 0]),
            groups=self.customer[rows],
        )


def lot_chances(
    names: Sequence[str],
    propensities: Mapping[str, float],
    *,
    explore_share: float,
    is_as_logged: bool,
) -> list[float]:
    """The probability of each action for those who were drawn, from the logged propensities.

    An experiment logs the shares of its arms, a bandit what it drew by: these. The platform's lot
    draws evenly among the actions allowed; one that a limit closed gives its part to `none`. What a
    policy chose without a lot has the rest of its probability from there, which is taken off.

    Parameters
    ----------
    names : sequence of str, length k
        `none` first.
    propensities : mapping of str to float
        Of every allowed action before the lot was drawn, as logged.
    explore_share : float
        Probability of being drawn on that day.
    is_as_logged : bool
        Whether an experiment or a bandit drew: everybody, by the logged propensities.

    Examples
    --------
    Drawn with .1, otherwise mail is chosen; a coupon could no longer be drawn:

    >>> logged = {"none": 0.2 / 3, "mail": 0.9 + 0.1 / 3, "coupon": 0.0}
    >>> chances = lot_chances(
    ...     ["none", "mail", "coupon"], logged, explore_share=0.1, is_as_logged=False)
    >>> [round(one, 3) for one in chances]
    [0.667, 0.333, 0.0]
    >>> lot_chances(["none", "mail"], {"none": 0.3, "mail": 0.7}, explore_share=0, is_as_logged=True)
    [0.3, 0.7]
    """
    if is_as_logged:
        return [propensities.get(name, 0.0) for name in names]
    even, chosen = explore_share / len(propensities), 1 - explore_share
    if explore_share <= 0 or abs(even - chosen) < _ROUNDING < abs(chosen):
        return [0.0] * len(names)  # drawn or chosen: the ledger does not say
    can_draw = {
        name
        for name, p in propensities.items()
        if name != NONE and min(abs(p - even), abs(p - even - chosen)) < _ROUNDING
    }
    part = 1 / len(propensities)
    closed = len(propensities) - 1 - len(can_draw)
    chances = {**dict.fromkeys(can_draw, part), NONE: part * (1 + closed)}
    return [chances.get(name, 0.0) for name in names]


def _differs(values: Floats) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Which columns have more than one value, missing ones counted as another."""
    if len(values) == 0:
        return np.zeros(values.shape[1], dtype=np.bool_)
    is_missing = np.isnan(values)
    filled = np.where(is_missing, np.inf, values)
    low, high = filled.min(axis=0), np.where(is_missing, -np.inf, values).max(axis=0)
    return np.asarray((low < high) | (is_missing.any(axis=0) & ~is_missing.all(axis=0)))
