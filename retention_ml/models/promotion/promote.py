"""The door by which a version becomes champion: checked, decided in the ledger, carried out."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from retention_ml.errors import UnfitModel
from retention_ml.models.bundle.bundle import Bundle
from retention_ml.models.promotion import decisions as ledger
from retention_ml.models.promotion.apply import carry_out, observed_move
from retention_ml.models.promotion.decisions import Decision
from retention_ml.models.promotion.evidence import training_evidence
from retention_ml.models.promotion.policy import configured_policy
from retention_ml.models.promotion.validate_version import find_version, validate_version
from retention_ml.models.registry.description import storable
from retention_ml.models.registry.mlflow_registry import Registry
from retention_ml.models.registry.model_version import ModelVersion
from retention_ml.receipts import DecisionReceipt
from retention_ml.settings import Settings
from retention_ml.warehouse import Transaction, Warehouse

NO_CHAMPION = ""
"""The `instead_of` of a decision made while there was no champion."""


def promote(
    warehouse: Warehouse,
    *,
    settings: Settings,
    version: str,
    decided_by: str,
    reason: str,
    evidence: Mapping[str, Any] | None = None,
    instead_of: str | None = None,
) -> DecisionReceipt:
    """Make a version champion, with the settings' tier policy; the next scoring run serves it.

    Digest, churn definition, features and predictions are checked first. The ledger row is the
    decision; the registry's alias follows at once, or at the next run where MLflow does not
    answer. Promoting the champion again changes nothing.

    Parameters
    ----------
    version : str
        Version of the registered model `churn`.
    decided_by, reason : str
        Who, and why.
    evidence : mapping, optional
        The figures behind it; those of its training are kept beside them.
    instead_of : str, optional
        Of a decision on evidence: the champion that it was compared with, `NO_CHAMPION` where
        there was none. If there is another champion by now, or somebody moved the alias by hand
        since, nothing is changed and the receipt says so. By default the version is promoted in
        any case.

    Returns
    -------
    DecisionReceipt
        `details` holds `changed`, `version`, `previous_version`, `model_name`, `bundle_sha256`,
        `policy` and `alias` (whether the registry's alias has followed).

    Raises
    ------
    UsageError
        There is no such version, or no reason was given.
    UnfitModel
        It must not serve; the ledger notes the refusal.
    RegistryError
        Its files are not at hand and the registry does not answer.
    """
    began = time.monotonic()
    ledger.require_decider(decided_by, reason)
    registry = Registry(settings)
    candidate = check_promotable(warehouse, registry, version, decided_by)
    with warehouse.transaction() as transaction:
        promotion = record_promotion(
            transaction,
            settings,
            candidate,
            decided_by=decided_by,
            reason=reason,
            evidence=evidence,
            instead_of=instead_of,
        )
    return follow_promotion(warehouse, registry, candidate, promotion, began)


@dataclass(frozen=True, slots=True, kw_only=True)
class Promotable:
    """A version that may become champion, and what was observed when it was checked.

    Parameters
    ----------
    version : str
    bundle : Bundle
    history : sequence of Decision
        All decisions about the champion, newest first.
    moved_to : str or None
        Where a person had moved the champion's alias, see `apply.observed_move`.
    """

    version: str
    bundle: Bundle
    history: Sequence[Decision]
    moved_to: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Promotion:
    """Whether a version became champion, that in a sentence, and who was champion before."""

    has_changed: bool
    sentence: str
    previous_version: str | None


def check_promotable(
    warehouse: Warehouse, registry: Registry, version: str, decided_by: str
) -> Promotable:
    """The version with its files checked; asks the registry, so no transaction may be open.

    Raises
    ------
    UsageError, UnfitModel, RegistryError
        See `promote`; of an unfit version the ledger notes the refusal.
    """
    registered = find_version(registry, warehouse, version)
    history = ledger.decisions(warehouse, "champion")
    moved_to = observed_move(registry, history)
    try:
        bundle = validate_version(registry, warehouse, registered)
    except UnfitModel as error:
        _record_refusal(warehouse, registry.settings, registered, decided_by, storable(str(error)))
        raise UnfitModel(
            f"Version {version} cannot become champion: {str(error).rstrip('.')}. Nothing was "
            "changed. Promote another version (`retention models` lists them), or train anew."
        ) from error
    return Promotable(version=version, bundle=bundle, history=history, moved_to=moved_to)


def record_promotion(
    transaction: Transaction,
    settings: Settings,
    candidate: Promotable,
    *,
    decided_by: str,
    reason: str,
    evidence: Mapping[str, Any] | None = None,
    instead_of: str | None = None,
) -> Promotion:
    """Write that a version becomes champion, unless another decision came first; see `promote`."""
    version, bundle = candidate.version, candidate.bundle
    current = ledger.lock_decisions(transaction, "champion")
    has_changed, sentence = _decide(candidate, instead_of, current)
    if has_changed:
        _, offline = training_evidence(transaction, version, bundle.sha256)
        ledger.write_decision(
            transaction,
            settings=settings,
            alias="champion",
            model_name=bundle.model_name,
            version=version,
            bundle_sha256=bundle.sha256,
            verdict="promote",
            decided_by=decided_by,
            reason=reason,
            evidence={**(evidence or {}), "offline": offline},
            training_id=bundle.training_id,
        )
    return Promotion(
        has_changed=has_changed,
        sentence=sentence,
        previous_version=ledger.current_version(current),
    )


def follow_promotion(
    warehouse: Warehouse,
    registry: Registry,
    candidate: Promotable,
    promotion: Promotion,
    began: float,
) -> DecisionReceipt:
    """Let the alias follow a promotion that was committed; the receipt of `promote`."""
    return carry_out(
        warehouse,
        registry,
        door="models.promote",
        began=began,
        sentence=promotion.sentence,
        details={
            "changed": promotion.has_changed,
            "version": candidate.version,
            "previous_version": promotion.previous_version,
            "model_name": candidate.bundle.model_name,
            "bundle_sha256": candidate.bundle.sha256,
            "policy": configured_policy(registry.settings) if promotion.has_changed else None,
        },
    )


def _decide(
    candidate: Promotable, instead_of: str | None, current: Sequence[Decision]
) -> tuple[bool, str]:
    """Whether the version becomes champion, and that in a sentence.

    `current` is the ledger now; `candidate` holds what it was when the version was checked.
    """
    version, observed, moved_to = candidate.version, candidate.history, candidate.moved_to
    champion = ledger.current_version(current)
    is_same_champion = ledger.current_approval(current) == ledger.current_approval(observed)
    is_astray = moved_to is not None and current == observed
    if instead_of is not None:
        if (champion or NO_CHAMPION) not in (instead_of, version):
            return False, (
                f"Version {version} was to replace {_name(instead_of)}, but {_name(champion)} is "
                "champion by now. Nothing was changed."
            )
        if moved_to is not None and is_same_champion:
            moved = f"moved to version {moved_to}" if moved_to else "deleted"
            return False, (
                f"The alias champion was {moved} in MLflow by hand, so version {version} does not "
                "become champion by itself. Nothing was changed. `retention promote` decides."
            )
    if champion == version and not is_astray:
        return False, f"Version {version} is champion already. Nothing was changed."
    if champion not in (None, version):
        before = f"before it was version {champion}"
    elif is_astray:
        before = "the alias had been moved in MLflow"
    else:
        before = "before it there was none"
    return True, f"Version {version} is champion; {before}."


def _name(version: str | None) -> str:
    return f"version {version}" if version else "nobody"


def _record_refusal(
    warehouse: Warehouse, settings: Settings, version: ModelVersion, decided_by: str, reason: str
) -> None:
    """Write the refusal, unless it is what the ledger says last."""
    with warehouse.transaction() as transaction:
        for newest in ledger.lock_decisions(transaction, "champion")[:1]:
            row = (newest.verdict, newest.model_version, newest.reason)
            if row == ("refuse", version.version, reason):
                return
        ledger.write_decision(
            transaction,
            settings=settings,
            alias="champion",
            model_name=version.tags.get("model_name", "unknown"),
            version=version.version,
            bundle_sha256=version.tags.get("bundle_sha256", ""),
            verdict="refuse",
            decided_by=decided_by,
            reason=reason,
            evidence={"tags": dict(version.tags)},
        )
