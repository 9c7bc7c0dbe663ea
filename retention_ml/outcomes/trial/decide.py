"""The door `decide`: the newest look at a trial becomes a decision in the ledger, once.

A challenger that won becomes champion, by itself or when a person approved; one that lost, or
whose time is over, gives its seat to the next.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from retention_ml.errors import UnfitModel, UsageError
from retention_ml.labels.definition import churn_definition
from retention_ml.models.promotion.aliases import settle_or_later
from retention_ml.models.promotion.decisions import (
    Decision,
    decisions,
    free_seat,
    locked,
    standing,
    write_decision,
)
from retention_ml.models.promotion.promote import NO_CHAMPION, promote
from retention_ml.models.registry.mlflow_registry import Registry
from retention_ml.outcomes.trial import trials
from retention_ml.outcomes.trial.answer import Answer
from retention_ml.outcomes.trial.trials import StoredLook, Trial
from retention_ml.receipts import Receipt
from retention_ml.settings import Settings
from retention_ml.warehouse import Transaction, Warehouse

DECIDED_BY = "outcomes"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Done:
    """What became of a look."""

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
) -> Receipt:
    """Carry out what the newest look at the open trial says.

    `details`: `verdict` (promote, keep, inconclusive), `acted`, `reason`, `trial_id`. Nothing is
    done where no trial is open, where a later day than `as_of` has been looked at, or where
    champion or challenger are others by now. Doing it again, or twice at once, decides once.

    Parameters
    ----------
    approved_by : str, optional
        The person who approved; without one nothing is promoted where `promotion.mode` is
        `approval`. The seat of a challenger that lost is freed in any case.
    refused_by : str, optional
        The person who turned the challenger down: the ledger keeps it and the seat is freed,
        whatever the newest look says. `NOBODY` where no answer came in time: the ledger keeps it,
        and the trial goes on.
    remark : str
        What the person wrote with it.
    version : str, optional
        The challenger that the person was asked about; the answer counts for no other. It counts
        also where later days have been looked at since: a yes if the newest look says the same,
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
        raise UsageError("The name of who answers is empty; expected who approves or refuses.")
    with warehouse.transaction() as transaction:
        transaction.execute("SELECT pg_advisory_xact_lock(hashtextextended('outcomes:decide', 0))")
        answer = Answer(
            approved_by=approved_by, refused_by=refused_by, remark=remark, version=version
        )
        done = _decide(warehouse, transaction, settings, as_of, answer)
        if not done.acted:
            _note(transaction, settings, answer, done)
    settle_or_later(Registry(settings), warehouse)
    known = int(done.trial_id is not None)
    receipt = Receipt(
        door="decide",
        as_of=as_of,
        read=known,
        written=int(done.acted),
        duplicates=known - int(done.acted),
        seconds=time.perf_counter() - started,
        details={
            "verdict": done.verdict,
            "acted": done.acted,
            "reason": done.reason,
            "trial_id": done.trial_id,
        },
    )
    return warehouse.record(receipt, settings.run_id)


def _decide(
    warehouse: Warehouse,
    transaction: Transaction,
    settings: Settings,
    as_of: date,
    answer: Answer,
) -> _Done:
    definition_hash = churn_definition(settings).hash
    running = [
        one for one in trials.open_trials(transaction) if one.definition_hash == definition_hash
    ]
    if not running:
        return _Done(acted=False, reason="No trial is open, so there is nothing to decide.")
    trial = running[-1]
    look = trials.newest_look(transaction, trial.trial_id)
    champion = standing(decisions(warehouse, "champion"))
    challenger = standing(decisions(warehouse, "challenger"))
    if champion is not None and champion.bundle_sha256 == trial.challenger_sha256:
        reason = f"Version {trial.challenger_version} is champion already."
        trials.close_as_champion(transaction, trial, reason=reason, ended_on=as_of)
        return _Done(acted=False, reason=reason, verdict="promote", trial_id=trial.trial_id)
    if answer.was_asked and look is not None:
        as_of = max(as_of, look.as_of)
    wrong = _outdated(trial, look, as_of, answer)
    if wrong is None and champion is not None and champion.bundle_sha256 != trial.champion_sha256:
        wrong = (
            f"The trial was against version {trial.champion_version}; by now version "
            f"{champion.model_version} is champion, so it says nothing. The next look ends it."
        )
    if wrong is not None or look is None:
        return _Done(acted=False, reason=wrong or "", trial_id=trial.trial_id)
    if challenger is not None and challenger.bundle_sha256 != trial.challenger_sha256:
        challenger = None  # another sits there
    if challenger is not None and answer.is_refusal:
        return _turn_down(transaction, settings, trial, look, as_of, challenger, answer)
    if look.outcome == "won":
        if challenger is None:
            reason = (
                f"Version {trial.challenger_version} won, but it is challenger no longer: somebody "
                "took its seat away. Promote it with `retention promote` if that was a mistake."
            )
            return _Done(acted=False, reason=reason, verdict="promote", trial_id=trial.trial_id)
        if answer.refused_by is not None:
            return _turn_down(transaction, settings, trial, look, as_of, challenger, answer)
        if settings.promotion.mode == "approval" and answer.approved_by is None:
            reason = f"Waits for approval. {look.reason}"
            return _Done(acted=False, reason=reason, verdict="promote", trial_id=trial.trial_id)
        has_champion = champion is not None
        return _promote(warehouse, transaction, settings, trial, look, as_of, answer, has_champion)
    if look.outcome in ("lost", "undecided"):
        reason = f"{answer.sentence}{look.reason}"
        return _retire(transaction, settings, trial, look, as_of, look.outcome, reason)
    return _Done(acted=False, reason=look.reason, trial_id=trial.trial_id)


def _outdated(trial: Trial, look: StoredLook | None, as_of: date, answer: Answer) -> str | None:
    """Why the newest look or the answer does not count for a day, or None."""
    if answer.version is not None and answer.version != trial.challenger_version:
        return (
            f"The answer was about version {answer.version}; by now version "
            f"{trial.challenger_version} is on trial."
        )
    if look is None:
        return f"Nobody has looked at trial {trial.trial_id} yet: no outcome window has closed."
    if look.as_of > as_of:
        return (
            f"Trial {trial.trial_id} was looked at on {look.as_of}, after {as_of}: the newer look "
            "counts."
        )
    return None


def _promote(
    warehouse: Warehouse,
    transaction: Transaction,
    settings: Settings,
    trial: Trial,
    look: StoredLook,
    as_of: date,
    answer: Answer,
    has_champion: bool,
) -> _Done:

    try:
        receipt = promote(
            warehouse,
            settings=settings,
            version=trial.challenger_version,
            decided_by=answer.approved_by or DECIDED_BY,
            reason=f"{answer.sentence}{look.reason}",
            evidence=_evidence(trial, look),
            instead_of=trial.champion_version if has_champion else NO_CHAMPION,
        )
    except UnfitModel as error:
        reason = f"It won, but must not serve. {error}"
        return _retire(transaction, settings, trial, look, as_of, "lost", reason)
    sentence = str(receipt.details["sentence"])
    acted = bool(receipt.details["changed"])
    if acted:
        reason = f"{answer.sentence}{look.reason}"
        trials.close(transaction, trial.trial_id, status="won", reason=reason, ended_on=as_of)
    return _Done(
        acted=acted,
        reason=f"{sentence} {look.reason}",
        verdict="promote",
        trial_id=trial.trial_id,
    )


def _turn_down(
    transaction: Transaction,
    settings: Settings,
    trial: Trial,
    look: StoredLook,
    as_of: date,
    challenger: Decision,
    answer: Answer,
) -> _Done:
    """Write down that a challenger was not approved; a person's no also ends its trial."""
    reason = f"{answer.sentence}{look.reason}"
    who = str(answer.refused_by)
    acted = _keep(transaction, settings, challenger, who, reason, _evidence(trial, look))
    if answer.is_refusal:
        return _retire(transaction, settings, trial, look, as_of, "lost", reason)
    return _Done(acted=acted, reason=reason, verdict="keep", trial_id=trial.trial_id)


def _note(transaction: Transaction, settings: Settings, answer: Answer, done: _Done) -> None:
    """Write down a person's answer that changed nothing, and why."""
    who = answer.refused_by if answer.is_refusal else answer.approved_by
    if who is None:
        return
    champions, challengers = (locked(transaction, alias) for alias in ("champion", "challenger"))
    seated, champion = standing(challengers), standing(champions)
    version = answer.version or (seated.model_version if seated else None)
    about = next((one for one in [*challengers, *champions] if one.model_version == version), None)
    if about is None:
        return
    serves = champion is not None and champion.bundle_sha256 == about.bundle_sha256
    if serves and not answer.is_refusal:
        return
    _keep(transaction, settings, about, who, f"{answer.sentence}{done.reason}", {})


def _keep(
    transaction: Transaction,
    settings: Settings,
    about: Decision,
    decided_by: str,
    reason: str,
    evidence: Mapping[str, Any],
) -> bool:
    """Write down that a version does not become champion, unless that stands there; if so."""
    row = ("keep", about.model_version, decided_by, reason)
    if any(
        (each.verdict, each.model_version, each.decided_by, each.reason) == row
        for each in locked(transaction, "champion")
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
    transaction: Transaction,
    settings: Settings,
    trial: Trial,
    look: StoredLook,
    as_of: date,
    status: str,
    reason: str,
) -> _Done:
    """Free the challenger's seat, unless another sits there already, and end the trial."""
    free_seat(
        transaction,
        settings=settings,
        bundle_sha256=trial.challenger_sha256,
        decided_by=DECIDED_BY,
        reason=reason,
        evidence=_evidence(trial, look),
    )
    trials.close(transaction, trial.trial_id, status=status, reason=reason, ended_on=as_of)
    return _Done(acted=True, reason=reason, verdict="keep", trial_id=trial.trial_id)


def _evidence(trial: Trial, look: StoredLook) -> Mapping[str, Any]:
    """What stands in the ledger: the trial, its plan and the look."""
    return {
        "trial_id": trial.trial_id,
        "champion_version": trial.champion_version,
        "champion_sha256": trial.champion_sha256,
        "challenger_version": trial.challenger_version,
        "began_on": str(trial.began_on),
        "plan": dict(trial.plan),
        "look": {name: value for name, value in look.figures.items() if name != "path"},
    }
