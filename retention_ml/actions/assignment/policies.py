"""Which policy decides on a day: the newest rule in force, or that of the settings."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from retention_ml import clock
from retention_ml.settings import Settings
from retention_ml.warehouse import Transaction

RULE = "rule"
_SETTINGS = "settings"
_COLUMNS = "policy_id, kind, version, bundle_sha256, parameters, reason, decided_by"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What chooses actions: a row of `actions.policies`.

    `parameters` of a rule hold `save_rate` (share of would-be churners that a contact retains),
    `is_measured`, and perhaps `save_rates` by action. `is_new`: it is not in the table yet.
    """

    policy_id: str
    kind: str
    version: int
    bundle_sha256: str | None
    parameters: Mapping[str, Any]
    reason: str
    decided_by: str
    is_new: bool


def policy_on(transaction: Transaction, settings: Settings, *, as_of: date) -> Policy:
    """The policy of a day; a new rule, not yet written, where there is none."""
    # A day before the first policy is decided by the first.
    chosen = f"SELECT {_COLUMNS} FROM actions.policies WHERE kind = :kind"
    rows = transaction.execute(
        f"({chosen} AND in_force_from <= :as_of "
        "ORDER BY in_force_from DESC, decided_at DESC, policy_id DESC LIMIT 1) UNION ALL "
        f"({chosen} AND in_force_from > :as_of ORDER BY in_force_from, decided_at LIMIT 1) LIMIT 1",
        kind=RULE,
        as_of=as_of,
    )
    policy = Policy(**rows[0]._asdict(), is_new=False) if rows else None
    if policy is None or _is_outdated(policy, settings):
        return _next_rule(transaction, settings)
    return policy


def register(transaction: Transaction, policy: Policy, *, as_of: date, run_id: str) -> None:
    """Write a policy that is new."""
    if policy.is_new:
        columns = _COLUMNS.split(", ")
        transaction.insert_row(
            "actions.policies",
            {
                **{name: getattr(policy, name) for name in columns},
                "in_force_from": as_of,
                "evidence": {},
                "decided_at": clock.now(),
                "run_id": run_id,
            },
        )


def _is_outdated(policy: Policy, settings: Settings) -> bool:
    """Whether the rule was registered with another assumption than that of the settings."""
    return policy.decided_by == _SETTINGS and policy.parameters != _assumption(settings)


def _assumption(settings: Settings) -> dict[str, Any]:
    return {"save_rate": settings.value.save_rate, "is_measured": False}


def _next_rule(transaction: Transaction, settings: Settings) -> Policy:
    [(version,)] = transaction.execute(
        "SELECT coalesce(max(version), 0) + 1 FROM actions.policies WHERE kind = :kind", kind=RULE
    )
    return Policy(
        policy_id=f"{RULE}-{version}",
        kind=RULE,
        version=int(version),
        bundle_sha256=None,
        parameters=_assumption(settings),
        reason="No effect was measured yet: actions are drawn by lot, to measure it.",
        decided_by=_SETTINGS,
        is_new=True,
    )
