"""A bandit replayed over the evidence: what it would have drawn, before it knew what followed.

Each decision gets the probabilities of a bandit that had learned only from decisions whose outcome
was known by then. So it can be evaluated on the same ledger that it learns from, also on decisions
made before there was a bandit.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from retention_ml.actions.catalogue.action import Action
from retention_ml.actions.effects.bandit import (
    NAMES,
    arms_of,
    bandit_customers,
    parameters_of,
)
from retention_ml.actions.learning.evidence import Evidence
from retention_ml.models.bandit.bandit import begin, decide, learn
from retention_ml.models.bandit.customers import Arms, ClosedDecisions
from retention_ml.models.bandit.state import BanditState
from retention_ml.scores.tiers import TIERS
from retention_ml.settings import Settings
from retention_ml.statistics.arrays import Bools, Floats
from retention_ml.statistics.off_policy.log import TOLERANCE

LEARNED_MIN = 200
"""Decisions that the bandit must have learned from before a decision of it is evaluated."""

_EPOCH_ORDINAL = 719_163  # of 1970-01-01


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """A bandit and what it would have drawn on each day of the evidence; n decisions.

    Parameters
    ----------
    decisions : ClosedDecisions
        All that could have been left alone, by day.
    shadow : array of float64, shape (n, k)
        What the bandit would have drawn, knowing what was known on the day.
    is_evaluable : array of bool, shape (n,)
        Where it had learned from `LEARNED_MIN` decisions.
    state : BanditState
        After all of them.
    """

    arms: Arms
    decisions: ClosedDecisions
    shadow: Floats
    is_evaluable: Bools
    state: BanditState


def replay(
    evidence: Evidence, actions: Sequence[Action], settings: Settings, *, outcome_days: int
) -> Replay | None:
    """The bandit over the evidence; equal evidence and settings give equal bits.

    Parameters
    ----------
    actions : sequence of Action, length k
        Those of the evidence, `none` first.
    outcome_days : int
        From a decision to the day on which its outcome is known.

    Returns
    -------
    Replay or None
        None without an action or any decision.
    """
    if len(actions) < 2:
        return None
    decisions = as_decisions(evidence, settings)
    if len(decisions) == 0:
        return None
    parameters = parameters_of(settings, len(actions))
    arms = arms_of(
        actions,
        evidence.actions,
        minor_units=settings.calendar.minor_units,
        explore_share=settings.actions.explore_share,
    )
    days = np.unique(decisions.decided_on)
    state = begin(
        arms,
        decisions.customers,
        stages=TIERS,
        features=NAMES,
        parameters=parameters,
        day=int(days[0]),
        seed=settings.training.seed,
    )
    shadow = np.empty(decisions.propensities.shape)
    is_evaluable = np.zeros(len(decisions), dtype=np.bool_)
    for day in days.tolist():
        known_until = day - outcome_days + 1
        state = learn(state, arms, decisions, parameters=parameters, closed_until=known_until)
        rows = decisions.decided_on == day
        customers = decisions.customers.subset(rows)
        shadow[rows] = decide(state, arms, customers, parameters=parameters, day=day).propensities
        is_evaluable[rows] = state.decisions_count >= LEARNED_MIN
    last = int(days[-1]) + 1
    state = learn(state, arms, decisions, parameters=parameters, closed_until=last)
    return Replay(
        arms=arms,
        decisions=decisions,
        shadow=shadow,
        is_evaluable=is_evaluable,
        state=state,
    )


def as_decisions(evidence: Evidence, settings: Settings) -> ClosedDecisions:
    """The evidence as the bandit reads it: of those who could have been left alone.

    Decisions in which an action could be drawn that is no more are left out.
    """
    chances = evidence.chances
    is_whole = (abs(chances.sum(axis=1) - 1) < TOLERANCE) & (chances[:, 0] > 0)
    is_drawn = chances[np.arange(len(evidence)), evidence.action] > 0
    rows = np.flatnonzero(is_whole & is_drawn & (evidence.action >= 0))
    chances = chances[rows]
    customers = bandit_customers(
        evidence.values[rows],
        stages=evidence.stage[rows],
        churn_probability=evidence.churn_probability[rows],
        retained_cents=evidence.value[rows] * settings.calendar.minor_units,
        allowed=chances > 0,
    )
    return ClosedDecisions(
        customers=customers,
        actions=evidence.action[rows],
        propensities=chances,
        ordered=evidence.retained[rows],
        decided_on=evidence.day[rows] - _EPOCH_ORDINAL,
    )
