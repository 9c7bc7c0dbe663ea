"""Carries out what `reconcile` decides: the one place where ledger and registry are made to agree.

Aliases are moved under a lock of their own, so that nobody waits for MLflow in order to decide;
rows of the ledger are written under the lock of those who decide.
"""

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from retention_ml.errors import RegistryError, UnfitModel
from retention_ml.failpoints import failpoint
from retention_ml.models.bundle.bundle import Bundle
from retention_ml.models.promotion.decisions import (
    MOVED_IN_MLFLOW,
    Decision,
    current_approval,
    decisions,
    lock_alias,
    lock_decisions,
    mark_synced,
    record_approval,
    record_refusal,
    retire_challenger,
)
from retention_ml.models.promotion.evidence import training_evidence
from retention_ml.models.promotion.policy import Policy
from retention_ml.models.promotion.reconcile import (
    Action,
    AliasState,
    Check,
    CheckVersion,
    DeleteAlias,
    Follow,
    MarkSynced,
    Refuse,
    RetireChallenger,
    Serve,
    ServeFallback,
    SetAlias,
    newest_move,
    pending_decisions,
    reconcile,
)
from retention_ml.models.promotion.validate_version import (
    expected_digest,
    unfit_reason,
    validate_version,
)
from retention_ml.models.registry.mlflow_registry import ModelVersion, Registry, ServedModel
from retention_ml.receipts import DecisionReceipt
from retention_ml.warehouse import Transaction, Warehouse

logger = logging.getLogger(__name__)

_ALIASES = ("champion", "challenger")


def sync_aliases(registry: Registry, warehouse: Warehouse) -> list[str]:
    """Carry out every decision that the registry's aliases have not followed yet.

    A process that died between moving the alias and noting it is no harm: the next call finds the
    alias where it should be and notes it. One process at a time moves an alias.

    Returns
    -------
    list of str
        A sentence for each alias that followed; empty where nothing was pending.

    Raises
    ------
    RegistryError
        The registry did not carry out a move. The decision holds; the next call tries again.
    """
    sentences: list[str] = []
    failure: RegistryError | None = None
    for alias in _ALIASES:
        if not pending_decisions(decisions(warehouse, alias)):
            continue
        try:
            with warehouse.transaction() as transaction:
                history = lock_alias(transaction, alias)
                if pending_decisions(history):
                    sentences += _move_alias(transaction, registry, alias, history)
        except RegistryError as error:
            failure = failure or error
    if failure is not None:
        raise failure
    return sentences


def try_sync_aliases(registry: Registry, warehouse: Warehouse) -> str:
    """Best-effort `sync_aliases`: logs instead of raising; where the aliases are, in a sentence."""
    try:
        sync_aliases(registry, warehouse)
    except RegistryError as error:
        logger.warning("The alias follows at the next run, because: %s", error)
        return f"It follows at the next run: {error}"
    return "It stands where the ledger says."


def load_served_model(registry: Registry, warehouse: Warehouse, alias: str) -> ServedModel | None:
    """The model to use under an alias, its digest checked.

    Pending decisions of the ledger are carried out first (`sync_aliases`). An alias that stands
    elsewhere than the ledger put it was moved by a person in MLflow: the version is served and
    the ledger notes it (`follow`) if digest, churn definition, features and predictions pass;
    otherwise the ledger notes why not (`refuse`, once) and the last good one stays up. So it does
    when the registry does not answer.

    Returns
    -------
    ServedModel or None
        None if nothing was ever approved, or nothing for the churn definition of today.

    Raises
    ------
    RegistryError
        Something was approved, but neither the cache nor the registry has its files.
    """
    try:
        sync_aliases(registry, warehouse)
        history = decisions(warehouse, alias)  # before the alias: what comes later is synced later
        state = _observe(registry, alias, history)
    except RegistryError as error:
        history = decisions(warehouse, alias)
        state = AliasState(error=str(error))
    bundle = None
    (*_, last) = reconcile(alias, history, state)
    if isinstance(last, CheckVersion):
        state, bundle = _check(registry, warehouse, state, last)
    last = apply_actions(registry, warehouse, alias, history, state, bundle)
    if isinstance(last, ServeFallback):
        return _load_fallback(registry, alias, last)
    assert isinstance(last, Serve)
    assert bundle is not None
    return _served(last.version.version, bundle, last.version.tags)


def apply_actions(
    registry: Registry,
    warehouse: Warehouse,
    alias: str,
    history: Sequence[Decision],
    state: AliasState,
    bundle: Bundle | None,
) -> Action:
    """Carry out what `reconcile` says of an alias; the last action, which says what to serve.

    Parameters
    ----------
    history, state
        What is to be reconciled. Where somebody decided otherwise meanwhile, the ledger counts:
        nothing is written and the last good model is served.
    bundle : Bundle or None
        The version under the alias, once it was checked.
    """
    actions = reconcile(alias, history, state)
    if any(isinstance(each, SetAlias | DeleteAlias | MarkSynced) for each in actions):
        try:
            with warehouse.transaction() as transaction:
                _move_alias(transaction, registry, alias, lock_alias(transaction, alias))
        except RegistryError as error:
            logger.warning("The alias %s follows at the next run, because: %s", alias, error)
    if any(isinstance(each, Follow | Refuse | RetireChallenger) for each in actions):
        with warehouse.transaction() as transaction:
            current = lock_decisions(transaction, alias)
            if newest_move(current) != newest_move(history):
                state = AliasState(error="It was decided otherwise meanwhile.")
            actions = reconcile(alias, current, state)
            for action in actions:
                _write(transaction, registry, alias, action, bundle)
    return actions[-1]


def carry_out(
    warehouse: Warehouse,
    registry: Registry,
    *,
    door: str,
    began: float,
    has_changed: bool,
    sentence: str,
    details: Mapping[str, Any],
) -> DecisionReceipt:
    """Let the alias follow what was committed; the receipt.

    A registry that does not answer takes nothing from the decision: the next run carries it out.
    """
    failpoint("promote.after_ledger")
    alias = try_sync_aliases(registry, warehouse)
    receipt = DecisionReceipt(
        door=door,
        sentence=sentence,
        seconds=time.monotonic() - began,
        details={"changed": has_changed, **details, "alias": alias},
    )
    return warehouse.record(receipt, registry.settings.run_id)


def observed_move(registry: Registry, history: Sequence[Decision]) -> str | None:
    """Where a person moved the champion's alias and no run has looked yet, or it was refused.

    None where it stands as decided or the registry does not answer; empty where it was deleted.
    """
    approval = current_approval(history)
    if approval is None or not approval.is_synced:
        return None
    try:
        at = registry.aliases(timeout="short").get("champion", "")
    except RegistryError:
        return None
    return None if at == approval.model_version else at


def _observe(registry: Registry, alias: str, history: Sequence[Decision]) -> AliasState:
    version = registry.version_at(alias, timeout="short")
    versions = None
    if version is None and current_approval(history) and not pending_decisions(history):
        try:
            versions = registry.versions(timeout="short")
        except RegistryError as error:
            logger.warning("MLflow has no %s any more, and: %s", alias, error)
    return AliasState(version=version, versions=versions)


def _check(
    registry: Registry, warehouse: Warehouse, state: AliasState, action: CheckVersion
) -> tuple[AliasState, Bundle | None]:
    """The state with the result of the check, and the bundle if it may serve."""
    version = action.version
    sha256 = action.approved_sha256 or expected_digest(warehouse, version)
    bundle, fault = None, None
    try:
        if action.approved_sha256 is None:
            bundle = validate_version(registry, warehouse, version)
        else:
            bundle = registry.fetch(version.version, sha256)
            fault = version.wrong_tag(sha256) or unfit_reason(registry.settings, bundle)
    except UnfitModel as error:
        fault = str(error)
    except RegistryError as error:
        return replace(state, error=str(error)), None
    return replace(state, check=Check(sha256=sha256, fault=fault)), bundle


def _move_alias(
    transaction: Transaction, registry: Registry, alias: str, history: Sequence[Decision]
) -> list[str]:
    """Move an alias to where the ledger has it; a sentence if a decision was pending."""
    actions = reconcile(alias, history, _observe(registry, alias, history))
    for action in actions:
        if isinstance(action, SetAlias | DeleteAlias | MarkSynced):
            _write(transaction, registry, alias, action, None)
    sentences = [each.sentence for each in actions if isinstance(each, MarkSynced)]
    for sentence in sentences:
        logger.info("%s", sentence)
    return sentences


def _write(
    transaction: Transaction,
    registry: Registry,
    alias: str,
    action: Action,
    bundle: Bundle | None,
) -> None:
    """Carry out one action; those that only say what to serve write nothing."""
    match action:
        case SetAlias(version):
            registry.set_alias(alias, version, timeout="short")
        case DeleteAlias():
            registry.delete_alias(alias)
        case MarkSynced(promotion_ids):
            failpoint("promote.after_alias")
            mark_synced(transaction, promotion_ids)
        case Follow(model_version, policy):
            assert bundle is not None
            _write_follow(transaction, registry, alias, model_version, bundle, policy)
        case Refuse(model_version, sha256, reason):
            record_refusal(
                transaction,
                settings=registry.settings,
                alias=alias,
                version=model_version,
                sha256=sha256,
                decided_by=MOVED_IN_MLFLOW,
                reason=reason,
            )
        case RetireChallenger(approval):
            number = retire_challenger(
                transaction,
                settings=registry.settings,
                bundle_sha256=approval.bundle_sha256,
                decided_by=MOVED_IN_MLFLOW,
                reason=f"The alias was taken off version {approval.model_version} in MLflow.",
            )
            mark_synced(transaction, [number] if number else [])


def _write_follow(
    transaction: Transaction,
    registry: Registry,
    alias: str,
    version: ModelVersion,
    bundle: Bundle,
    policy: Policy | None,
) -> None:
    sentence, evidence = training_evidence(transaction, version.version)
    number = record_approval(
        transaction,
        settings=registry.settings,
        alias=alias,
        bundle=bundle,
        version=version.version,
        verdict="follow",
        decided_by=MOVED_IN_MLFLOW,
        reason=f"The alias was moved in MLflow to version {version.version}; it passed the checks. "
        f"{sentence}",
        evidence={**evidence, "tags": dict(version.tags)},
        training_id=evidence["training_id"],
        policy=policy,
    )
    mark_synced(transaction, [number])


def _load_fallback(registry: Registry, alias: str, fallback: ServeFallback) -> ServedModel | None:
    if fallback.warning:
        logger.warning("%s", fallback.warning)
    failure: RegistryError | None = None
    for decision in fallback.candidates:
        try:
            bundle = registry.fetch(decision.model_version, decision.bundle_sha256)
        except RegistryError as error:
            failure = failure or error
            continue
        fault = unfit_reason(registry.settings, bundle)
        if fault is None:
            return _served(decision.model_version, bundle, {})
        logger.warning("Version %s is not served as %s: %s", decision.model_version, alias, fault)
    if failure is not None:
        raise failure
    return None


def _served(version: str, bundle: Bundle, tags: Mapping[str, str]) -> ServedModel:
    return ServedModel(
        name=bundle.model_name,
        version=version,
        bundle=bundle,
        bundle_sha256=bundle.sha256,
        tags=dict(tags),
    )
