"""Which policy decides on a day: the newest in force, or the rule of the settings."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from retention_ml import clock
from retention_ml.labels.definition import churn_definition
from retention_ml.settings import Settings
from retention_ml.warehouse import Transaction

RULE, EXPERIMENT, UPLIFT, BANDIT = "rule", "experiment", "uplift", "bandit"
_KINDS = (RULE, EXPERIMENT, UPLIFT, BANDIT)
_SETTINGS = "settings"
_COLUMNS = "policy_id, kind, version, bundle_sha256, parameters, reason, decided_by"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What chooses actions: a row of `actions.policies`.

    `parameters` of a rule hold `save_rate` (share of would-be churners that a contact retains),
    `is_measured`, and perhaps `save_rates` by action; of the others also `definition` (hash of the
    churn definition), `effect_days` and `actions`, by name `rung`, `can_choose`, `effect`,
    `save_rate`, their errors and `bundle_sha256`; a bandit's `bandit` its `bundle_sha256`.
    `is_new`: it is not in the table yet.
    """

    policy_id: str
    kind: str
    version: int
    bundle_sha256: str | None
    parameters: Mapping[str, Any]
    reason: str
    decided_by: str
    is_new: bool
    evidence: Mapping[str, Any] = field(default_factory=dict)


def policy_on(
    transaction: Transaction, settings: Settings, *, as_of: date, is_rule_only: bool = False
) -> Policy:
    """The policy of a day; a new rule, not yet written, where there is none.

    A policy whose effects were measured for another churn definition than that of the settings does
    not decide: the newest rule does. A bandit decides only while the settings allow it.

    Parameters
    ----------
    is_rule_only : bool
        Whether effects that were measured do not count: the scores are not of the shop's own model.
    """
    kinds = _KINDS if settings.bandit.enabled else tuple(kind for kind in _KINDS if kind != BANDIT)
    policy = None if is_rule_only else _newest(transaction, kinds, as_of)
    if policy is None or not _is_of(policy, settings):
        policy = _newest(transaction, (RULE,), as_of)
    if policy is None or _is_outdated(policy, settings):
        return next_policy(
            transaction,
            kind=RULE,
            parameters=assumption(settings),
            reason="No effect was measured yet: actions are drawn by lot, to measure it.",
            decided_by=_SETTINGS,
        )
    return policy


def next_policy(
    transaction: Transaction,
    *,
    kind: str,
    parameters: Mapping[str, Any],
    reason: str,
    decided_by: str,
    bundle_sha256: str | None = None,
    evidence: Mapping[str, Any] | None = None,
) -> Policy:
    """The next policy of a kind, not yet written."""
    [(version,)] = transaction.execute(
        "SELECT coalesce(max(version), 0) + 1 FROM actions.policies WHERE kind = :kind", kind=kind
    )
    return Policy(
        policy_id=f"{kind}-{version}",
        kind=kind,
        version=int(version),
        bundle_sha256=bundle_sha256,
        parameters=parameters,
        reason=reason,
        decided_by=decided_by,
        is_new=True,
        evidence=evidence or {},
    )


def register(transaction: Transaction, policy: Policy, *, as_of: date, run_id: str) -> None:
    """Write a policy that is new."""
    if policy.is_new:
        columns = _COLUMNS.split(", ")
        transaction.insert_row(
            "actions.policies",
            {
                **{name: getattr(policy, name) for name in columns},
                "in_force_from": as_of,
                "evidence": policy.evidence,
                "decided_at": clock.now(),
                "run_id": run_id,
            },
        )


def assumption(settings: Settings) -> dict[str, Any]:
    """Parameters of the rule as long as nothing was measured."""
    return {"save_rate": settings.value.save_rate, "is_measured": False}


def _newest(transaction: Transaction, kinds: tuple[str, ...], as_of: date) -> Policy | None:
    # A day before the first policy is decided by the first rule.
    chosen = f"SELECT {_COLUMNS} FROM actions.policies"
    rows = transaction.execute(
        f"({chosen} WHERE kind = ANY (:kinds) AND in_force_from <= :as_of "
        "ORDER BY in_force_from DESC, decided_at DESC, policy_id DESC LIMIT 1) UNION ALL "
        f"({chosen} WHERE kind = :rule AND in_force_from > :as_of "
        "ORDER BY in_force_from, decided_at LIMIT 1) LIMIT 1",
        kinds=list(kinds),
        rule=RULE,
        as_of=as_of,
    )
    return Policy(**rows[0]._asdict(), is_new=False) if rows else None


def _is_of(policy: Policy, settings: Settings) -> bool:
    """Whether its effects are those of the settings' churn definition."""
    return policy.kind == RULE or (
        policy.parameters.get("definition") == churn_definition(settings).hash
    )


def _is_outdated(policy: Policy, settings: Settings) -> bool:
    """Whether the rule was registered with another assumption than that of the settings."""
    is_assumed = policy.decided_by == _SETTINGS or not policy.parameters.get("is_measured")
    return is_assumed and policy.parameters != assumption(settings)
