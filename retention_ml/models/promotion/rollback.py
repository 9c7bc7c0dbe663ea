"""The door back to an earlier champion: model, calibration and tier policy as they were."""

import time

from retention_ml.errors import RegistryError, UnfitModel, UsageError
from retention_ml.models.bundle.bundle import Bundle
from retention_ml.models.promotion.decisions import (
    APPROVED,
    Decision,
    approved_with,
    decisions,
    locked,
    standing,
    succession,
)
from retention_ml.models.promotion.policy import asked_for
from retention_ml.models.promotion.promotion_steps import (
    bundle_of,
    carry_out,
    crown,
    demand_words,
    newest_number,
    stray_alias,
)
from retention_ml.models.registry.mlflow_registry import ModelVersion, Registry
from retention_ml.receipts import Receipt
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse


def rollback(
    warehouse: Warehouse,
    *,
    settings: Settings,
    decided_by: str,
    reason: str,
    version: str | None = None,
) -> Receipt:
    """Make an earlier champion champion again, with the tier policy it was last approved with.

    Needs no MLflow: the ledger row is the decision, the bundle comes from the cache in
    `<home>/models/`, and the registry's alias follows at the next run.

    Parameters
    ----------
    decided_by, reason : str
        Who, and why.
    version : str, optional
        A version that was champion before. By default the one before today's; once more goes
        further back, never forth to what was rolled back from. Versions that may not serve (any
        more) are passed over. Where a person moved the alias in MLflow and nothing was served
        yet, that move is undone.

    Returns
    -------
    Receipt
        `details` holds `changed`, `sentence`, `version`, `previous_version`, `bundle_sha256`,
        `policy`, `passed_over` (versions with the reason) and `alias`.

    Raises
    ------
    UsageError
        There is no earlier champion, or the named version never was one.
    UnfitModel
        The named version must not serve.
    RegistryError
        The files are neither in the cache nor to be had from the registry.
    """
    began = time.monotonic()
    demand_words(decided_by, reason)
    registry = Registry(settings)
    seen = decisions(warehouse, "champion")
    stray = stray_alias(registry, seen)
    now = standing(seen)
    undone = now.model_version if now and stray and version is None else None
    target, bundle, passed_over = _target(registry, warehouse, seen, version or undone)
    policy = approved_with(seen, target)
    with warehouse.transaction() as transaction:
        history = locked(transaction, "champion")
        holds = standing(history)
        before = holds.model_version if holds else None
        is_first = newest_number(history) == newest_number(seen)
        has_changed = is_first and (before != target or stray is not None)
        if has_changed:
            instead = stray if before == target else before
            sentence = f"Version {target} is champion again" + (
                f" instead of version {instead}." if instead else "; the alias had been deleted."
            )
            crown(
                transaction,
                settings=settings,
                bundle=bundle,
                version=target,
                verdict="rollback",
                decided_by=decided_by,
                reason=reason,
                evidence={"from_version": instead, "passed_over": passed_over},
                policy=policy,
            )
        elif is_first:
            sentence = f"Version {target} is champion already. Nothing was changed."
        else:
            sentence = (
                f"Another decision came first: version {before} is champion. Nothing was changed."
            )
    return carry_out(
        warehouse,
        registry,
        door="models.rollback",
        began=began,
        has_changed=has_changed,
        sentence=sentence,
        details={
            "version": target,
            "previous_version": before,
            "model_name": bundle.model_name,
            "bundle_sha256": bundle.sha256,
            "policy": dict(policy or asked_for(settings)) if has_changed else None,
            "passed_over": passed_over,
        },
    )


def _target(
    registry: Registry, warehouse: Warehouse, seen: list[Decision], version: str | None
) -> tuple[str, Bundle, dict[str, str]]:
    """The version to go back to, its bundle, and the versions passed over with the reason."""
    tags = _tags(registry)
    if version is not None:
        if not any(each.model_version == version and each.verdict in APPROVED for each in seen):
            raise UsageError(
                f"Version {version[:40]!r} never was champion, so there is nothing to go back to. "
                f"`retention promote {version[:40]} --reason …` makes a new version champion."
            )
        return version, bundle_of(registry, warehouse, _plain(version, tags)), {}
    line = succession(seen)
    passed_over: dict[str, str] = {}
    for each in reversed(line[:-1]):
        try:
            bundle = bundle_of(registry, warehouse, _plain(each.model_version, tags))
        except UnfitModel as error:
            passed_over[each.model_version] = str(error).rstrip(".")
            continue
        return each.model_version, bundle, passed_over
    now = f"version {line[-1].model_version}" if line else "any"
    why = "".join(f" Version {one} was passed over: {what}." for one, what in passed_over.items())
    raise UsageError(
        f"There is no champion before {now} in the ledger that could serve.{why} `retention "
        "models` lists the versions; `retention promote VERSION --reason …` chooses one."
    )


def _tags(registry: Registry) -> dict[str, ModelVersion]:
    try:
        return {each.version: each for each in registry.versions(brisk=True)}
    except RegistryError:
        return {}


def _plain(version: str, known: dict[str, ModelVersion]) -> ModelVersion:
    return known.get(version) or ModelVersion(version=version, run_id=None, tags={})
