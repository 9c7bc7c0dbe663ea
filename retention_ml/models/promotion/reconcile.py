"""What to do about an alias: a pure function of the ledger and of where the registry's alias stands.

`apply` carries the actions out. Nothing here reads or writes anything.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from retention_ml.models.promotion.decisions import (
    MOVING,
    Decision,
    current_approval,
    fallback_chain,
    last_approval,
)
from retention_ml.models.promotion.policy import Policy
from retention_ml.models.registry.description import storable
from retention_ml.models.registry.model_version import ModelVersion


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """The result of checking the version under an alias; `fault` is None if it may serve."""

    sha256: str
    fault: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AliasState:
    """What was observed of an alias outside the ledger.

    Parameters
    ----------
    version : ModelVersion or None
        Where the alias stands; None if the registry has no such alias.
    versions : sequence of ModelVersion or None
        All registered versions, None if they were not listed; only looked at where the alias is
        missing.
    error : str or None
        Why the registry did not answer; then at most `version` is known.
    check : Check or None
        The result of checking `version`; None before it was checked.
    """

    version: ModelVersion | None = None
    versions: Sequence[ModelVersion] | None = None
    error: str | None = None
    check: Check | None = None


@dataclass(frozen=True, slots=True)
class SetAlias:
    """Move the alias to a version; where that is None, take it off."""

    version: str | None


@dataclass(frozen=True, slots=True)
class MarkSynced:
    """Note in the ledger that the alias has followed these decisions."""

    promotion_ids: tuple[int, ...]
    sentence: str


@dataclass(frozen=True, slots=True)
class CheckVersion:
    """Check the version under the alias, then reconcile again.

    `approved_sha256` is the digest it was approved with; None if a person moved the alias there.
    """

    version: ModelVersion
    approved_sha256: str | None


@dataclass(frozen=True, slots=True)
class Follow:
    """Accept the version that a person put under the alias, with the policy it last had."""

    version: ModelVersion
    policy: Policy | None


@dataclass(frozen=True, slots=True)
class Refuse:
    """Note in the ledger why the version under the alias must not serve."""

    version: ModelVersion
    sha256: str
    reason: str


@dataclass(frozen=True, slots=True)
class RetireChallenger:
    """Note in the ledger that a person took the challenger's alias off."""

    approval: Decision


@dataclass(frozen=True, slots=True)
class Serve:
    """Serve the version under the alias; it was checked."""

    version: ModelVersion


@dataclass(frozen=True, slots=True)
class ServeFallback:
    """Serve the first of these approvals that can serve, nothing if none can."""

    candidates: tuple[Decision, ...]
    warning: str | None = None


AliasAction = SetAlias | MarkSynced
LedgerAction = Follow | Refuse | RetireChallenger
Action = AliasAction | LedgerAction | CheckVersion | Serve | ServeFallback


def reconcile(alias: str, history: Sequence[Decision], state: AliasState) -> tuple[Action, ...]:
    """What is to be done, in this order, so that ledger and alias agree and a good model serves.

    Parameters
    ----------
    alias : str
        `champion` or `challenger`.
    history : sequence of Decision
        All decisions about the alias, newest first.
    state : AliasState
        What was observed of the alias.

    Returns
    -------
    tuple of Action
        Ends with `Serve`, `ServeFallback` or `CheckVersion`; of the last, the result belongs into
        `state`. No model is served where the challenger was taken off.
    """
    approval = current_approval(history)
    if state.error is not None:
        warning = f"The last good {alias} is used, because: {state.error}"
        return (_fallback(alias, history, warning if approval or state.version else None),)
    if pending := pending_decisions(history):
        # Of several decisions the newest counts; the older ones are marked with it.
        version = pending[0].model_version
        target = None if pending[0].verdict == "retire" else version
        place = f"stands at version {version}" if target else f"was taken off version {version}"
        numbers = tuple(each.promotion_id for each in pending)
        noted = MarkSynced(numbers, f"Alias {alias} {place}.")
        moves = () if target == (state.version and state.version.version) else (SetAlias(target),)
        return *moves, noted, _fallback(alias, history)
    if state.version is None:
        return _without_alias(alias, history, state.versions)
    is_approved = state.version.version == (approval and approval.model_version)
    if state.check is None:
        sha256 = approval.bundle_sha256 if approval and is_approved else None
        return (CheckVersion(state.version, sha256),)
    if state.check.fault is not None:
        return _refuse(alias, history, state.version, state.check.sha256, state.check.fault)
    if is_approved:
        return (Serve(state.version),)
    former = last_approval(history, state.version.version)
    return Follow(state.version, former.policy if former else None), Serve(state.version)


def pending_decisions(history: Sequence[Decision]) -> list[Decision]:
    """The decisions that the alias has not followed yet, newest first."""
    return [each for each in history if each.verdict in MOVING and not each.is_synced]


def newest_move(history: Sequence[Decision]) -> int:
    """The number of the newest decision that moves the alias; 0 if there is none."""
    return next((each.promotion_id for each in history if each.verdict in MOVING), 0)


def _without_alias(
    alias: str, history: Sequence[Decision], versions: Sequence[ModelVersion] | None
) -> tuple[Action, ...]:
    """A champion gets its alias back; a challenger whose alias was taken off leaves its slot."""
    approval = current_approval(history)
    if approval is None or versions is None:
        warning = None
    elif not any(
        each.version == approval.model_version and each.wrong_tag(approval.bundle_sha256) is None
        for each in versions
    ):  # an empty or foreign registry says nothing by an alias
        warning = f"MLflow has no {alias} any more, nor its version."
    elif alias == "champion":
        return SetAlias(approval.model_version), _fallback(alias, history)
    else:
        return RetireChallenger(approval), ServeFallback(())
    return (_fallback(alias, history if alias == "champion" else (), warning),)


def _refuse(
    alias: str, history: Sequence[Decision], version: ModelVersion, sha256: str, fault: str
) -> tuple[Action, ...]:
    """Refuse a version once, and serve an approval of another one."""
    refusal = Refuse(version, sha256, storable(fault))
    is_noted = any(
        each.promotion_id > newest_move(history)
        and (each.verdict, each.model_version, each.bundle_sha256, each.reason)
        == ("refuse", version.version, sha256, refusal.reason)
        for each in history
    )
    warning = f"Version {version.version} is not served as {alias}: {refusal.reason}"
    refusals = () if is_noted else (refusal,)
    approval = current_approval(history)
    if alias == "challenger" and approval and approval.model_version == version.version:
        return *refusals, ServeFallback((), warning)  # the one before it is on trial no more
    others = [each for each in history if each.model_version != version.version]
    return *refusals, _fallback(alias, others, warning)


def _fallback(alias: str, history: Sequence[Decision], warning: str | None = None) -> ServeFallback:
    """A champion falls back along its predecessors, a challenger has none."""
    if alias == "champion":
        return ServeFallback(tuple(fallback_chain(history)), warning)
    approval = current_approval(history)
    return ServeFallback((approval,) if approval else (), warning)
