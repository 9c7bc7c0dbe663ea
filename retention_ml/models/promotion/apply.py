"""Carries out what `reconcile` decides: the one place where ledger and registry are made to agree.

Aliases are moved one process at a time and without an open transaction, so that nobody waits for
MLflow in order to decide; rows of the ledger are written under the lock of those who decide.
"""

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from retention_ml.errors import RegistryError, UnfitModel, WarehouseError
from retention_ml.failpoints import failpoint
from retention_ml.models.bundle.bundle import Bundle
from retention_ml.models.promotion import decisions as ledger
from retention_ml.models.promotion.decisions import Decision
from retention_ml.models.promotion.evidence import training_evidence
from retention_ml.models.promotion.reconcile import (
    Action,
    AliasAction,
    AliasState,
    Check,
    CheckVersion,
    Follow,
    LedgerAction,
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
from retention_ml.models.promotion.validate_version import unfit_reason, validate_version
from retention_ml.models.registry.description import storable
from retention_ml.models.registry.mlflow_registry import Registry
from retention_ml.models.registry.model_version import ModelVersion, ServedModel
from retention_ml.receipts import DecisionReceipt
from retention_ml.settings import Settings
from retention_ml.warehouse import Transaction, Warehouse

logger = logging.getLogger(__name__)

_LOCK_TIMEOUT = "55P03"


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
        The registry did not carry out a move, or another process is at it for long. The decision
        holds; the next call tries again.
    """
    sentences: list[str] = []
    failure: RegistryError | None = None
    for alias in ("champion", "challenger"):
        try:
            if pending_decisions(ledger.decisions(warehouse, alias)):
                sentences += _move_alias(registry, warehouse, alias)
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
    state, bundle = AliasState(), None
    try:
        sync_aliases(registry, warehouse)
        # Before the alias: what is decided later is synced later.
        history = ledger.decisions(warehouse, alias)
        state = _observe(registry, alias, history)
        *_, last = reconcile(alias, history, state)
        if isinstance(last, CheckVersion):
            check, bundle = _check(registry, warehouse, last)
            state = replace(state, check=check)
    except RegistryError as error:
        history = ledger.decisions(warehouse, alias)
        state = replace(state, error=str(error))
    actions = reconcile(alias, history, state)
    if any(isinstance(action, AliasAction) for action in actions):
        try:
            _move_alias(registry, warehouse, alias)
        except RegistryError as error:
            logger.warning("The alias %s follows at the next run, because: %s", alias, error)
    if any(isinstance(action, LedgerAction) for action in actions):
        with warehouse.transaction() as transaction:
            current = ledger.lock_decisions(transaction, alias)
            if newest_move(current) != newest_move(history):
                state = AliasState(error="It was decided otherwise meanwhile.")
            actions = reconcile(alias, current, state)
            for action in actions:
                _record(transaction, registry.settings, alias, action, bundle)
    if state.check is not None:
        _try_show_check(registry, alias, state.version, state.check)
    last = actions[-1]
    if isinstance(last, ServeFallback):
        return _load_fallback(registry, alias, last)
    assert isinstance(last, Serve)
    assert bundle is not None
    return ServedModel(version=last.version.version, bundle=bundle)


def carry_out(
    warehouse: Warehouse,
    registry: Registry,
    *,
    door: str,
    began: float,
    sentence: str,
    details: Mapping[str, Any],
) -> DecisionReceipt:
    """Let the alias follow what was committed; the receipt.

    A registry that does not answer takes nothing from the decision: the next run carries it out.
    """
    failpoint("promote.after_ledger")
    details = {**details, "alias": try_sync_aliases(registry, warehouse)}
    seconds = time.monotonic() - began
    receipt = DecisionReceipt(door=door, sentence=sentence, seconds=seconds, details=details)
    return warehouse.record(receipt, registry.settings.run_id)


def observed_move(registry: Registry, history: Sequence[Decision]) -> str | None:
    """Where a person moved the champion's alias and no run has looked yet, or it was refused.

    None where it stands as decided or the registry does not answer; empty where it was deleted.
    """
    approval = ledger.current_approval(history)
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
    if version is None and ledger.current_approval(history) and not pending_decisions(history):
        try:
            versions = registry.versions(timeout="short")
        except RegistryError as error:
            logger.warning("MLflow has no %s any more, and: %s", alias, error)
    return AliasState(version=version, versions=versions)


def _check(
    registry: Registry, warehouse: Warehouse, action: CheckVersion
) -> tuple[Check, Bundle | None]:
    """The result of the check, and the bundle where its files could be read."""
    version, bundle, fault = action.version, None, None
    sha256 = (
        action.approved_sha256
        or ledger.accepted_digest(warehouse, version.version)
        or version.tags.get("bundle_sha256", "")
    )
    try:
        if action.approved_sha256 is None:
            bundle = validate_version(registry, warehouse, version)
        else:
            bundle = registry.fetch(version.version, sha256)
            fault = version.wrong_tag(sha256) or unfit_reason(registry.settings, bundle)
    except UnfitModel as error:
        fault = str(error)
    return Check(sha256=sha256, fault=fault), bundle


def _try_show_check(
    registry: Registry, alias: str, version: ModelVersion | None, check: Check
) -> None:
    """Tell on the version why it is not served, for whoever moved the alias; or that it is again.

    Best effort, and only where the version does not tell it already.
    """
    try:
        if version is not None and check.fault is None:
            registry.clear_refusal(version, alias)
        elif version is not None and check.fault is not None:
            registry.set_refusal(version, alias, storable(check.fault))
    except RegistryError as error:
        logger.warning("MLflow does not show the check of its %s: %s", alias, error)


def _move_alias(registry: Registry, warehouse: Warehouse, alias: str) -> list[str]:
    """Move an alias to where the ledger has it; a sentence if a decision was pending."""
    sentences = []
    with _turn(warehouse, alias):
        history = ledger.decisions(warehouse, alias)
        is_pending = bool(pending_decisions(history))
        for action in reconcile(alias, history, _observe(registry, alias, history)):
            match action:
                case SetAlias(str(version)):
                    registry.set_alias(alias, version, timeout="short")
                    if not is_pending:
                        logger.warning("MLflow had no %s any more; its alias was put back.", alias)
                case SetAlias():
                    registry.delete_alias(alias)
                case MarkSynced(promotion_ids, sentence):
                    failpoint("promote.after_alias")
                    with warehouse.transaction() as transaction:
                        ledger.mark_synced(transaction, promotion_ids)
                    sentences.append(sentence)
    for sentence in sentences:
        logger.info("%s", sentence)
    return sentences


@contextmanager
def _turn(warehouse: Warehouse, alias: str) -> Iterator[None]:
    """A block in which no other process moves the alias."""
    try:
        with warehouse.exclusive(f"settle:{alias}"):
            yield
    except WarehouseError as error:
        if error.sqlstate != _LOCK_TIMEOUT:
            raise
        raise RegistryError(
            f"Another process has been moving the alias {alias} for longer than one waits for a "
            "lock. What was decided holds, and the next run moves the alias where it is not there."
        ) from error


def _record(
    transaction: Transaction,
    settings: Settings,
    alias: str,
    action: Action,
    bundle: Bundle | None,
) -> None:
    match action:
        case Follow(version, policy):
            assert bundle is not None
            sentence, evidence = training_evidence(transaction, version.version, bundle.sha256)
            number = ledger.write_decision(
                transaction,
                settings=settings,
                alias=alias,
                model_name=bundle.model_name,
                version=version.version,
                bundle_sha256=bundle.sha256,
                verdict="follow",
                decided_by=ledger.MOVED_IN_MLFLOW,
                reason=f"The alias was moved in MLflow to version {version.version}; it passed "
                f"the checks. {sentence}",
                evidence={**evidence, "tags": dict(version.tags)},
                training_id=evidence["training_id"],
                policy=policy,
            )
            ledger.mark_synced(transaction, [number])
        case Refuse(version, sha256, reason):
            ledger.write_decision(
                transaction,
                settings=settings,
                alias=alias,
                model_name=version.tags.get("model_name", "unknown"),
                version=version.version,
                bundle_sha256=sha256,
                verdict="refuse",
                decided_by=ledger.MOVED_IN_MLFLOW,
                reason=reason,
                evidence={"tags": dict(version.tags)},
            )
        case RetireChallenger(approval):
            reason = f"The alias was taken off version {approval.model_version} in MLflow."
            retired = ledger.retire_challenger(
                transaction, settings, approval.bundle_sha256, ledger.MOVED_IN_MLFLOW, reason
            )
            ledger.mark_synced(transaction, [retired] if retired else [])


def _load_fallback(registry: Registry, alias: str, fallback: ServeFallback) -> ServedModel | None:
    if fallback.warning:
        logger.warning("%s", fallback.warning)
    failure: RegistryError | None = None
    for decision in fallback.candidates:
        version = decision.model_version
        try:
            bundle = registry.fetch(version, decision.bundle_sha256)
        except RegistryError as error:
            failure = failure or error
            continue
        fault = unfit_reason(registry.settings, bundle)
        if fault is None:
            return ServedModel(version=version, bundle=bundle, warning=fallback.warning)
        logger.warning("Version %s is not served as %s: %s", version, alias, fault)
    if failure is not None:
        raise failure
    return None
