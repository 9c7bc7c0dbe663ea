"""The door by which a version becomes champion: checked, decided in the ledger, then carried out."""

import time
from collections.abc import Mapping
from typing import Any

from retention_ml.errors import UnfitModel
from retention_ml.models.promotion.decisions import decisions, locked, standing, write_decision
from retention_ml.models.promotion.evidence import evidence_of
from retention_ml.models.promotion.policy import asked_for
from retention_ml.models.promotion.promotion_steps import (
    bundle_of,
    carry_out,
    crown,
    demand_words,
    described,
    newest_number,
    stray_alias,
)
from retention_ml.models.registry.description import writable
from retention_ml.models.registry.mlflow_registry import ModelVersion, Registry
from retention_ml.receipts import Receipt
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse

NO_CHAMPION = ""
"""What a decision is instead of where there was no champion."""


def promote(
    warehouse: Warehouse,
    *,
    settings: Settings,
    version: str,
    decided_by: str,
    reason: str,
    evidence: Mapping[str, Any] | None = None,
    instead_of: str | None = None,
) -> Receipt:
    """Make a version champion, with the settings' tier policy; the next scoring run serves it.

    Digest, churn definition, features and answers are checked first. The ledger row is the
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
        Of a decision on evidence: the champion that it is about, `NO_CHAMPION` where there was
        none. Where another one stands by now, or somebody moved the alias by hand since, nothing
        is changed, and the receipt says so. By default the promotion is made in any case.

    Returns
    -------
    Receipt
        `details` holds `changed`, `sentence`, `version`, `previous_version`, `bundle_sha256`,
        `policy` and `alias` (what became of the registry's alias).

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
    demand_words(decided_by, reason)
    registry = Registry(settings)
    found = described(registry, warehouse, version)
    seen = decisions(warehouse, "champion")
    stray = stray_alias(registry, seen)
    try:
        bundle = bundle_of(registry, warehouse, found)
    except UnfitModel as error:
        _note_refusal(warehouse, settings, found, decided_by, str(error))
        raise UnfitModel(
            f"Version {version} cannot become champion: {str(error).rstrip('.')}. Nothing was "
            "changed. Promote another version (`retention models` lists them), or train anew."
        ) from error
    with warehouse.transaction() as transaction:
        history = locked(transaction, "champion")
        holds = standing(history)
        before = holds.model_version if holds else None
        is_astray = stray is not None and newest_number(history) == newest_number(seen)
        has_changed = False
        if instead_of is not None and (before or NO_CHAMPION) not in (instead_of, version):
            sentence = (
                f"Version {version} was to become champion instead of {_named(instead_of)}, but "
                f"{_named(before)} is champion by now. Nothing was changed."
            )
        elif instead_of is not None and stray is not None and holds == standing(seen):
            moved = f"moved to version {stray}" if stray else "deleted"
            sentence = (
                f"The alias champion was {moved} in MLflow by hand, so version {version} does not "
                "become champion by itself. Nothing was changed. `retention promote` decides."
            )
        elif before == version and not is_astray:
            sentence = f"Version {version} is champion already. Nothing was changed."
        else:
            has_changed = True
            sentence = f"Version {version} is champion" + (
                f"; before it was version {before}."
                if before not in (None, version)
                else "; the alias had been moved in MLflow."
                if is_astray
                else "; before it there was none."
            )
            crown(
                transaction,
                settings=settings,
                bundle=bundle,
                version=version,
                verdict="promote",
                decided_by=decided_by,
                reason=reason,
                evidence={**(evidence or {}), "offline": evidence_of(transaction, version)[1]},
            )
    return carry_out(
        warehouse,
        registry,
        door="models.promote",
        began=began,
        has_changed=has_changed,
        sentence=sentence,
        details={
            "version": version,
            "previous_version": before,
            "model_name": bundle.model_name,
            "bundle_sha256": bundle.sha256,
            "policy": asked_for(settings) if has_changed else None,
        },
    )


def _named(version: str | None) -> str:
    return f"version {version}" if version else "nobody"


def _note_refusal(
    warehouse: Warehouse, settings: Settings, version: ModelVersion, decided_by: str, wrong: str
) -> None:
    wrong = writable(wrong)
    with warehouse.transaction() as transaction:
        newest = next(iter(locked(transaction, "champion")), None)
        if newest and (newest.verdict, newest.model_version, newest.reason) == (
            "refuse",
            version.version,
            wrong,
        ):
            return
        write_decision(
            transaction,
            settings=settings,
            alias="champion",
            model_name=version.tags.get("model_name", "unknown"),
            version=version.version,
            bundle_sha256=version.tags.get("bundle_sha256", ""),
            verdict="refuse",
            decided_by=decided_by,
            reason=wrong,
            evidence={"tags": dict(version.tags)},
            training_id=None,
        )
