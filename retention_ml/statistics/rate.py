"""How well a ranking finds the customers whom a contact moves: effect scores, QINI, AUTOC, profit.

Everything stands on effect scores: one number per customer whose mean, over any group that was
chosen without looking at the outcomes, is the effect of the contact in that group,

    score = m1 - m0 + t (y - m1) / p - (1 - t) (y - m0) / (1 - p),

with p the propensity that was logged when the contact was drawn and m1, m0 forecasts of the outcome
that were fitted to other customers. Ranked by a priority, the sum of the scores of the first u per
cent over all customers is the gain curve; QINI is the area between it and the straight line that a
draw by lot gives, AUTOC the mean over u of (mean score of the first u per cent - mean score).
Customers of equal priority are taken in random order, by expectation: no order of rows matters.

References
----------
Yadlowsky, Fleming, Shah, Brunskill, Wager, "Evaluating treatment prioritization rules via
rank-weighted average treatment effects", JASA 120 (2025): RATE, its weights for QINI and AUTOC.
Robins, Rotnitzky, Zhao, "Estimation of regression coefficients when some regressors are not always
observed", JASA 89 (1994): the score.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from retention_ml.statistics.arrays import Bools, Floats, Ints
from retention_ml.statistics.metrics import Z_95


class Estimate(NamedTuple):
    """A value with its standard error."""

    value: float
    error: float

    @property
    def lower(self) -> float:
        """The lower end of the 95 % interval."""
        return self.value - Z_95 * self.error

    @property
    def upper(self) -> float:
        """The upper end of the 95 % interval."""
        return self.value + Z_95 * self.error


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """Rank-weighted average effects of one ranking, in units of the outcome per customer.

    Parameters
    ----------
    qini, autoc : Estimate
        0 for a draw by lot. QINI of a reversed ranking is the negative one.
    """

    qini: Estimate
    autoc: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class Profit:
    """What contacting some of the customers brings, per customer whether contacted or not.

    Parameters
    ----------
    profit : Estimate
        In the unit of the values.
    contacted_share : float
        Of the customers, 0 to 1.
    """

    profit: Estimate
    contacted_share: float


def effect_scores(
    outcome: Floats,
    treated: Bools,
    propensity: Floats,
    outcome_if_treated: Floats,
    outcome_if_control: Floats,
) -> Floats:
    """The effect score of every customer, shape (n,).

    Parameters
    ----------
    outcome : array of float64, shape (n,)
    treated : array of bool, shape (n,)
    propensity : array of float64, shape (n,)
        Probability of the contact as logged, above 0 and below 1.
    outcome_if_treated, outcome_if_control : arrays of float64, shape (n,)
        Forecasts by models that did not see the customer. Poor ones widen intervals, nothing else.

    Examples
    --------
    >>> effect_scores(
    ...     np.array([1.0, 0.0]), np.array([True, False]), np.full(2, 0.5), np.zeros(2), np.zeros(2)
    ... ).tolist()
    [2.0, 0.0]
    """
    t = treated.astype(np.float64)
    return np.asarray(
        outcome_if_treated
        - outcome_if_control
        + t * (outcome - outcome_if_treated) / propensity
        - (1 - t) * (outcome - outcome_if_control) / (1 - propensity)
    )


def rate(scores: Floats, priority: Floats, groups: Ints | None = None) -> Rate:
    """QINI and AUTOC of a ranking with standard errors by influence functions.

    Parameters
    ----------
    scores : array of float64, shape (n,)
        Effect scores.
    priority : array of float64, shape (n,)
        Who is contacted first: the highest. Must not be learned from these scores.
    groups : array of int64, shape (n,), optional
        The customer of each row, where one has several: their rows are not independent.

    Examples
    --------
    >>> scores = np.array([3.0, 1.0, 0.0, 0.0])
    >>> ranking = rate(scores, np.array([4.0, 3.0, 2.0, 1.0]))
    >>> reverse = rate(scores, np.array([1.0, 2.0, 3.0, 4.0]))
    >>> ranking.qini.value, reverse.qini.value, rate(scores, np.zeros(4)).qini.value
    (0.3125, -0.3125, 0.0)
    """
    qini, autoc = _influences(scores, priority)
    return Rate(qini=_estimate(*qini, groups), autoc=_estimate(*autoc, groups))


def qini_difference(
    scores: Floats, priority: Floats, other: Floats, groups: Ints | None = None
) -> Estimate:
    """QINI of a ranking minus that of another on the same customers, paired."""
    value, influence = _influences(scores, priority)[0]
    value_of_other, influence_of_other = _influences(scores, other)[0]
    return _estimate(value - value_of_other, influence - influence_of_other, groups)


def gain_curve(scores: Floats, priority: Floats, shares: Floats) -> Floats:
    """Sum of the scores of the first share of the customers, over all customers, shape (m,).

    Parameters
    ----------
    shares : array of float64, shape (m,)
        0 to 1; the last customer may count in part.

    Examples
    --------
    >>> gain_curve(np.array([3.0, 1.0, 0.0, 0.0]), np.arange(4.0)[::-1], np.array([0.25, 1.0]))
    array([0.75, 1.  ])
    """
    ties = _Ties.of(priority)
    counts = np.append(0, ties.ends)
    sums = np.append(0.0, np.cumsum(ties.sums(scores)))
    return np.asarray(np.interp(np.asarray(shares) * len(scores), counts, sums) / len(scores))


def contact_weights(net: Floats, share: float = 1.0) -> Floats:
    """The chance of each customer to be contacted under a budget, shape (n,).

    Parameters
    ----------
    net : array of float64, shape (n,)
        What a contact is expected to bring after its cost. Nobody is contacted at a loss.
    share : float
        Of the customers who can be contacted at most: those with the highest `net`.

    Examples
    --------
    >>> contact_weights(np.array([2.0, 1.0, 1.0, -1.0]), share=0.5).tolist()
    [1.0, 0.5, 0.5, 0.0]
    """
    ties = _Ties.of(net)
    begins, wanted = ties.ends - ties.counts, share * len(net)
    weights = np.clip((wanted - begins) / ties.counts, 0, 1)
    return np.where(net > 0, weights[ties.index], 0.0)


def profit(
    scores: Floats,
    effect: Floats,
    *,
    value: Floats | float,
    cost: Floats | float,
    share: float = 1.0,
    groups: Ints | None = None,
) -> Profit:
    """What contacting everybody whose effect pays brings, at most a share of the customers.

    Parameters
    ----------
    scores, effect : arrays of float64, shape (n,)
        Effect scores, and the effects that were promised, in units of the outcome.
    value, cost : array of float64, shape (n,), or float
        Of one unit of the outcome, and of a contact. A contact pays where value x effect > cost.
    """
    chosen = contact_weights(np.asarray(value * effect - cost), share)
    earned = chosen * (value * scores - cost)
    mean = float(earned.mean())
    return Profit(
        profit=_estimate(mean, earned - mean, groups), contacted_share=float(chosen.mean())
    )


def mean_effect(scores: Floats, groups: Ints | None = None) -> Estimate:
    """The average effect, with its standard error over customers."""
    mean = float(scores.mean())
    return _estimate(mean, scores - mean, groups)


def pooled(estimates: list[Estimate], counts: list[int]) -> Estimate:
    """The mean of estimates from separate rows, each counting as many times as it has rows.

    Examples
    --------
    >>> pooled([Estimate(1.0, 0.3), Estimate(3.0, 0.4)], [10, 10])
    Estimate(value=2.0, error=0.25)
    """
    shares = np.array(counts) / sum(counts)
    values, errors = np.array(estimates).T
    return Estimate(float(shares @ values), float(np.sqrt((shares * errors) @ (shares * errors))))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ties:
    """Rows of equal priority, from the highest on.

    `index` is the tie of each row, `ends` how many rows there are up to the end of each tie.
    """

    index: Ints
    counts: Ints
    ends: Ints

    @classmethod
    def of(cls, priority: Floats) -> "_Ties":
        _, index, counts = np.unique(-priority, return_inverse=True, return_counts=True)
        return cls(index=index, counts=counts, ends=np.cumsum(counts))

    def sums(self, values: Floats) -> Floats:
        """Sum of the values of each tie."""
        sums = np.bincount(self.index, weights=values, minlength=len(self.counts))
        return sums.astype(np.float64)


def _influences(
    scores: Floats, priority: Floats
) -> tuple[tuple[float, Floats], tuple[float, Floats]]:
    """QINI and AUTOC, each with the influence of every row on it, of mean 0."""
    n, ties = len(scores), _Ties.of(priority)
    total, sums = float(scores.mean()), ties.sums(scores)
    # QINI = mean of score x (1/2 - u), u the rank from the top as a share, ties in the middle.
    ranks = (ties.ends - ties.counts / 2) / n
    weights = (0.5 - ranks)[ties.index]
    qini = float((scores * weights).mean())
    after = total - (np.cumsum(sums) - sums / 2) / n  # mean score of the rows that come later
    qini_influence = scores * weights + (total / 2 - after)[ties.index] - 2 * qini
    # AUTOC = mean of score x (sum of 1/k over all k from the rank to n, minus 1).
    harmonics = np.append(0.0, np.cumsum(1 / np.arange(1, n + 1)))
    tails = np.append(0.0, np.cumsum(harmonics[-1] - harmonics[:-1]))
    begins = ties.ends - ties.counts
    weights = ((tails[ties.ends] - tails[begins]) / ties.counts - 1)[ties.index]
    autoc = float((scores * weights).mean())
    steps = sums * (harmonics[ties.ends] - harmonics[begins]) / ties.counts  # sum of score / rank
    after = steps.sum() - np.cumsum(steps) + steps / 2
    autoc_influence = scores * weights - autoc + (total - after)[ties.index]
    return (qini, qini_influence), (autoc, autoc_influence - autoc_influence.mean())


def _estimate(value: float, influence: Floats, groups: Ints | None) -> Estimate:
    n = len(influence)
    if groups is not None:
        index = np.unique(groups, return_inverse=True)[1]
        influence = np.bincount(index, weights=influence).astype(np.float64)
    independent = len(influence)
    if independent < 2:
        return Estimate(value, float("inf"))
    correction = independent / (independent - 1)
    return Estimate(value, float(np.sqrt(correction * (influence @ influence))) / n)
