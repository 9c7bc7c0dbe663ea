"""The policy that follows from the effects of all actions: a row of `actions.policies`."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from retention_ml.actions.assignment.policies import (
    BANDIT,
    EXPERIMENT,
    RULE,
    UPLIFT,
    Policy,
    assumption,
)
from retention_ml.actions.learning.bandit_result import BanditResult
from retention_ml.actions.learning.measurement import ActionEffect, Measured
from retention_ml.labels.definition import churn_definition
from retention_ml.models.bandit.bundle import BanditBundle
from retention_ml.models.bundle.bundle import digest
from retention_ml.models.uplift.ladder import Rung
from retention_ml.settings import Settings
from retention_ml.statistics.rate import Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What the evidence asks for.

    Parameters
    ----------
    kind : str
        `bandit` where one is shown to earn more than the best action for everybody; else `uplift`
        where the effect of an action may rank customers; else `experiment` where one was
        measured; else `rule`.
    bundle_sha256 : str or None
        Digest of the models of all actions that are on rung uplift, or of the bandit.
    parameters, evidence : mapping
        Columns of the policy.
    """

    kind: str
    bundle_sha256: str | None
    parameters: Mapping[str, Any]
    evidence: Mapping[str, Any]
    reason: str

    def is_of(self, policy: Policy) -> bool:
        """Whether the policy decides as this one would."""
        return (
            policy.kind == self.kind
            and policy.bundle_sha256 == self.bundle_sha256
            and dict(policy.parameters) == dict(self.parameters)
        )


def propose(
    effects: Sequence[ActionEffect], settings: Settings, *, effect_days: Mapping[str, int]
) -> Proposal:
    """The policy for these effects."""
    kind = _kind(effects)
    models = {one.action_id: one.measured.bundle for one in ranking(effects) if one.measured}
    reason = " ".join(f"{one.action_id}, {one.rung}: {one.reason}" for one in effects)
    return Proposal(
        kind=kind,
        bundle_sha256=_digest({name: model.files() for name, model in models.items()}),
        parameters=assumption(settings)
        if kind == RULE
        else {
            **assumption(settings),
            "is_measured": True,
            "definition": churn_definition(settings).hash,
            "effect_days": dict(sorted(effect_days.items())),
            "actions": {one.action_id: _parameters(one) for one in effects},
        },
        evidence={one.action_id: _evidence(one) for one in effects},
        reason=reason or "There are no actions.",
    )


def with_bandit(
    proposal: Proposal,
    effects: Sequence[ActionEffect],
    result: BanditResult | str,
) -> Proposal:
    """The bandit's policy where it is shown to earn more; else the proposal, which says why not.

    Parameters
    ----------
    result : BanditResult or str
        Of `bandit_result`.
    """
    lack = _lack(proposal, effects, result)
    if lack is not None or isinstance(result, str):
        return replace(proposal, reason=f"{proposal.reason} Bandit: {lack}")
    bundle = result.bundle
    reason = f"{result.comparison.choice.reason} {_given_up(bundle)}".strip()
    parameters = {
        **proposal.parameters,
        "actions": {
            one.action_id: {
                **_parameters(one), "rung": BANDIT, "can_choose": False, "bundle_sha256": None,
            }
            for one in effects
        },
        "bandit": {"bundle_sha256": bundle.sha256},
    }  # fmt: skip
    return Proposal(
        kind=BANDIT,
        bundle_sha256=bundle.sha256,
        parameters=parameters,
        evidence={
            one.action_id: {**_evidence(one), "rung": BANDIT, "reason": reason} for one in effects
        },
        reason=reason,
    )


def _lack(
    proposal: Proposal, effects: Sequence[ActionEffect], result: BanditResult | str
) -> str | None:
    """Why the bandit does not decide, in words; None where it does."""
    if isinstance(result, str):
        return result
    comparison = result.comparison
    if proposal.kind == RULE:
        return "No effect was measured on decisions drawn as logged, so that nothing may be drawn by it."
    if not comparison.choice.is_bandit:
        return comparison.choice.reason
    profits = [
        one.measured.comparison.learners[one.measured.comparison.chosen].profit.profit.value
        * comparison.could_draw[one.action_id]
        for one in ranking(effects)
        if one.measured is not None
    ]
    if profits and comparison.gain_lower <= max(profits):
        return (
            f"It earns more than {comparison.choice.fixed_action} for everybody, but over "
            f"contacting nobody not surely more than {comparison.gain_lower:,.4g} a decision, and "
            f"ranking by the effect earns about {max(profits):,.4g}: uplift stays."
        )
    return None


def _given_up(bundle: BanditBundle) -> str:
    """Which actions the bandit no longer draws, in words."""
    state = bundle.state
    tiers = {
        name: [tier for tier, gone in zip(state.stages, column, strict=True) if gone]
        for name, column in zip(state.actions, state.retired.T.tolist(), strict=True)
    }
    words = ", ".join(f"{name} ({', '.join(of)})" for name, of in tiers.items() if of)
    return f"Given up, by risk tier, because they cannot pay there: {words}." if words else ""


def ranking(effects: Sequence[ActionEffect]) -> list[ActionEffect]:
    """The actions whose effect may rank customers."""
    return [one for one in effects if one.rung == Rung.UPLIFT]


def _kind(effects: Sequence[ActionEffect]) -> str:
    if ranking(effects):
        return UPLIFT
    is_measured = any(one.measured is not None and one.rung != Rung.RULE for one in effects)
    return EXPERIMENT if is_measured else RULE


def _parameters(one: ActionEffect) -> dict[str, Any]:
    measured = one.measured
    is_fair = measured is not None and one.rung != Rung.RULE  # not observational
    return {
        "rung": str(one.rung),
        "can_choose": one.can_choose,
        "effect": measured.average_effect.value if measured and is_fair else None,
        "effect_error": measured.average_effect.error if measured and is_fair else None,
        "save_rate": measured.save_rate.value if measured and is_fair else None,
        "save_rate_error": measured.save_rate.error if measured and is_fair else None,
        "bundle_sha256": measured.bundle.sha256 if measured and one.rung == Rung.UPLIFT else None,
    }


def _evidence(one: ActionEffect) -> dict[str, Any]:
    counts = {
        "rung": str(one.rung),
        "reason": one.reason,
        "decisions_count": one.rows,
        "customers_count": one.customers,
        "treated_count": one.treated,
    }
    return {**counts, **(_figures(one.measured) if one.measured else {})}


def _figures(measured: Measured) -> dict[str, Any]:
    comparison = measured.comparison
    chosen = comparison.learners[comparison.chosen]
    return {
        "learner": comparison.chosen,
        "effect": _interval(measured.average_effect),
        "effect_lower_at_all_looks": _finite(measured.lower),
        "save_rate": _interval(measured.save_rate),
        "value": measured.money.value,
        "cost": measured.money.cost,
        "qini": _interval(chosen.qini),
        "slope": _interval(chosen.slope),
        "believed": chosen.believed,
        "profit": _interval(chosen.profit.profit),
        "contacted_share": chosen.profit.contacted_share,
        "profit_of_all": _interval(comparison.profit_of_all),
        "foreseen_auc": measured.randomisation.auc,
    }


def _interval(estimate: Estimate) -> dict[str, float | None]:
    return {
        "value": _finite(estimate.value),
        "lower": _finite(estimate.lower),
        "upper": _finite(estimate.upper),
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _digest(models: Mapping[str, Mapping[str, bytes]]) -> str | None:
    """SHA-256 over the files of all models, None without any."""
    files = {f"{name}/{file}": text for name, of in models.items() for file, text in of.items()}
    return digest(files) if files else None
