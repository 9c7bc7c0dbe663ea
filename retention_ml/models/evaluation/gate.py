"""The gate before an alias: promote, keep or inconclusive, with reasons; closed in any doubt."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from retention_ml.models.evaluation.checks import Finding, Verdict, told
from retention_ml.models.evaluation.offline_comparison import Contest
from retention_ml.models.promotion.challenger_slot import Seat
from retention_ml.statistics.metrics import METRICS, OUTCOMES_MIN, Evaluation

_NO_DAY = (
    "The champion knew outcomes of every day judged on when it was made, so the two cannot be "
    "compared yet."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The best candidate of a training, held against the recency rule.

    Parameters
    ----------
    best : str or None
        None where nothing could be judged, or nothing is better than the recency rule.
    reason : str
        Why, in sentences.
    is_shown : bool
        Whether the interval of its ROC AUC over the recency rule lies above zero.
    evidence : mapping
        The numbers behind it.
    """

    best: str | None
    reason: str
    is_shown: bool = False
    evidence: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """What was decided about the best candidate.

    Parameters
    ----------
    verdict : str
        `promote`: it becomes champion; `keep`: everything stays as it is; `inconclusive`: the
        evidence at hand does not decide.
    reason : str
        Why, in sentences.
    is_challenger : bool
        Whether it takes the challenger's seat.
    evidence : mapping
        The numbers behind it.
    """

    verdict: Verdict
    reason: str
    is_challenger: bool = False
    evidence: Mapping[str, Any] = field(default_factory=dict)


def choose(
    evaluation: Evaluation,
    *,
    baseline: str,
    churned: int,
    retained: int,
    preferred: str | None = None,
) -> Choice:
    """The best candidate; none where it is no better than the recency rule or cannot be judged.

    Parameters
    ----------
    evaluation : Evaluation
        Of all candidates, the baseline among them.
    baseline : str
        Name of the recency rule.
    churned, retained : int
        Outcomes among the rows judged on.
    preferred : str, optional
        The candidate that is best unless another's ROC AUC is higher by an interval above zero:
        which of several near equals comes first on a few days is chance.
    """
    try:
        return _choose(evaluation, baseline, churned, retained, preferred)
    except Exception as error:
        return _nobody(
            f"The candidates could not be judged ({type(error).__name__}: {error}), so "
            "nothing was promoted."
        )


def first(choice: Choice, limits: Sequence[Finding], *, seat: Seat | None = None) -> Gate:
    """What becomes of the best candidate where there is no champion.

    It becomes champion only if the interval of its ROC AUC over the recency rule lies above zero;
    nobody takes the challenger's seat then.

    Parameters
    ----------
    limits : sequence of Finding
        What it must hold in any case, see `findings.limits`.
    seat : Seat, optional
        The challenger on trial beside the starter model; None where the seat is free.
    """
    evidence = {**choice.evidence, "findings": told(limits)}
    if choice.best is None or _failed(limits):
        return _keep([choice.reason, *_failed(limits), "So nothing was promoted."], evidence)
    if choice.is_shown:
        return Gate(
            verdict="promote",
            reason=f"{choice.reason} The interval lies above zero and there was no champion, so it "
            "becomes champion.",
            evidence=evidence,
        )
    if seat is not None:
        return _seated([choice.reason, "The interval holds zero."], seat, "the starter", evidence)
    return Gate(
        verdict="inconclusive",
        reason=f"{choice.reason} The interval holds zero, so it becomes challenger but not "
        "champion. More customers or more days to judge on would decide.",
        is_challenger=True,
        evidence=evidence,
    )


def beside(
    choice: Choice,
    contest: Contest | None,
    limits: Sequence[Finding],
    *,
    seat: Seat | None,
    decides: str,
    mode: str,
) -> Gate:
    """What becomes of the best candidate beside a champion.

    Parameters
    ----------
    contest : Contest or None
        The comparison with the champion; None where no day judged on is later than all it knew.
    limits : sequence of Finding
        What it must hold in any case, see `findings.limits`.
    seat : Seat or None
        The challenger on trial; None where the seat is free.
    decides : str
        `outcomes`: only matured outcomes make a champion; `offline`: the comparison does.
    mode : str
        `automatic`, or `approval`: a person decides.
    """
    evidence = {
        **choice.evidence,
        "findings": told(limits),
        "contest": dict(contest.evidence) if contest else None,
    }
    if choice.best is None or (contest is not None and contest.verdict == "keep"):
        return _keep([choice.reason, *([contest.reason] if contest else [])], evidence)
    said = [choice.reason, contest.reason if contest else _NO_DAY]
    if _failed(limits):
        return _keep([*said, *_failed(limits), "So the champion stays."], evidence)
    if contest is None and not choice.is_shown:
        return _keep([*said, "Nor is it shown to be better than the recency rule."], evidence)
    is_better = contest is not None and contest.verdict == "promote" and choice.is_shown
    if is_better and decides == "offline" and mode == "automatic":
        return Gate(
            verdict="promote", reason=_text([*said, "So it becomes champion."]), evidence=evidence
        )
    if seat is not None:
        return _seated(said, seat, "the champion", evidence)
    awaits = is_better and decides == "offline"
    return Gate(
        verdict="inconclusive",
        reason=_text(
            [
                *said,
                "It becomes challenger and waits for a person's approval (`retention promote`)."
                if awaits
                else "It becomes challenger and has to prove itself on outcomes beside the "
                "champion.",
            ]
        ),
        is_challenger=True,
        evidence={**evidence, "awaits_approval": True} if awaits else evidence,
    )


def _choose(
    evaluation: Evaluation, baseline: str, churned: int, retained: int, preferred: str | None
) -> Choice:
    if not evaluation.values:
        return _nobody("No candidate was evaluated.")
    if min(churned, retained) < OUTCOMES_MIN:
        return _nobody(
            f"The days judged on hold {churned:,} churned and {retained:,} retained customers; at "
            f"least {OUTCOMES_MIN} of each are needed."
        )
    if baseline not in evaluation.values:
        return _nobody(
            f"The baseline {baseline!r} was not evaluated, so there is nothing to compare with. "
            "Add it to training.candidates."
        )
    unsound = [name for name in evaluation.values if not _is_finite(evaluation, name)]
    if baseline in unsound:
        return _nobody(f"The baseline {baseline!r} has metrics that are not finite.")
    sound = [name for name in evaluation.values if name not in unsound and name != baseline]
    if not sound:
        return _nobody("No candidate besides the baseline has finite metrics.")
    best = min(sound, key=lambda name: _rank(evaluation, name))
    if preferred in sound and evaluation.difference(best, preferred, "roc_auc").lower <= 0:
        best = preferred
    difference = evaluation.difference(best, baseline, "roc_auc")
    evidence = {
        "best": best,
        "baseline": baseline,
        "roc_auc_difference": difference.value,
        "roc_auc_difference_lower": difference.lower,
        "roc_auc_difference_upper": difference.upper,
        "churned": churned,
        "retained": retained,
        "not_finite": unsound,
        "metrics": {
            name: {metric: evaluation.values[name][metric].value for metric in METRICS}
            for name in [*sound, baseline]
        },
    }
    if not all(map(math.isfinite, (difference.value, difference.lower, difference.upper))):
        return _nobody(f"The difference of {best} to {baseline} is not finite.", evidence)
    said = (
        f"{best} has a ROC AUC of {evaluation.values[best]['roc_auc'].value:.3f}, which is "
        f"{difference.value:+.3f} against the best recency rule (95 % interval "
        f"{difference.lower:+.3f} to {difference.upper:+.3f}, same customers)."
    )
    if difference.upper <= 0:
        return _nobody(f"{said} It is no better.", evidence)
    return Choice(best=best, reason=said, is_shown=difference.lower > 0, evidence=evidence)


def _nobody(reason: str, evidence: Mapping[str, Any] | None = None) -> Choice:
    return Choice(best=None, reason=reason, evidence=evidence or {})


def _keep(sentences: Sequence[str], evidence: Mapping[str, Any]) -> Gate:
    return Gate(verdict="keep", reason=_text(sentences), evidence=evidence)


def _seated(said: Sequence[str], seat: Seat, beside: str, evidence: Mapping[str, Any]) -> Gate:
    until = f" until {seat.until} at most" if seat.until else ""
    return _keep(
        [
            *said,
            f"Version {seat.version} is on trial beside {beside} and keeps the challenger's "
            f"seat{until}, so this one is registered without a part.",
        ],
        {**evidence, "seat_of_version": seat.version, "seat_until": seat.until},
    )


def _text(sentences: Sequence[str]) -> str:
    return " ".join(sentences)


def _failed(findings: Sequence[Finding]) -> list[str]:
    return [finding.sentence for finding in findings if finding.outcome == "failed"]


def _rank(evaluation: Evaluation, name: str) -> tuple[float, float, str]:
    """Higher ROC AUC to three digits is better, then lower log loss."""
    values = evaluation.values[name]
    return -round(values["roc_auc"].value, 3), values["log_loss"].value, name


def _is_finite(evaluation: Evaluation, name: str) -> bool:
    intervals: Sequence[Any] = [evaluation.values[name][metric] for metric in METRICS]
    return all(
        math.isfinite(number)
        for interval in intervals
        for number in (interval.value, interval.lower, interval.upper)
    )
