"""What every decision about the champion has alike: the version, the ledger row, the alias."""

import time
from collections.abc import Mapping
from typing import Any

from retention_ml.errors import RegistryError, UsageError
from retention_ml.failpoints import reach
from retention_ml.models.bundle.bundle import Bundle
from retention_ml.models.promotion.aliases import settle_or_later
from retention_ml.models.promotion.decisions import (
    Decision,
    free_seat,
    known_digest,
    standing,
    write_decision,
)
from retention_ml.models.promotion.policy import Policy
from retention_ml.models.promotion.validate_version import vetted
from retention_ml.models.registry.mlflow_registry import ModelVersion, Registry
from retention_ml.receipts import Receipt
from retention_ml.settings import Settings
from retention_ml.warehouse import Transaction, Warehouse

_NAMED_MAX = 12


def demand_words(decided_by: str, reason: str) -> None:
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
                "Say it with --by and --reason."
            )


def described(registry: Registry, warehouse: Warehouse, version: str) -> ModelVersion:
    """The version as the registry describes it; without tags where only the ledger knows it.

    Raises
    ------
    UsageError
        There is no such version.
    RegistryError
        The registry does not answer and the ledger never accepted the version.
    """
    try:
        versions = registry.versions(brisk=True)
    except RegistryError:
        if known_digest(warehouse, version) is None:
            raise
        return ModelVersion(version=version, run_id=None, tags={})
    found = {each.version: each for each in versions}
    if version not in found:
        some = ", ".join(list(found)[:_NAMED_MAX]) or "none"
        raise UsageError(
            f"There is no version {version[:40]!r} of the registered model; the newest are: {some}. "
            "`retention models` lists them."
        )
    return found[version]


def bundle_of(registry: Registry, warehouse: Warehouse, version: ModelVersion) -> Bundle:
    """The bundle of a version after all checks of `vetting.vetted`, whose errors pass through."""
    known = known_digest(warehouse, version.version)
    sha256 = known or version.tags.get("bundle_sha256", "")
    return vetted(registry, warehouse, version, sha256, is_known=known is not None)


def crown(
    transaction: Transaction,
    *,
    settings: Settings,
    bundle: Bundle,
    version: str,
    verdict: str,
    decided_by: str,
    reason: str,
    evidence: Mapping[str, Any],
    policy: Policy | None = None,
) -> None:
    """Write that a version is champion; if it was the challenger, its seat is free."""
    training_id = bundle.manifest.get("training_id")
    write_decision(
        transaction,
        settings=settings,
        alias="champion",
        model_name=bundle.model_name,
        version=version,
        bundle_sha256=bundle.sha256,
        verdict=verdict,
        decided_by=decided_by,
        reason=reason,
        evidence=evidence,
        training_id=None if training_id is None else str(training_id),
        policy=policy,
    )
    free_seat(
        transaction,
        settings=settings,
        bundle_sha256=bundle.sha256,
        decided_by=decided_by,
        reason=f"Version {version} is champion now.",
    )


def newest_number(history: list[Decision]) -> int:
    """The number of the newest of these decisions; 0 where there is none."""
    return history[0].promotion_id if history else 0


def stray_alias(registry: Registry, seen: list[Decision]) -> str | None:
    """Where a person moved the champion's alias and no run has looked yet, or it was refused.

    None where it stands as decided or the registry does not answer; empty where it was deleted.
    """
    holds = standing(seen)
    if holds is None or not holds.is_settled:
        return None
    try:
        at = registry.aliases(brisk=True).get("champion", "")
    except RegistryError:
        return None
    return None if at == holds.model_version else at


def carry_out(
    warehouse: Warehouse,
    registry: Registry,
    *,
    door: str,
    began: float,
    has_changed: bool,
    sentence: str,
    details: Mapping[str, Any],
) -> Receipt:
    """Let the alias follow what was committed; the receipt.

    A registry that does not answer takes nothing from the decision: the next run carries it out.
    """
    reach("promote.after_ledger")
    alias = settle_or_later(registry, warehouse)
    receipt = Receipt(
        door=door,
        read=1,
        written=int(has_changed),
        duplicates=int(not has_changed),
        seconds=time.monotonic() - began,
        details={"changed": has_changed, "sentence": sentence, **details, "alias": alias},
    )
    return warehouse.record(receipt, registry.settings.run_id)
