"""A bandit on the evidence: what it has learned, and what it would have earned."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from retention_ml.actions.catalogue.action import Action
from retention_ml.actions.effects.bandit import parameters_of
from retention_ml.actions.learning.evidence import Evidence
from retention_ml.actions.learning.policy_values import PolicyComparison, compare_policies
from retention_ml.actions.learning.replay import LEARNED_MIN, replay
from retention_ml.models.bandit.bundle import BanditBundle
from retention_ml.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class BanditResult:
    """What a training knows of the bandit.

    Parameters
    ----------
    bundle : BanditBundle
        After all evidence.
    comparison : PolicyComparison
        With the fixed winner, on decisions that it had not learned from.
    """

    bundle: BanditBundle
    comparison: PolicyComparison


def bandit_result(
    evidence: Evidence, actions: Sequence[Action], settings: Settings, *, meaning: Mapping[str, Any]
) -> BanditResult | str:
    """The bandit and its comparison, or why there is none yet, in words.

    Parameters
    ----------
    actions : sequence of Action
        Those of the evidence, `none` first.
    meaning : mapping
        What the manifest says of it.
    """
    churn = settings.churn
    bandit = replay(
        evidence,
        actions,
        settings,
        outcome_days=churn.lead_days + churn.horizon_days + churn.settle_days,
    )
    comparison = compare_policies(bandit, settings) if bandit is not None else None
    if bandit is None or comparison is None:
        return (
            "No decision drawn by lot with a known outcome was made after "
            f"{LEARNED_MIN} others were known, so that nothing shows what a bandit would have "
            "earned. Go on drawing by lot."
        )
    bundle = BanditBundle(
        state=bandit.state,
        parameters=parameters_of(settings, len(actions)),
        explore_share=settings.actions.explore_share,
        meaning=meaning,
    )
    return BanditResult(bundle=bundle, comparison=comparison)
