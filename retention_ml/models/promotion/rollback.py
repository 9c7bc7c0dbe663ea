"""The door back to an earlier champion: model, calibration and tier policy as they were."""

import time

from retention_ml.errors import RegistryError, UnfitModel, UsageError
from retention_ml.models.bundle.bundle import Bundle
from retention_ml.models.promotion.apply import carry_out, observed_move
from retention_ml.models.promotion.decisions import (
    APPROVED,
    Decision,
    approved_policy,
    current_approval,
    decisions,
    fallback_chain,
    lock_decisions,
    newest_number,
    record_approval,
    require_decider,
)
from retention_ml.models.promotion.policy import configured_policy
from retention_ml.models.promotion.validate_version import validate_version
from retention_ml.models.registry.mlflow_registry import ModelVersion, Registry
from retention_ml.receipts import DecisionReceipt
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse


def rollback(
    warehouse: Warehouse,
    *,
    settings: Settings,
    decided_by: str,
    reason: str,
    version: str | None = None,
) -> DecisionReceipt:
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
    DecisionReceipt
        `details` holds `changed`, `version`, `previous_version`, `model_name`, `bundle_sha256`,
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
    require_decider(decided_by, reason)
    registry = Registry(settings)
    history = decisions(warehouse, "champion")
    moved_to = observed_move(registry, history)
    approval = current_approval(history)
    if version is None and approval and moved_to:
        version = approval.model_version  # undo the move
    target, bundle, passed_over = _target(registry, warehouse, history, version)
    policy = approved_policy(history, target)
    with warehouse.transaction() as transaction:
        current = lock_decisions(transaction, "champion")
        approval = current_approval(current)
        champion = approval.model_version if approval else None
        is_first = newest_number(current) == newest_number(history)
        has_changed, sentence = _decide(target, champion, is_first, moved_to)
        if has_changed:
            from_version = moved_to if champion == target else champion
            record_approval(
                transaction,
                settings=settings,
                bundle=bundle,
                version=target,
                verdict="rollback",
                decided_by=decided_by,
                reason=reason,
                evidence={"from_version": from_version, "passed_over": passed_over},
                training_id=bundle.training_id,
                policy=policy,
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
            "previous_version": champion,
            "model_name": bundle.model_name,
            "bundle_sha256": bundle.sha256,
            "policy": dict(policy or configured_policy(settings)) if has_changed else None,
            "passed_over": passed_over,
        },
    )


def _decide(
    target: str, champion: str | None, is_first: bool, moved_to: str | None
) -> tuple[bool, str]:
    """Whether the target becomes champion again, and that in a sentence.

    Parameters
    ----------
    is_first : bool
        Whether nobody else decided since the target was chosen.
    moved_to : str or None
        Where a person had moved the alias by then, see `observed_move`.
    """
    if not is_first:
        return False, (
            f"Another decision came first: version {champion} is champion. Nothing was changed."
        )
    if champion != target:
        instead = champion
    elif moved_to is None:
        return False, f"Version {target} is champion already. Nothing was changed."
    else:
        instead = moved_to
    end = f" instead of version {instead}." if instead else "; the alias had been deleted."
    return True, f"Version {target} is champion again{end}"


def _target(
    registry: Registry, warehouse: Warehouse, history: list[Decision], version: str | None
) -> tuple[str, Bundle, dict[str, str]]:
    """The version to go back to, its bundle, and the versions passed over with the reason."""
    registered = _registered(registry)
    if version is not None:
        if not any(each.model_version == version and each.verdict in APPROVED for each in history):
            raise UsageError(
                f"Version {version[:40]!r} never was champion, so there is nothing to go back to. "
                f"`retention promote {version[:40]} --reason …` makes a new version champion."
            )
        bundle = validate_version(registry, warehouse, _described(version, registered))
        return version, bundle, {}
    chain = fallback_chain(history)
    passed_over: dict[str, str] = {}
    for each in reversed(chain[:-1]):
        described = _described(each.model_version, registered)
        try:
            return each.model_version, validate_version(registry, warehouse, described), passed_over
        except UnfitModel as error:
            passed_over[each.model_version] = str(error).rstrip(".")
    current = f"version {chain[-1].model_version}" if chain else "any"
    why = "".join(f" Version {one} was passed over: {what}." for one, what in passed_over.items())
    raise UsageError(
        f"There is no champion before {current} in the ledger that could serve.{why} `retention "
        "models` lists the versions; `retention promote VERSION --reason …` chooses one."
    )


def _registered(registry: Registry) -> dict[str, ModelVersion]:
    """The registered versions by number; none where the registry does not answer."""
    try:
        return {each.version: each for each in registry.versions(timeout="short")}
    except RegistryError:
        return {}


def _described(version: str, registered: dict[str, ModelVersion]) -> ModelVersion:
    return registered.get(version) or ModelVersion(version=version, run_id=None, tags={})
