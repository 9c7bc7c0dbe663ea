"""The promotion ledger `models.promotions`: who decided what about an alias, when and why.

It is the truth about champion and challenger; the registry's aliases follow it (`aliases`).
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from retention_ml import clock
from retention_ml.models.promotion.policy import Policy, asked_for
from retention_ml.settings import Settings
from retention_ml.warehouse import Transaction, Warehouse

APPROVED = ("promote", "follow", "rollback")
MOVING = (*APPROVED, "retire")

_COLUMNS = (
    "promotion_id",
    "model_name",
    "model_version",
    "bundle_sha256",
    "verdict",
    "decided_by",
    "reason",
    "training_id",
    "policy",
    "policy_of_settings",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One row of `models.promotions`; `is_settled` where the alias has followed it."""

    promotion_id: int
    model_name: str
    model_version: str
    bundle_sha256: str
    verdict: str
    decided_by: str
    reason: str
    training_id: str | None
    policy: Policy | None
    policy_of_settings: Policy | None
    is_settled: bool = field(compare=False)  # the same decision before and after its alias moved


def decisions(warehouse: Warehouse, alias: str) -> list[Decision]:
    """All decisions about an alias, newest first."""
    with warehouse.transaction() as transaction:
        return _decisions(transaction, alias)


def standing(history: Iterable[Decision]) -> Decision | None:
    """The approval that holds, of decisions newest first; None if there is none or it was retired."""
    newest = next((each for each in history if each.verdict in MOVING), None)
    return None if newest is None or newest.verdict == "retire" else newest


def succession(history: Iterable[Decision]) -> list[Decision]:
    """The approvals to fall back on, the one that holds last; one per version.

    A version that is approved comes to the end. Going back to an earlier one (a rollback, or the
    alias moved back by hand) drops those that came after it: going back once more leads further
    back, not forth again.
    """
    line: list[Decision] = []
    for each in reversed(list(history)):
        if each.verdict not in APPROVED:
            continue
        at = next(
            (i for i, one in enumerate(line) if one.model_version == each.model_version), None
        )
        if at is not None:
            line = line[:at] if each.verdict != "promote" else line[:at] + line[at + 1 :]
        line.append(each)
    return line


def known_digest(warehouse: Warehouse, version: str) -> str | None:
    """The digest under which the ledger knows a version, None if it never accepted it."""
    with warehouse.transaction() as transaction:
        found = transaction.execute(
            "SELECT bundle_sha256 FROM models.promotions WHERE model_version = :version "
            "AND verdict <> 'refuse' ORDER BY promotion_id DESC LIMIT 1",
            version=version,
        )
    return str(found[0][0]) if found else None


def approved_with(history: list[Decision], version: str) -> Policy | None:
    """The policy recorded when a version was last approved; None if it never was.

    `history` is newest first.
    """
    for decision in history:
        if decision.model_version == version and decision.verdict in APPROVED:
            return decision.policy
    return None


def policy_served(warehouse: Warehouse, settings: Settings, version: str) -> Policy:
    """The policy that tiers follow while a version is champion.

    It is the one recorded at its last approval, until somebody edits `[tiers]`: where the
    settings ask for something else than they did at that moment, the settings win.
    """
    asked = asked_for(settings)
    for decision in decisions(warehouse, "champion"):
        if decision.model_version == version and decision.verdict in APPROVED:
            is_edited = decision.policy_of_settings != asked
            return asked if is_edited or decision.policy is None else decision.policy
    return asked


def locked(transaction: Transaction, alias: str) -> list[Decision]:
    """All decisions about an alias, newest first; nobody else decides until the transaction ends.

    Whoever decides looks again under this lock: of two at once the second sees the first. Who
    decides about both aliases locks the champion first.
    """
    transaction.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))", key=f"decide:{alias}"
    )
    return _decisions(transaction, alias)


def write_decision(
    transaction: Transaction,
    *,
    settings: Settings,
    alias: str,
    model_name: str,
    version: str,
    bundle_sha256: str,
    verdict: str,
    decided_by: str,
    reason: str,
    evidence: object,
    training_id: str | None,
    policy: Policy | None = None,
) -> int:
    """Append a row to the promotion ledger; its number.

    After the transaction has committed, `aliases.settle` carries the decision out.

    Parameters
    ----------
    policy : mapping of str to float, optional
        The tier policy served with an approved version from now on; by default that of the
        settings. Other verdicts have none.
    """
    asked = asked_for(settings) if verdict in APPROVED else None
    return int(
        transaction.execute(
            "INSERT INTO models.promotions (alias, model_name, model_version, bundle_sha256, "
            "verdict, decided_by, reason, evidence, training_id, policy, policy_of_settings, "
            "decided_at) VALUES (:alias, :model_name, :version, :sha, :verdict, :decided_by, "
            ":reason, CAST(:evidence AS jsonb), :training_id, CAST(:policy AS jsonb), "
            "CAST(:asked AS jsonb), :at) RETURNING promotion_id",
            alias=alias,
            model_name=model_name,
            version=version,
            sha=bundle_sha256,
            verdict=verdict,
            decided_by=decided_by,
            reason=reason,
            evidence=json.dumps(evidence, default=str),
            training_id=training_id,
            policy=_json(dict(policy or asked) if asked else None),
            asked=_json(asked),
            at=clock.now(),
        )[0][0]
    )


def free_seat(
    transaction: Transaction,
    *,
    settings: Settings,
    bundle_sha256: str,
    decided_by: str,
    reason: str,
    evidence: object = None,
) -> int | None:
    """Retire the challenger if it is that bundle, as when it became champion; the row's number."""
    seated = standing(locked(transaction, "challenger"))
    if seated is None or seated.bundle_sha256 != bundle_sha256:
        return None
    return write_decision(
        transaction,
        settings=settings,
        alias="challenger",
        model_name=seated.model_name,
        version=seated.model_version,
        bundle_sha256=seated.bundle_sha256,
        verdict="retire",
        decided_by=decided_by,
        reason=reason,
        evidence=evidence or {},
        training_id=seated.training_id,
    )


def mark_settled(transaction: Transaction, numbers: Sequence[int]) -> None:
    """Note that the alias has followed these decisions."""
    for number in numbers:
        transaction.execute(
            "INSERT INTO models.alias_moves (promotion_id, moved_at) VALUES (:number, :at) "
            "ON CONFLICT DO NOTHING",
            number=number,
            at=clock.now(),
        )


def _decisions(transaction: Transaction, alias: str) -> list[Decision]:
    rows = transaction.execute(
        f"SELECT {', '.join(_COLUMNS)}, moved_at IS NOT NULL AS is_settled FROM models.promotions "
        "LEFT JOIN models.alias_moves USING (promotion_id) WHERE alias = :alias "
        "ORDER BY promotion_id DESC",
        alias=alias,
    )
    return [Decision(**dict(row._mapping)) for row in rows]


def _json(value: Mapping[str, Any] | None) -> str | None:
    return None if value is None else json.dumps(value)
