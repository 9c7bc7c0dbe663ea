"""The door `decide`: the newest look at a trial becomes a decision in the ledger, once.

A challenger that won becomes champion, automatically or when a person approved; one that lost, or
whose time is over, makes room for the next.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Literal

from retention_ml.errors import UnfitModel, UsageError
from retention_ml.labels.definition import churn_definition
from retention_ml.models.promotion.apply import try_sync_aliases
from retention_ml.models.promotion.decisions import (
    Decision,
    current_approval,
    current_version,
    decisions,
    lock_decisions,
    retire_challenger,
    write_decision,
)
from retention_ml.models.promotion.promote import NO_CHAMPION, promote
from retention_ml.models.registry.mlflow_registry import Registry
from retention_ml.outcomes.trial import trials
from retention_ml.outcomes.trial.answer import Answer
from retention_ml.outcomes.trial.trials import StoredLook, Trial
from retention_ml.receipts import DecisionReceipt
from retention_ml.settings import Settings
from retention_ml.warehouse import Transaction, Warehouse

DECIDED_BY = "outcomes"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """An open trial with everything that its decision depends on.

    `challenger` is None where the challenger's slot is empty or taken by another version.
    """

    trial: Trial
    look: StoredLook | None
    champion: Decision | None
    challenger: Decision | None
    answer: Answer
    as_of: date

    @property
    def decided_on(self) -> date:
        """The day of the decision: an answer also counts for a look later than `as_of`."""
        if self.look is not None and self.answer.was_asked:
            return max(self.as_of, self.look.as_of)
        return self.as_of

    @property
    def evidence(self) -> Mapping[str, Any]:
        """What the ledger keeps: the trial, its plan and the look."""
        figures = self.look.figures if self.look is not None else {}
        return {
            "trial_id": self.trial.trial_id,
            "champion_version": self.trial.champion_version,
            "champion_sha256": self.trial.champion_sha256,
            "challenger_version": self.trial.challenger_version,
            "began_on": str(self.trial.began_on),
            "plan": dict(self.trial.plan),
            "look": {name: value for name, value in figures.items() if name != "path"},
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    """What is to be done about a trial, and why; once carried out, whether anything changed.

    `reject` and `retire` end the trial as `status`; `silence` only notes that nobody answered.
    """

    action: Literal["wait", "close", "silence", "reject", "promote", "retire"]
    reason: str
    verdict: str = "inconclusive"
    status: str = ""
    acted: bool = False


def decide(
    warehouse: Warehouse,
    *,
    settings: Settings,
    as_of: date,
    approved_by: str | None = None,
    refused_by: str | None = None,
    remark: str = "",
    version: str | None = None,
) -> DecisionReceipt:
    """Carry out what the newest look at the open trial says.

    `details`: `verdict` (promote, keep, inconclusive), `acted`, `reason`, `trial_id`. Nothing is
    done where no trial is open, where a later day than `as_of` has been looked at, or where
    champion or challenger have changed. Repeated or concurrent calls decide once.

    Parameters
    ----------
    approved_by : str, optional
        The person who approved; without one nothing is promoted where `promotion.mode` is
        `approval`. A challenger that lost is retired in any case.
    refused_by : str, optional
        The person who turned the challenger down: the ledger keeps it and the challenger is
        retired, whatever the newest look says. `NOBODY` where no answer came in time: the ledger
        keeps it, and the trial continues.
    remark : str
        What the person added.
    version : str, optional
        The challenger that the person was asked about; the answer counts for no other. It counts
        even if later days have been looked at since: a yes if the newest look says the same,
        otherwise the ledger keeps it and nothing is promoted.

    Raises
    ------
    UsageError
        A name was given and is empty.
    RegistryError
        The winner's files are not at hand and the registry does not answer. Nothing was decided.
    """
    started = time.perf_counter()
    if "" in (name.strip() for name in (approved_by, refused_by) if name is not None):
        raise UsageError(
            "No name was given for the answer; expected the person who approves or refuses."
        )
    answer = Answer(approved_by=approved_by, refused_by=refused_by, remark=remark, version=version)
    with warehouse.transaction() as transaction:
        transaction.lock("outcomes:decide")
        case = _open_case(warehouse, transaction, settings, as_of, answer)
        if case is None:
            step = _Step(action="wait", reason="No trial is open, so there is nothing to decide.")
        else:
            step = _next_step(case, needs_approval=settings.promotion.mode == "approval")
            step = _carry_out(warehouse, transaction, settings, case, step)
        if not step.acted:
            _record_answer(transaction, settings, answer, step.reason)
    try_sync_aliases(Registry(settings), warehouse)
    receipt = DecisionReceipt(
        door="decide",
        as_of=as_of,
        sentence=f"{step.verdict}: {step.reason}",
        seconds=time.perf_counter() - started,
        details={
            "verdict": step.verdict,
            "acted": step.acted,
            "reason": step.reason,
            "trial_id": case.trial.trial_id if case else None,
        },
    )
    return warehouse.record(receipt, settings.run_id)


def _open_case(
    warehouse: Warehouse,
    transaction: Transaction,
    settings: Settings,
    as_of: date,
    answer: Answer,
) -> _Case | None:
    """The newest open trial of the churn definition in force, or None."""
    definition_hash = churn_definition(settings).hash
    running = trials.open_trials(transaction)
    trial = next((one for one in running[::-1] if one.definition_hash == definition_hash), None)
    if trial is None:
        return None
    challenger = current_approval(decisions(warehouse, "challenger"))
    if challenger is not None and challenger.bundle_sha256 != trial.challenger_sha256:
        challenger = None
    return _Case(
        trial=trial,
        look=trials.newest_look(transaction, trial.trial_id),
        champion=current_approval(decisions(warehouse, "champion")),
        challenger=challenger,
        answer=answer,
        as_of=as_of,
    )


def _next_step(case: _Case, *, needs_approval: bool) -> _Step:
    """What follows from the newest look and the answer; changes nothing."""
    trial, look, answer = case.trial, case.look, case.answer
    if case.champion is not None and case.champion.bundle_sha256 == trial.challenger_sha256:
        reason = f"Version {trial.challenger_version} is champion already."
        return _Step(action="close", reason=reason, verdict="promote")
    outdated = _why_outdated(case)
    if outdated is not None or look is None:
        return _Step(action="wait", reason=outdated or "")
    reason = f"{answer.sentence}{look.reason}"
    if answer.is_refusal and case.challenger is not None:
        return _Step(action="reject", reason=reason, verdict="keep", status="lost")
    if look.outcome in ("lost", "undecided"):
        return _Step(action="retire", reason=reason, verdict="keep", status=look.outcome)
    if look.outcome != "won":
        return _Step(action="wait", reason=look.reason)
    if case.challenger is None:
        reason = (
            f"Version {trial.challenger_version} won, but it is challenger no longer: somebody "
            "took it out of the trial. Promote it with `retention promote` if that was a mistake."
        )
        return _Step(action="wait", reason=reason, verdict="promote")
    if answer.refused_by is not None:
        return _Step(action="silence", reason=reason, verdict="keep")
    if needs_approval and answer.approved_by is None:
        reason = f"Waits for approval. {look.reason}"
        return _Step(action="wait", reason=reason, verdict="promote")
    return _Step(action="promote", reason=reason, verdict="promote")


def _why_outdated(case: _Case) -> str | None:
    """Why the newest look or the answer does not count, or None."""
    trial, look, answer = case.trial, case.look, case.answer
    if answer.version is not None and answer.version != trial.challenger_version:
        return (
            f"The answer was about version {answer.version}; by now version "
            f"{trial.challenger_version} is on trial."
        )
    if look is None:
        return f"Nobody has looked at trial {trial.trial_id} yet: no outcome window has closed."
    if look.as_of > case.decided_on:
        return (
            f"Trial {trial.trial_id} was looked at on {look.as_of}, after {case.as_of}: the newer "
            "look counts."
        )
    if case.champion is not None and case.champion.bundle_sha256 != trial.champion_sha256:
        return (
            f"The trial was against version {trial.champion_version}; by now version "
            f"{case.champion.model_version} is champion, so its evidence is void. The next look "
            "ends it."
        )
    return None


def _carry_out(
    warehouse: Warehouse,
    transaction: Transaction,
    settings: Settings,
    case: _Case,
    step: _Step,
) -> _Step:
    """Write what a step asks for; the step as it was carried out."""
    trial, acted = case.trial, False
    if step.action == "promote":
        step = _promote(warehouse, transaction, settings, case, step.reason)
        acted = step.acted
    elif step.action == "close":
        trials.close_as_champion(transaction, trial, reason=step.reason, ended_on=case.as_of)
    elif step.action in ("silence", "reject") and case.challenger is not None:
        who = str(case.answer.refused_by)
        acted = _record_keep(
            transaction, settings, case.challenger, who, step.reason, case.evidence
        )
    if step.action in ("reject", "retire"):
        acted = True
        retire_challenger(
            transaction,
            settings=settings,
            bundle_sha256=trial.challenger_sha256,
            decided_by=DECIDED_BY,
            reason=step.reason,
            evidence=case.evidence,
        )
        trials.close(
            transaction,
            trial.trial_id,
            status=step.status,
            reason=step.reason,
            ended_on=case.decided_on,
        )
    return replace(step, acted=acted)


def _promote(
    warehouse: Warehouse,
    transaction: Transaction,
    settings: Settings,
    case: _Case,
    reason: str,
) -> _Step:
    """Make the challenger champion and end its trial; a version unfit to serve is to be retired."""
    trial = case.trial
    try:
        receipt = promote(
            warehouse,
            settings=settings,
            version=trial.challenger_version,
            decided_by=case.answer.approved_by or DECIDED_BY,
            reason=reason,
            evidence=case.evidence,
            instead_of=trial.champion_version if case.champion is not None else NO_CHAMPION,
        )
    except UnfitModel as error:
        unfit = f"It won, but must not serve. {error}"
        return _Step(action="retire", reason=unfit, verdict="keep", status="lost")
    acted = bool(receipt.details["changed"])
    if acted:
        trials.close(
            transaction, trial.trial_id, status="won", reason=reason, ended_on=case.decided_on
        )
    why = f"{receipt.sentence} {case.look.reason if case.look is not None else ''}"
    return _Step(action="promote", reason=why, verdict="promote", acted=acted)


def _record_answer(
    transaction: Transaction, settings: Settings, answer: Answer, reason: str
) -> None:
    """Keep a person's answer that changed nothing, and why."""
    who = answer.refused_by if answer.is_refusal else answer.approved_by
    if who is None:
        return
    champions, challengers = (
        lock_decisions(transaction, alias) for alias in ("champion", "challenger")
    )
    champion = current_approval(champions)
    version = answer.version or current_version(challengers)
    about = next((one for one in [*challengers, *champions] if one.model_version == version), None)
    if about is None:
        return
    is_champion = champion is not None and champion.bundle_sha256 == about.bundle_sha256
    if is_champion and not answer.is_refusal:
        return
    _record_keep(transaction, settings, about, who, f"{answer.sentence}{reason}", {})


def _record_keep(
    transaction: Transaction,
    settings: Settings,
    about: Decision,
    decided_by: str,
    reason: str,
    evidence: Mapping[str, Any],
) -> bool:
    """Write that a version does not become champion, if it is not written yet; whether it was."""
    row = ("keep", about.model_version, decided_by, reason)
    if any(
        (each.verdict, each.model_version, each.decided_by, each.reason) == row
        for each in lock_decisions(transaction, "champion")
    ):
        return False
    write_decision(
        transaction,
        settings=settings,
        alias="champion",
        model_name=about.model_name,
        version=about.model_version,
        bundle_sha256=about.bundle_sha256,
        verdict="keep",
        decided_by=decided_by,
        reason=reason,
        evidence=evidence,
        training_id=about.training_id,
    )
    return True
