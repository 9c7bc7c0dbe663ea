"""The door back to an earlier champion: model, calibration and tier policy as they were."""

import time

from retention_ml.errors import RegistryError, UnfitModel, UsageError
from retention_ml.models.bundle.bundle import Bundle
from retention_ml.models.promotion import decisions as ledger
from retention_ml.models.promotion.apply import carry_out, observed_move
from retention_ml.models.promotion.decisions import Decision
from retention_ml.models.promotion.policy import configured_policy
from retention_ml.models.promotion.validate_version import validate_version
from retention_ml.models.registry.mlflow_registry import Registry
from retention_ml.models.registry.model_version import ModelVersion
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
    ledger.require_decider(decided_by, reason)
    registry = Registry(settings)
    history = ledger.decisions(warehouse, "champion")
    moved_to = observed_move(registry, history)
    if version is None and moved_to:
        version = ledger.current_version(history)  # undo the move
    approval, bundle, passed_over = _target(registry, warehouse, history, version)
    target = approval.model_version
    with warehouse.transaction() as transaction:
        current = ledger.lock_decisions(transaction, "champion")
        champion = ledger.current_version(current)
        former = moved_to if champion == target else champion
        has_changed, sentence = _decide(target, champion, former, current == history)
        if has_changed:
            ledger.write_decision(
                transaction,
                settings=settings,
                alias="champion",
                model_name=bundle.model_name,
                version=target,
                bundle_sha256=bundle.sha256,
                verdict="rollback",
                decided_by=decided_by,
                reason=reason,
                evidence={"from_version": former, "passed_over": passed_over},
                training_id=bundle.training_id,
                policy=approval.policy,
            )
    policy = dict(approval.policy or configured_policy(settings)) if has_changed else None
    return carry_out(
        warehouse,
        registry,
        door="models.rollback",
        began=began,
        sentence=sentence,
        details={
            "changed": has_changed,
            "version": target,
            "previous_version": champion,
            "model_name": bundle.model_name,
            "bundle_sha256": bundle.sha256,
            "policy": policy,
            "passed_over": passed_over,
        },
    )


def _decide(
    target: str, champion: str | None, former: str | None, is_first: bool
) -> tuple[bool, str]:
    """Whether the target becomes champion again, and that in a sentence.

    `former` is what it replaces: another champion, or where a person had moved its alias.
    """
    if not is_first:
        return False, (
            f"Another decision came first: version {champion} is champion. Nothing was changed."
        )
    if champion == target and former is None:
        return False, f"Version {target} is champion already. Nothing was changed."
    end = f" instead of version {former}." if former else "; the alias had been deleted."
    return True, f"Version {target} is champion again{end}"


def _target(
    registry: Registry, warehouse: Warehouse, history: list[Decision], version: str | None
) -> tuple[Decision, Bundle, dict[str, str]]:
    """The approval to go back to, its bundle, and the versions passed over with the reason."""
    try:
        registered = {each.version: each for each in registry.versions(timeout="short")}
    except RegistryError:
        registered = {}

    def validate(number: str) -> Bundle:
        described = registered.get(number) or ModelVersion(version=number)
        return validate_version(registry, warehouse, described)

    if version is not None:
        approval = ledger.last_approval(history, version)
        if approval is None:
            raise UsageError(
                f"Version {version[:40]!r} never was champion, so there is nothing to go back to. "
                f"`retention promote {version[:40]} --reason …` makes a new version champion."
            )
        return approval, validate(version), {}
    chain = ledger.fallback_chain(history)
    passed_over: dict[str, str] = {}
    for approval in chain[1:]:
        try:
            return approval, validate(approval.model_version), passed_over
        except UnfitModel as error:
            passed_over[approval.model_version] = str(error).rstrip(".")
    current = f"version {chain[0].model_version}" if chain else "any"
    why = "".join(f" Version {one} was passed over: {what}." for one, what in passed_over.items())
    raise UsageError(
        f"There is no champion before {current} in the ledger that could serve.{why} `retention "
        "models` lists the versions; `retention promote VERSION --reason …` chooses one."
    )
