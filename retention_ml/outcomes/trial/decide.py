"""The door `decide`: the newest look at a trial becomes a decision in the ledger, once.

A challenger that won becomes champion, automatically or when a person approved; one that lost, or
whose time is over, makes room for the next.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from retention_ml.errors import UnfitModel, UsageError
from retention_ml.labels.definition import churn_definition
from retention_ml.models.promotion.apply import try_sync_aliases
from retention_ml.models.promotion.decisions import (
    Decision,
    current_approval,
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
    """What is to be done about a trial, and why."""

    action: Literal["wait", "close", "reject", "promote", "retire"]
    reason: str
    verdict: str = "inconclusive"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Result:
    """What was done about a trial."""

    acted: bool
    reason: str
    verdict: str = "inconclusive"
    trial_id: int | None = None


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
    with warehouse.transaction() as transaction:
        transaction.execute("SELECT pg_advisory_xact_lock(hashtextextended('outcomes:decide', 0))")
        answer = Answer(
            approved_by=approved_by, refused_by=refused_by, remark=remark, version=version
        )
        result = _decide(warehouse, transaction, settings, as_of, answer)
        if not result.acted:
            _record_answer(transaction, settings, answer, result)
    try_sync_aliases(Registry(settings), warehouse)
    receipt = DecisionReceipt(
        door="decide",
        as_of=as_of,
        sentence=f"{result.verdict}: {result.reason}",
        seconds=time.perf_counter() - started,
        details={
            "verdict": result.verdict,
            "acted": result.acted,
            "reason": result.reason,
            "trial_id": result.trial_id,
        },
    )
    return warehouse.record(receipt, settings.run_id)


def _decide(
    warehouse: Warehouse,
    transaction: Transaction,
    settings: Settings,
    as_of: date,
    answer: Answer,
) -> _Result:
    definition_hash = churn_definition(settings).hash
    running = [
        trial
        for trial in trials.open_trials(transaction)
        if trial.definition_hash == definition_hash
    ]
    if not running:
        return _Result(acted=False, reason="No trial is open, so there is nothing to decide.")
    trial = running[-1]
    challenger = current_approval(decisions(warehouse, "challenger"))
    if challenger is not None and challenger.bundle_sha256 != trial.challenger_sha256:
        challenger = None
    case = _Case(
        trial=trial,
        look=trials.newest_look(transaction, trial.trial_id),
        champion=current_approval(decisions(warehouse, "champion")),
        challenger=challenger,
        answer=answer,
        as_of=as_of,
    )
    step = _next_step(case, needs_approval=settings.promotion.mode == "approval")
    if step.action == "promote":
        return _promote(warehouse, transaction, settings, case, step.reason)
    return _carry_out(transaction, settings, case, step)


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
        return _Step(action="reject", reason=reason, verdict="keep")
    if look.outcome in ("lost", "undecided"):
        return _Step(action="retire", reason=reason, verdict="keep")
    if look.outcome != "won":
        return _Step(action="wait", reason=look.reason)
    if case.challenger is None:
        reason = (
            f"Version {trial.challenger_version} won, but it is challenger no longer: somebody "
            "took it out of the trial. Promote it with `retention promote` if that was a mistake."
        )
        return _Step(action="wait", reason=reason, verdict="promote")
    if answer.refused_by is not None:
        return _Step(action="reject", reason=reason, verdict="keep")
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


def _carry_out(transaction: Transaction, settings: Settings, case: _Case, step: _Step) -> _Result:
    """Write what a step other than a promotion asks for."""
    acted = False
    if step.action == "close":
        trials.close_as_champion(transaction, case.trial, reason=step.reason, ended_on=case.as_of)
    elif step.action == "reject" and case.challenger is not None:
        who = str(case.answer.refused_by)
        acted = _record_keep(
            transaction, settings, case.challenger, who, step.reason, case.evidence
        )
        if case.answer.is_refusal:
            return _retire(transaction, settings, case, "lost", step.reason)
    elif step.action == "retire" and case.look is not None:
        return _retire(transaction, settings, case, case.look.outcome, step.reason)
    return _Result(
        acted=acted, reason=step.reason, verdict=step.verdict, trial_id=case.trial.trial_id
    )


def _promote(
    warehouse: Warehouse,
    transaction: Transaction,
    settings: Settings,
    case: _Case,
    reason: str,
) -> _Result:
    """Make the challenger champion and end its trial; a version unfit to serve loses it."""
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
        return _retire(transaction, settings, case, "lost", unfit)
    acted = bool(receipt.details["changed"])
    if acted:
        trials.close(
            transaction, trial.trial_id, status="won", reason=reason, ended_on=case.decided_on
        )
    look_reason = case.look.reason if case.look is not None else ""
    return _Result(
        acted=acted,
        reason=f"{receipt.sentence} {look_reason}",
        verdict="promote",
        trial_id=trial.trial_id,
    )


def _record_answer(
    transaction: Transaction, settings: Settings, answer: Answer, result: _Result
) -> None:
    """Keep a person's answer that changed nothing, and why."""
    who = answer.refused_by if answer.is_refusal else answer.approved_by
    if who is None:
        return
    champions, challengers = (
        lock_decisions(transaction, alias) for alias in ("champion", "challenger")
    )
    champion, challenger = current_approval(champions), current_approval(challengers)
    version = answer.version or (challenger.model_version if challenger else None)
    about = next((one for one in [*challengers, *champions] if one.model_version == version), None)
    if about is None:
        return
    is_champion = champion is not None and champion.bundle_sha256 == about.bundle_sha256
    if is_champion and not answer.is_refusal:
        return
    _record_keep(transaction, settings, about, who, f"{answer.sentence}{result.reason}", {})


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


def _retire(
    transaction: Transaction, settings: Settings, case: _Case, status: str, reason: str
) -> _Result:
    """Retire the challenger, unless another has its slot already, and end the trial."""
    retire_challenger(
        transaction,
        settings=settings,
        bundle_sha256=case.trial.challenger_sha256,
        decided_by=DECIDED_BY,
        reason=reason,
        evidence=case.evidence,
    )
    trials.close(
        transaction, case.trial.trial_id, status=status, reason=reason, ended_on=case.decided_on
    )
    return _Result(acted=True, reason=reason, verdict="keep", trial_id=case.trial.trial_id)
