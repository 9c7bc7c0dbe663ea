"""The promotion ledger `models.promotions`: who decided what about an alias, when and why.

It is the truth about champion and challenger; the registry's aliases follow it (`apply`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from retention_ml import clock
from retention_ml.errors import UsageError
from retention_ml.models.promotion.policy import Policy, configured_policy
from retention_ml.settings import Settings
from retention_ml.warehouse import Transaction, Warehouse

APPROVED = ("promote", "follow", "rollback")
MOVING = (*APPROVED, "retire")
CHALLENGER_OF = {
    "champion": "challenger",
    "recommendations_champion": "recommendations_challenger",
}
"""The aliases of churn models, and those of rankers of products."""
_WITH_POLICY = ("champion", "challenger")
MOVED_IN_MLFLOW = "mlflow"
"""Who decided what a person did in MLflow itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One row of `models.promotions`; `is_synced` where the alias has followed it.

    `as_of`: of rankers, the day from which on it counts.
    """

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
    is_synced: bool = field(compare=False)  # the same decision before and after its alias moved
    as_of: date | None = None


def decisions(warehouse: Warehouse, alias: str) -> list[Decision]:
    """All decisions about an alias, newest first."""
    with warehouse.transaction() as transaction:
        return decisions_of(transaction, alias)


def decisions_of(transaction: Transaction, alias: str) -> list[Decision]:
    """All decisions about an alias, newest first, as a transaction sees them."""
    rows = transaction.execute(
        "SELECT promotion_id, model_name, model_version, bundle_sha256, verdict, decided_by, "
        "reason, training_id, policy, policy_of_settings, moved_at IS NOT NULL AS is_synced, as_of "
        "FROM models.promotions LEFT JOIN models.alias_moves USING (promotion_id) "
        "WHERE alias = :alias ORDER BY promotion_id DESC",
        alias=alias,
    )
    return [Decision(**row._mapping) for row in rows]


def current_approval(history: Iterable[Decision]) -> Decision | None:
    """The approval that holds, of decisions newest first; None if there is none or it was retired."""
    newest = next((each for each in history if each.verdict in MOVING), None)
    return None if newest is None or newest.verdict == "retire" else newest


def current_version(history: Iterable[Decision]) -> str | None:
    """The version of the approval that holds, see `current_approval`."""
    approval = current_approval(history)
    return approval.model_version if approval else None


def fallback_chain(history: Sequence[Decision]) -> list[Decision]:
    """The approvals to fall back on, the current one first; one per version.

    A version that is approved comes to the front. Going back to an earlier one (a rollback, or the
    alias moved back by hand) drops those that came after it: going back once more leads further
    back, not forth again.
    """
    chain: list[Decision] = []
    for each in reversed(history):
        if each.verdict in APPROVED:
            versions = [one.model_version for one in chain]
            if each.verdict != "promote" and each.model_version in versions:
                chain = chain[versions.index(each.model_version) :]
            chain = [each, *(one for one in chain if one.model_version != each.model_version)]
    return chain


def accepted_digest(warehouse: Warehouse, version: str) -> str | None:
    """The digest under which the ledger knows a version, None if it never accepted it."""
    with warehouse.transaction() as transaction:
        rows = transaction.execute(
            "SELECT bundle_sha256 FROM models.promotions WHERE model_version = :version "
            "AND verdict <> 'refuse' ORDER BY promotion_id DESC LIMIT 1",
            version=version,
        )
    return str(rows[0][0]) if rows else None


def last_approval(history: Iterable[Decision], version: str) -> Decision | None:
    """The newest approval of a version, of decisions newest first; None if it never was approved."""
    return next(
        (each for each in history if each.model_version == version and each.verdict in APPROVED),
        None,
    )


def policy_served(warehouse: Warehouse, settings: Settings, version: str) -> Policy:
    """The policy that tiers follow while a version is champion.

    It is the one recorded at its last approval, until somebody edits `[tiers]`: where the
    settings ask for something else than they did at that moment, the settings win.
    """
    configured = configured_policy(settings)
    approval = last_approval(decisions(warehouse, "champion"), version)
    if approval is None or approval.policy_of_settings != configured:
        return configured
    return approval.policy or configured


def require_decider(decided_by: str, reason: str) -> None:
    """Check that somebody decides for a reason.

    Raises
    ------
    UsageError
        A name or a reason is missing.
    """
    for what, text in (("who decides", decided_by), ("a reason", reason)):
        if not text.strip():
            raise UsageError(
                f"The decision lacks {what}; expected some words, because the ledger keeps them. "
                "Pass --by and --reason."
            )


def lock_decisions(transaction: Transaction, alias: str) -> list[Decision]:
    """All decisions about an alias, newest first; nobody else decides until the transaction ends.

    Whoever decides looks again under this lock: of two at once the second sees the first. Who
    decides about both aliases locks the champion first.
    """
    transaction.lock(f"decide:{alias}")
    return decisions_of(transaction, alias)


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
    evidence: Mapping[str, Any] | None = None,
    training_id: str | None = None,
    policy: Policy | None = None,
    as_of: date | None = None,
) -> int:
    """Append a row to the promotion ledger; its number.

    A challenger that becomes champion leaves its slot. After the transaction has committed,
    `apply.sync_aliases` carries the decision out.

    Parameters
    ----------
    policy : mapping of str to float, optional
        The tier policy served with an approved version from now on; by default that of the
        settings. Other verdicts have none, nor have rankers.
    as_of : date, optional
        Of a ranker: the day from which on the decision counts.
    """
    is_approval = verdict in APPROVED
    configured = configured_policy(settings) if is_approval and alias in _WITH_POLICY else None
    row = transaction.insert_row(
        "models.promotions",
        {
            "alias": alias,
            "model_name": model_name,
            "model_version": version,
            "bundle_sha256": bundle_sha256,
            "verdict": verdict,
            "decided_by": decided_by,
            "reason": reason,
            "evidence": evidence or {},
            "training_id": training_id,
            "policy": (policy or configured) if is_approval else None,
            "policy_of_settings": configured,
            "decided_at": clock.now(),
            "as_of": as_of,
        },
        returning="promotion_id",
    )
    assert row is not None
    if is_approval and alias in CHALLENGER_OF:
        retire_challenger(
            transaction,
            settings,
            bundle_sha256,
            decided_by,
            f"Version {version} is champion now.",
            alias=CHALLENGER_OF[alias],
            as_of=as_of,
        )
    return int(row[0])


def retire_challenger(
    transaction: Transaction,
    settings: Settings,
    bundle_sha256: str,
    decided_by: str,
    reason: str,
    evidence: Mapping[str, Any] | None = None,
    *,
    alias: str = "challenger",
    as_of: date | None = None,
) -> int | None:
    """Retire the challenger if it is that bundle, as when it became champion; the row's number."""
    challenger = current_approval(lock_decisions(transaction, alias))
    if challenger is None or challenger.bundle_sha256 != bundle_sha256:
        return None
    return write_decision(
        transaction,
        settings=settings,
        alias=alias,
        model_name=challenger.model_name,
        version=challenger.model_version,
        bundle_sha256=bundle_sha256,
        verdict="retire",
        decided_by=decided_by,
        reason=reason,
        evidence=evidence,
        training_id=challenger.training_id,
        as_of=as_of,
    )


def mark_synced(transaction: Transaction, promotion_ids: Sequence[int]) -> None:
    """Note that the alias has followed these decisions."""
    for number in promotion_ids:
        transaction.insert_row(
            "models.alias_moves",
            {"promotion_id": number, "moved_at": clock.now()},
            on_conflict="DO NOTHING",
        )
