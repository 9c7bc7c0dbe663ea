"""What follows from the newest look at a trial and from a person's answer; changes nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from retention_ml.models.promotion.decisions import Decision
from retention_ml.outcomes.trial.answer import Answer
from retention_ml.outcomes.trial.trials import StoredLook, Trial


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
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
class Step:
    """What is to be done about a trial, and why; once carried out, whether anything changed.

    `reject` and `retire` end the trial as `status`; `silence` only notes that nobody answered.
    """

    action: Literal["wait", "close", "silence", "reject", "promote", "retire"]
    reason: str
    verdict: str = "inconclusive"
    status: str = ""
    acted: bool = False


def next_step(case: Case | None, *, needs_approval: bool) -> Step:
    """What follows from the newest look and the answer; changes nothing."""
    if case is None:
        return Step(action="wait", reason="No trial is open, so there is nothing to decide.")
    trial, look, answer = case.trial, case.look, case.answer
    if case.champion is not None and case.champion.bundle_sha256 == trial.challenger_sha256:
        reason = f"Version {trial.challenger_version} is champion already."
        return Step(action="close", reason=reason, verdict="promote")
    outdated = _why_outdated(case)
    if outdated is not None or look is None:
        return Step(action="wait", reason=outdated or "")
    reason = f"{answer.sentence}{look.reason}"
    if answer.is_refusal and case.challenger is not None:
        return Step(action="reject", reason=reason, verdict="keep", status="lost")
    if look.outcome in ("lost", "undecided"):
        return Step(action="retire", reason=reason, verdict="keep", status=look.outcome)
    if look.outcome != "won":
        return Step(action="wait", reason=look.reason)
    if case.challenger is None:
        reason = (
            f"Version {trial.challenger_version} won, but it is challenger no longer: somebody "
            "took it out of the trial. Promote it with `retention promote` if that was a mistake."
        )
        return Step(action="wait", reason=reason, verdict="promote")
    if answer.refused_by is not None:
        return Step(action="silence", reason=reason, verdict="keep")
    if needs_approval and answer.approved_by is None:
        reason = f"Waits for approval. {look.reason}"
        return Step(action="wait", reason=reason, verdict="promote")
    return Step(action="promote", reason=reason, verdict="promote")


def _why_outdated(case: Case) -> str | None:
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
