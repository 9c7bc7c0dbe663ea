"""What policies would have earned on the decisions drawn by lot, and whether the bandit decides.

All are compared with the fixed winner: the action that would have brought the most if everybody who
could draw it had got it. The money of a decision is the known margin, discount and cost with the
observed order.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

from retention_ml import clock
from retention_ml.actions.assignment.policies import BANDIT
from retention_ml.actions.learning.replay import Replay
from retention_ml.clock import day_of
from retention_ml.models.bandit.choice import (
    Choice,
    choose_policy,
    evaluation_features,
    fixed_winner,
    for_everybody,
    money_log,
    money_predictions,
)
from retention_ml.settings import Settings
from retention_ml.statistics.arrays import Floats
from retention_ml.statistics.bootstrap import Interval
from retention_ml.statistics.off_policy.estimators import (
    inverse_propensity,
    self_normalized,
    supported,
    weights,
)
from retention_ml.statistics.off_policy.evaluation import Evaluation, Verdict, evaluate_policy
from retention_ml.statistics.off_policy.log import Log
from retention_ml.warehouse import Transaction

_WINNER = "The best action for everybody who could get it; the others are compared with it."
_PLANNED = 10  # times `uplift.rows_min`: where the intervals of all trainings are the narrowest


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyValue:
    """What a policy would have brought, in the shop's currency a decision.

    Parameters
    ----------
    policy : str
        `bandit`, or an action for everybody.
    ips, snips : float or None
        By weighted outcomes alone; None where not evaluable.
    value, difference : Interval or None
        Doubly robust; the difference is that to the fixed winner.
    """

    policy: str
    is_fixed_winner: bool
    ips: float | None
    snips: float | None
    value: Interval | None
    difference: Interval | None
    evaluation: Evaluation


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyComparison:
    """The values of all policies, and the choice between the bandit and the fixed winner.

    Parameters
    ----------
    values : list of PolicyValue
        The bandit first, then each action for everybody.
    gain_lower : float
        Lower end of what the bandit earns a decision over contacting nobody, in the shop's
        currency; minus infinity where not evaluable.
    could_draw : mapping of str to float
        By action the share of the decisions in which it could be drawn.
    log_from, log_to : date
        First and last decision day.
    """

    choice: Choice
    values: list[PolicyValue]
    gain_lower: float
    could_draw: Mapping[str, float]
    log_from: date
    log_to: date
    decisions_count: int


def compare_policies(bandit: Replay, settings: Settings) -> PolicyComparison | None:
    """The values of the policies; None where no decision can be evaluated."""
    if not bandit.is_evaluable.any():
        return None
    decisions = bandit.decisions.subset(bandit.is_evaluable)
    shadow = bandit.shadow[bandit.is_evaluable]
    fixed = fixed_winner(bandit.arms, bandit.decisions)
    log, predictions = money_log(bandit.arms, decisions), money_predictions(bandit.arms, decisions)
    features = evaluation_features(decisions)
    floor = min(settings.bandit.floor, 0.5 / len(bandit.arms.names))
    effective_min = float(settings.bandit.effective_min)
    error_rate = settings.experiments.error_rate
    count_planned = float(_PLANNED * settings.uplift.rows_min)

    def evaluate(policy: Floats, other: Floats) -> Evaluation:
        return evaluate_policy(
            log,
            policy,
            predictions,
            other=other,
            features=features,
            floor=floor,
            effective_min=effective_min,
            error_rate=error_rate,
            count_planned=count_planned,
        )

    choice = choose_policy(
        bandit.arms,
        decisions,
        shadow,
        fixed=fixed,
        floor=floor,
        effective_min=effective_min,
        error_rate=error_rate,
        count_planned=count_planned,
    )
    units = settings.calendar.minor_units
    winner, nobody = (for_everybody(action, decisions) for action in (fixed, 0))
    values = [_value(BANDIT, False, log, shadow, choice.evaluation, units)]
    for place, name in enumerate(bandit.arms.names):
        policy = for_everybody(place, decisions)
        evaluation = evaluate(policy, winner)
        values.append(_value(name, place == fixed, log, policy, evaluation, units))
    over_nobody = evaluate(shadow, nobody).difference
    return PolicyComparison(
        choice=choice,
        values=values,
        gain_lower=over_nobody.lower / units if over_nobody else -np.inf,
        could_draw=dict(
            zip(bandit.arms.names, decisions.customers.allowed.mean(axis=0).tolist(), strict=True)
        ),
        log_from=day_of(int(decisions.decided_on.min())),
        log_to=day_of(int(decisions.decided_on.max())),
        decisions_count=len(decisions),
    )


def _value(
    name: str, is_winner: bool, log: Log, policy: Floats, evaluation: Evaluation, units: int
) -> PolicyValue:
    ips = snips = None
    if evaluation.verdict is not Verdict.NOT_EVALUABLE:
        rows = supported(log, policy)
        subset, chosen = log.subset(rows), policy[rows]
        ips = inverse_propensity(subset, chosen).value / units
        if weights(subset, chosen).sum() > 0:
            snips = self_normalized(subset, chosen).value / units
    return PolicyValue(
        policy=name,
        is_fixed_winner=is_winner,
        ips=ips,
        snips=snips,
        value=_in_currency(evaluation.value, units),
        difference=_in_currency(evaluation.difference, units),
        evaluation=evaluation,
    )


def _in_currency(interval: Interval | None, units: int) -> Interval | None:
    if interval is None:
        return None
    return Interval(interval.value / units, interval.lower / units, interval.upper / units)


def write_values(
    transaction: Transaction, comparison: PolicyComparison, *, as_of: date, run_id: str
) -> None:
    """Write the values in the place of those of an earlier training of the day."""
    transaction.execute("DELETE FROM actions.policy_values WHERE as_of = :as_of", as_of=as_of)
    for row in as_rows(comparison):
        transaction.insert_row(
            "actions.policy_values",
            {"as_of": as_of, **row, "evaluated_at": clock.now(), "run_id": run_id},
        )


def as_rows(comparison: PolicyComparison) -> list[dict[str, Any]]:
    """The values as rows of `actions.policy_values`, without day and stamps."""
    return [
        {
            "policy": one.policy,
            "is_fixed_winner": one.is_fixed_winner,
            "log_from": comparison.log_from,
            "log_to": comparison.log_to,
            "decisions_count": comparison.decisions_count,
            "effective_count": one.evaluation.effective_count,
            "weight_max": one.evaluation.weight_max,
            "support_share": one.evaluation.support_share,
            "balance_p": one.evaluation.balance.p_value,
            "ips": one.ips,
            "snips": one.snips,
            **_ends(one.value, ("value", "value_lower", "value_upper")),
            **_ends(one.difference, ("difference", "lower", "upper")),
            "verdict": str(one.evaluation.verdict),
            "reason": _WINNER if one.is_fixed_winner else _sentence(one.evaluation.reason),
        }
        for one in comparison.values
    ]


def _ends(interval: Interval | None, names: tuple[str, str, str]) -> dict[str, float | None]:
    return dict(zip(names, interval or (None, None, None), strict=True))


def _sentence(reason: str) -> str:
    return f"{reason[:1].upper()}{reason[1:]}."
