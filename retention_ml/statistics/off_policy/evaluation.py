"""Whether a policy earns more than another, or why a log cannot say."""

from dataclasses import dataclass
from enum import StrEnum

from retention_ml.statistics.arrays import Floats
from retention_ml.statistics.bootstrap import Interval
from retention_ml.statistics.off_policy.balance import Balance, balance
from retention_ml.statistics.off_policy.estimators import (
    doubly_robust_scores,
    effective_count,
    mean_interval,
    supported,
    weights,
)
from retention_ml.statistics.off_policy.log import TOLERANCE, Log


class Verdict(StrEnum):
    """What a log can say about a policy against another."""

    BETTER = "better"
    WORSE = "worse"
    UNDECIDED = "undecided"
    NOT_EVALUABLE = "not evaluable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """What a log says about a policy, and about its advantage over another.

    Attributes
    ----------
    value, difference : Interval or None
        Mean reward a decision by the doubly robust estimator, and its difference to the other
        policy; None where not evaluable.
    effective_count : float
        Decisions of a log without weights that would say as much; the smaller of both policies.
    weight_max : float
        Largest 1/p of a drawn action.
    support_share : float
        Share of the decisions in which every action that either policy may choose could have
        been drawn; the others are left out of the estimate.
    """

    value: Interval | None
    difference: Interval | None
    effective_count: float
    weight_max: float
    support_share: float
    balance: Balance
    verdict: Verdict
    reason: str


def evaluate_policy(
    log: Log,
    policy: Floats,
    predictions: Floats,
    *,
    other: Floats,
    features: Floats | None = None,
    floor: float,
    effective_min: float,
    support_min: float = 0.95,
    balance_error_rate: float = 0.01,
    error_rate: float = 0.05,
    count_planned: float | None = None,
    seed: int = 0,
) -> Evaluation:
    """Whether a policy earns more than another, or why the log cannot say.

    Parameters
    ----------
    policy, other : array of float64, shape (n, n_actions)
        Probabilities of the actions; `always` makes those of a fixed action.
    predictions : array of float64, shape (n, n_actions)
        From `cross_fitted_predictions`.
    features : array of float64, shape (n, k), optional
        For the balance test.
    floor : float
        Least propensity of a drawn action that can be evaluated.
    effective_min : float
        Fewest effective decisions of either policy.
    support_min : float
        Least share of decisions in which both policies could have been followed.
    balance_error_rate : float
        Chance of refusing propensities that are true.
    error_rate : float
        Chance that an interval misses; the verdict goes by that of the difference.
    count_planned : float, optional
        Decisions foreseen in the whole log. Then the intervals form a confidence sequence: they
        miss at any look at all with a chance of `error_rate`. Without it, at this one look.
    """
    check = balance(log, features, seed=seed)
    rows = supported(log, policy) & supported(log, other)
    support_share = float(rows.mean())
    weight_max = float(1 / log.drawn_propensities.min())
    effective = 0.0
    if rows.any():
        subset = log.subset(rows)
        effective = min(effective_count(weights(subset, each[rows])) for each in (policy, other))
    reason = ""
    if check.p_value <= balance_error_rate:
        reason = (
            f"the actions are not distributed as the logged propensities say (p = "
            f"{check.p_value:.3f}; action {check.action}: sum of 1/p is {check.ratio:.2f} of the "
            "decisions, expected 1): log the probability that each action was drawn with"
        )
    elif weight_max > (1 + TOLERANCE) / floor:
        reason = (
            f"a decision was drawn with probability {1 / weight_max:.4f}, expected {floor:g} at "
            "least: one decision would stand for too many"
        )
    elif support_share < support_min:
        reason = (
            f"in {support_share:.0%} of the decisions both policies could have been followed, "
            f"expected {support_min:.0%} at least"
        )
    elif effective < effective_min:
        reason = (
            f"the log says as much as {effective:.0f} decisions of the policy, expected "
            f"{effective_min:g} at least: wait, or explore more"
        )
    value = difference = None
    verdict = Verdict.NOT_EVALUABLE
    if not reason:
        policy_scores, other_scores = (
            doubly_robust_scores(subset, each[rows], predictions[rows]) for each in (policy, other)
        )
        value, difference = (
            mean_interval(scores, error_rate=error_rate, count_planned=count_planned)
            for scores in (policy_scores, policy_scores - other_scores)
        )
        verdict = _verdict(difference)
        reason = (
            f"the difference is {difference.value:.4g} a decision, between {difference.lower:.4g} "
            f"and {difference.upper:.4g}"
        )
    return Evaluation(
        value=value,
        difference=difference,
        effective_count=effective,
        weight_max=weight_max,
        support_share=support_share,
        balance=check,
        verdict=verdict,
        reason=reason,
    )


def _verdict(difference: Interval) -> Verdict:
    if difference.lower > 0:
        return Verdict.BETTER
    return Verdict.WORSE if difference.upper < 0 else Verdict.UNDECIDED
