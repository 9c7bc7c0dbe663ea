"""Which version is served: what the ledger decided, or what a person put under the alias since."""

import logging

from retention_ml.errors import RegistryError, UnfitModel
from retention_ml.models.bundle.bundle import Bundle
from retention_ml.models.promotion.aliases import settle
from retention_ml.models.promotion.decisions import (
    MOVING,
    Decision,
    approved_with,
    decisions,
    free_seat,
    known_digest,
    locked,
    mark_settled,
    standing,
    succession,
    write_decision,
)
from retention_ml.models.promotion.evidence import evidence_of
from retention_ml.models.promotion.validate_version import unfit, vetted, wrong_tag
from retention_ml.models.registry.description import writable
from retention_ml.models.registry.mlflow_registry import ModelVersion, Registry, ServedModel
from retention_ml.warehouse import Transaction, Warehouse

logger = logging.getLogger(__name__)

MOVED_IN_MLFLOW = "mlflow"


def follow(registry: Registry, warehouse: Warehouse, alias: str) -> ServedModel | None:
    """The model to use under an alias, its digest checked.

    Open decisions of the ledger are carried out first (`aliases.settle`). An alias that stands
    elsewhere than the ledger put it was moved by a person in MLflow: the version is served and
    the ledger notes it (`follow`) if digest, churn definition, features and its answers pass;
    otherwise the ledger notes why not (`refuse`, once; a watch tells it) and the last good one stays
    up. So it does when the registry does not answer.

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
        settle(registry, warehouse)
        history = decisions(warehouse, alias)  # before the alias: what comes later is settled later
        version = registry.version_at(alias, brisk=True)
    except RegistryError as error:
        history = decisions(warehouse, alias)
        if standing(history) is not None:
            logger.warning("The last good %s is used, because: %s", alias, error)
        return _last_good(registry, history, alias)
    holds = standing(history)
    if _is_open(history):
        return _last_good(registry, history, alias)  # decided a moment ago, its alias is on the way
    if version is None:
        return _without_alias(registry, warehouse, history, alias)
    if holds is None or holds.model_version != version.version:
        return _moved_by_hand(registry, warehouse, history, alias, version)
    try:
        bundle = registry.fetch(version.version, holds.bundle_sha256)
        wrong = wrong_tag(version, holds.bundle_sha256) or unfit(registry.settings, bundle)
    except UnfitModel as error:
        wrong = str(error)
    except RegistryError as error:
        logger.warning("The last good %s is used, because: %s", alias, error)
        return _last_good(registry, history, alias)
    if wrong is None:
        return _model(version.version, bundle, version.tags)
    _refuse(registry, warehouse, history, alias, version, holds.bundle_sha256, wrong)
    others = [each for each in history if each.model_version != version.version]
    return _last_good(registry, others, alias)


def _moved_by_hand(
    registry: Registry,
    warehouse: Warehouse,
    history: list[Decision],
    alias: str,
    version: ModelVersion,
) -> ServedModel | None:
    """The version that a person put under the alias if it may serve, else the last good one."""
    known = known_digest(warehouse, version.version)
    sha256 = known or version.tags.get("bundle_sha256", "")
    try:
        bundle = vetted(registry, warehouse, version, sha256, is_known=known is not None)
    except UnfitModel as error:
        _refuse(registry, warehouse, history, alias, version, sha256, str(error))
        others = [each for each in history if each.model_version != version.version]
        return _last_good(registry, others, alias)
    except RegistryError as error:
        logger.warning("The last good %s is used, because: %s", alias, error)
        return _last_good(registry, history, alias)
    with warehouse.transaction() as transaction:
        now = locked(transaction, alias)
        if _newest_move(now) == _newest_move(history):
            _note_following(transaction, registry, now, alias, version, bundle)
            now = []
    if now:  # decided otherwise meanwhile, or followed by another process: the ledger counts
        return _last_good(registry, now, alias)
    return _model(version.version, bundle, version.tags)


def _note_following(
    transaction: Transaction,
    registry: Registry,
    history: list[Decision],
    alias: str,
    version: ModelVersion,
    bundle: Bundle,
) -> None:
    known, evidence = evidence_of(transaction, version.version)
    number = write_decision(
        transaction,
        settings=registry.settings,
        alias=alias,
        model_name=bundle.model_name,
        version=version.version,
        bundle_sha256=bundle.sha256,
        verdict="follow",
        decided_by=MOVED_IN_MLFLOW,
        reason=f"The alias was moved in MLflow to version {version.version}; it passed the checks. "
        f"{known}",
        evidence={**evidence, "tags": dict(version.tags)},
        training_id=evidence["training_id"],
        policy=approved_with(history, version.version),
    )
    mark_settled(transaction, [number])
    if alias == "champion":
        free_seat(
            transaction,
            settings=registry.settings,
            bundle_sha256=bundle.sha256,
            decided_by=MOVED_IN_MLFLOW,
            reason=f"Version {version.version} is champion now.",
        )


def _without_alias(
    registry: Registry, warehouse: Warehouse, history: list[Decision], alias: str
) -> ServedModel | None:
    """The last good champion, its alias put back; no challenger: taking its alias off frees its seat."""
    holds = standing(history)
    try:
        if holds is not None and _is_registered(registry, holds):
            with warehouse.transaction() as transaction:
                is_current = _newest_move(locked(transaction, alias)) == _newest_move(history)
                if is_current and alias == "champion":
                    registry.point(alias, holds.model_version, brisk=True)
                    logger.warning("MLflow had no %s any more; its alias was put back.", alias)
                elif is_current:
                    number = free_seat(
                        transaction,
                        settings=registry.settings,
                        bundle_sha256=holds.bundle_sha256,
                        decided_by=MOVED_IN_MLFLOW,
                        reason=f"The alias was taken off version {holds.model_version} in MLflow.",
                    )
                    mark_settled(transaction, [number] if number else [])
        elif holds is not None:
            logger.warning("MLflow has no %s any more, nor its version.", alias)
    except RegistryError as error:
        logger.warning("MLflow has no %s any more, and: %s", alias, error)
    return _last_good(registry, history, alias) if alias == "champion" else None


def _is_registered(registry: Registry, decision: Decision) -> bool:
    """Whether the registry has the version: an empty or foreign one says nothing by an alias."""
    there = {version.version: version for version in registry.versions(brisk=True)}
    known = there.get(decision.model_version)
    return known is not None and wrong_tag(known, decision.bundle_sha256) is None


def _refuse(
    registry: Registry,
    warehouse: Warehouse,
    history: list[Decision],
    alias: str,
    version: ModelVersion,
    sha256: str,
    wrong: str,
) -> None:
    """Note once why a version under the alias is not served; `outcomes.watch` tells it."""
    wrong = writable(wrong)
    logger.warning("Version %s is not served as %s: %s", version.version, alias, wrong)
    with warehouse.transaction() as transaction:
        since = _newest_move(history)
        if any(
            each.verdict == "refuse"
            and each.promotion_id > since
            and (each.model_version, each.bundle_sha256, each.reason)
            == (version.version, sha256, wrong)
            for each in locked(transaction, alias)
        ):
            return
        write_decision(
            transaction,
            settings=registry.settings,
            alias=alias,
            model_name=version.tags.get("model_name", "unknown"),
            version=version.version,
            bundle_sha256=sha256,
            verdict="refuse",
            decided_by=MOVED_IN_MLFLOW,
            reason=wrong,
            evidence={"tags": dict(version.tags)},
            training_id=None,
        )


def _last_good(registry: Registry, history: list[Decision], alias: str) -> ServedModel | None:
    line = succession(history)
    holds = standing(history)
    if alias != "champion":
        line = [holds] if holds else []
    failure: RegistryError | None = None
    for decision in reversed(line):
        try:
            bundle = registry.fetch(decision.model_version, decision.bundle_sha256)
        except RegistryError as error:
            failure = failure or error
            continue
        wrong = unfit(registry.settings, bundle)
        if wrong is None:
            return _model(decision.model_version, bundle, {})
        logger.warning("Version %s is not served as %s: %s", decision.model_version, alias, wrong)
    if failure is not None:
        raise failure
    return None


def _is_open(history: list[Decision]) -> bool:
    return any(not each.is_settled for each in history if each.verdict in MOVING)


def _newest_move(history: list[Decision]) -> int:
    return next((each.promotion_id for each in history if each.verdict in MOVING), 0)


def _model(version: str, bundle: Bundle, tags: object) -> ServedModel:

    return ServedModel(
        name=bundle.model_name,
        version=version,
        bundle=bundle,
        bundle_sha256=bundle.sha256,
        tags=dict(tags) if isinstance(tags, dict) else {},
    )
