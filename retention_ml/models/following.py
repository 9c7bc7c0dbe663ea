"""Which version is served: MLflow's alias, as far as the promotion ledger and checks allow."""

import json
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retention_ml import clock
from retention_ml.errors import RegistryError, UnfitModel
from retention_ml.features.catalogue import FEATURE_NAMES
from retention_ml.models.bundle import Bundle
from retention_ml.models.definition import churn_definition
from retention_ml.warehouse import Transaction, Warehouse

if TYPE_CHECKING:
    from retention_ml.models.registry import ModelVersion, Registry, ServedModel

logger = logging.getLogger(__name__)

APPROVED = ("promote", "follow", "rollback")


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One row of `models.promotions`."""

    model_version: str
    bundle_sha256: str
    verdict: str
    reason: str


def decisions(warehouse: Warehouse, alias: str) -> list[Decision]:
    """All decisions about an alias, newest first."""
    with warehouse.transaction() as transaction:
        rows = transaction.execute(
            "SELECT model_version, bundle_sha256, verdict, reason FROM models.promotions "
            "WHERE alias = :alias ORDER BY promotion_id DESC",
            alias=alias,
        )
    return [
        Decision(
            **dict(zip(("model_version", "bundle_sha256", "verdict", "reason"), row, strict=True))
        )
        for row in rows
    ]


def write_decision(
    transaction: Transaction,
    *,
    alias: str,
    model_name: str,
    version: str,
    bundle_sha256: str,
    verdict: str,
    decided_by: str,
    reason: str,
    evidence: object,
    training_id: str | None,
) -> None:
    """Append a row to the promotion ledger."""
    transaction.execute(
        "INSERT INTO models.promotions (alias, model_name, model_version, bundle_sha256, verdict, "
        "decided_by, reason, evidence, training_id, decided_at) VALUES (:alias, :model_name, "
        ":version, :sha, :verdict, :decided_by, :reason, CAST(:evidence AS jsonb), :training_id, :at)",
        alias=alias,
        model_name=model_name,
        version=version,
        sha=bundle_sha256,
        verdict=verdict,
        decided_by=decided_by,
        reason=reason,
        evidence=json.dumps(evidence, default=str),
        training_id=training_id,
        at=clock.now(),
    )


def follow(registry: "Registry", warehouse: Warehouse, alias: str) -> "ServedModel | None":
    """The model to use under an alias, its digest checked.

    A version that the ledger approved is served. One that somebody put under the alias in MLflow
    is served if its digest, churn definition and features pass, and the ledger notes it
    (`follow`); otherwise the ledger notes why not (`refuse`) and the last good one stays up. So
    it does when the registry does not answer.

    Returns
    -------
    ServedModel or None
        None if nothing was ever approved, or nothing for the churn definition of today.

    Raises
    ------
    RegistryError
        Something was approved, but neither the cache nor the registry has its files.
    """
    history = decisions(warehouse, alias)
    try:
        version = registry.version_at(alias, brisk=True)
    except RegistryError as error:
        logger.warning("The last good %s is used, because: %s", alias, error)
        return _last_good(registry, history, alias)
    if version is None:
        if alias != "champion":
            return None
        if any(d.verdict in APPROVED for d in history):
            logger.warning("MLflow has no %s any more; the last good one is used.", alias)
        return _last_good(registry, history, alias)
    approved = [d for d in history if d.model_version == version.version and d.verdict in APPROVED]
    sha256 = approved[0].bundle_sha256 if approved else version.tags.get("bundle_sha256", "")
    try:
        bundle = registry.fetch(version.version, sha256)
        wrong = fault_of(registry, version, bundle, sha256)
    except UnfitModel as error:
        wrong, bundle = str(error), None
    except RegistryError as error:
        logger.warning("The last good %s is used, because: %s", alias, error)
        return _last_good(registry, history, alias)
    if wrong or bundle is None:
        _note(warehouse, history, alias, version, sha256, "refuse", wrong or "")
        logger.warning("Version %s is not served as %s: %s", version.version, alias, wrong)
        others = [d for d in history if d.model_version != version.version]
        return _last_good(registry, others, alias) if alias == "champion" else None
    newest = next((d for d in history if d.verdict in APPROVED), None)
    if newest is None or newest.model_version != version.version:
        reason = f"the alias was moved in MLflow to version {version.version}; it passed the checks"
        _note(warehouse, history, alias, version, sha256, "follow", reason)
    return _model(version.version, bundle, version.tags)


def fault_of(
    registry: "Registry", version: "ModelVersion", bundle: Bundle, sha256: str
) -> str | None:
    """Why a version must not be served, or None."""
    if version.tags.get("bundle_sha256") != sha256:
        return (
            f"its tag bundle_sha256 is {str(version.tags.get('bundle_sha256'))[:12]}, the ledger "
            f"approved {sha256[:12]}"
        )
    return _unfit(registry, bundle)


def _unfit(registry: "Registry", bundle: Bundle) -> str | None:
    wanted = churn_definition(registry.settings).hash
    found = bundle.manifest.get("definition_hash")
    if found != wanted:
        return (
            f"it was trained for the churn definition {found}, the settings ask for {wanted}; "
            "train anew or set [churn] back"
        )
    unknown = sorted(set(bundle.features) - set(FEATURE_NAMES))
    if unknown:
        return (
            f"it reads {len(unknown)} features that are not in the catalogue, first {unknown[0]!r}"
        )
    return None


def _last_good(registry: "Registry", history: list[Decision], alias: str) -> "ServedModel | None":
    seen: set[str] = set()
    failure: RegistryError | None = None
    for decision in history:
        if decision.verdict not in APPROVED or decision.model_version in seen:
            continue
        seen.add(decision.model_version)
        try:
            bundle = registry.fetch(decision.model_version, decision.bundle_sha256)
        except RegistryError as error:
            failure = failure or error
            continue
        wrong = _unfit(registry, bundle)
        if wrong is None:
            return _model(decision.model_version, bundle, {})
        logger.warning("Version %s is not served as %s: %s", decision.model_version, alias, wrong)
    if failure is not None:
        raise failure
    return None


def _model(version: str, bundle: Bundle, tags: object) -> "ServedModel":
    from retention_ml.models.registry import ServedModel

    return ServedModel(
        name=bundle.model_name,
        version=version,
        bundle=bundle,
        bundle_sha256=bundle.sha256,
        tags=dict(tags) if isinstance(tags, dict) else {},
    )


def _note(
    warehouse: Warehouse,
    history: list[Decision],
    alias: str,
    version: "ModelVersion",
    sha256: str,
    verdict: str,
    reason: str,
) -> None:
    """Write a decision unless the newest one already says so."""
    if history and (history[0].model_version, history[0].verdict, history[0].reason) == (
        version.version,
        verdict,
        reason,
    ):
        return
    with warehouse.transaction() as transaction:
        write_decision(
            transaction,
            alias=alias,
            model_name=version.tags.get("model_name", "unknown"),
            version=version.version,
            bundle_sha256=sha256,
            verdict=verdict,
            decided_by="mlflow",
            reason=reason,
            evidence={"tags": dict(version.tags)},
            training_id=version.tags.get("training_id"),
        )
