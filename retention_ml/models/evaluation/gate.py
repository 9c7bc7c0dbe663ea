"""The gate before an alias: promote, keep or inconclusive, with reasons.

It fails closed: what cannot be evaluated is kept out, and whoever calls promotes nobody where it
raises (`training.selection`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from retention_ml.models.evaluation.checks import Check, Verdict, to_dicts
from retention_ml.models.evaluation.offline_comparison import OfflineComparison
from retention_ml.models.promotion.challenger_slot import ChallengerSlot
from retention_ml.statistics.bootstrap import Interval
from retention_ml.statistics.metrics import METRICS, OUTCOMES_MIN, Evaluation
from retention_ml.statistics.selection_bias import selection_optimism

_NO_DAY = (
    "The champion knew outcomes of every evaluation day when it was made, so the two cannot be "
    "compared yet."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The best candidate of a training, compared with the recency baseline.

    Parameters
    ----------
    best : str or None
        None where nothing could be evaluated, or nothing is better than the recency baseline.
    reason : str
        Why, in sentences.
    is_shown : bool
        Whether the interval of its ROC AUC over the recency baseline lies above zero.
    evidence : mapping
        The numbers behind it.
    """

    best: str | None = None
    reason: str
    is_shown: bool = False
    evidence: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class GateDecision:
    """What was decided about the best candidate.

    Parameters
    ----------
    verdict : str
        `promote`: it becomes champion; `keep`: everything stays as it is; `inconclusive`: the
        evidence at hand does not decide, so it becomes challenger.
    reason : str
        Why, in sentences.
    evidence : mapping
        The numbers behind it.
    """

    verdict: Verdict
    reason: str
    evidence: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_challenger(self) -> bool:
        """Whether it becomes the challenger."""
        return self.verdict == "inconclusive"


def choose(
    evaluation: Evaluation,
    *,
    baseline: str,
    churned: int,
    retained: int,
    preferred: str | None = None,
) -> Choice:
    """The best candidate; none where it is no better than the baseline or cannot be evaluated.

    Parameters
    ----------
    evaluation : Evaluation
        Of all candidates, the baseline among them.
    baseline : str
        Name of the recency baseline.
    churned, retained : int
        Outcomes among the rows of the evaluation days.
    preferred : str, optional
        The candidate that is best unless another's ROC AUC is higher by an interval above zero:
        which of several near equals comes first on a few days is chance.
    """
    fault = _fault(evaluation, baseline, churned, retained)
    if fault:
        return Choice(reason=fault)
    return _choose(evaluation, baseline, churned, retained, preferred)


def gate_without_champion(
    choice: Choice, limits: Sequence[Check], *, slot: ChallengerSlot | None = None
) -> GateDecision:
    """What becomes of the best candidate where there is no champion.

    It becomes champion only if the interval of its ROC AUC over the recency baseline lies above
    zero; nobody becomes challenger then.

    Parameters
    ----------
    limits : sequence of Check
        What it must meet in any case, see `checks.hard_limits`.
    slot : ChallengerSlot, optional
        Who is on trial against the starter model; None where it is free.
    """
    evidence = {**choice.evidence, "findings": to_dicts(limits)}
    failures = _failures(limits)
    if choice.best is None or failures:
        return _decide("keep", [choice.reason, *failures, "So nothing was promoted."], evidence)
    if choice.is_shown:
        sentence = "The interval lies above zero and there was no champion, so it becomes champion."
        return _decide("promote", [choice.reason, sentence], evidence)
    if slot is not None:
        sentences = [choice.reason, "The interval holds zero."]
        return _keep_slot(sentences, slot, "the starter", evidence)
    sentence = (
        "The interval holds zero, so it becomes challenger but not champion. More customers or "
        "more evaluation days would decide."
    )
    return _decide("inconclusive", [choice.reason, sentence], evidence)


def gate_with_champion(
    choice: Choice,
    comparison: OfflineComparison | None,
    limits: Sequence[Check],
    *,
    slot: ChallengerSlot | None,
    decides: str,
    mode: str,
) -> GateDecision:
    """What becomes of the best candidate where there is a champion.

    Parameters
    ----------
    comparison : OfflineComparison or None
        With the champion; None where no evaluation day is later than all the champion knew.
    limits : sequence of Check
        What it must meet in any case, see `checks.hard_limits`.
    slot : ChallengerSlot or None
        Who is on trial; None where it is free.
    decides : str
        `outcomes`: only matured outcomes make a champion; `offline`: the comparison does.
    mode : str
        `automatic`, or `approval`: a person decides.
    """
    evidence = {
        **choice.evidence,
        "findings": to_dicts(limits),
        "contest": dict(comparison.evidence) if comparison else None,
    }
    if choice.best is None or (comparison is not None and comparison.verdict == "keep"):
        sentences = [choice.reason, *([comparison.reason] if comparison else [])]
        return _decide("keep", sentences, evidence)
    sentences = [choice.reason, comparison.reason if comparison else _NO_DAY]
    failures = _failures(limits)
    if failures:
        return _decide("keep", [*sentences, *failures, "So the champion stays."], evidence)
    if comparison is None and not choice.is_shown:
        sentences.append("Nor is it shown to be better than the recency baseline.")
        return _decide("keep", sentences, evidence)
    is_better = comparison is not None and comparison.verdict == "promote" and choice.is_shown
    if is_better and decides == "offline" and mode == "automatic":
        return _decide("promote", [*sentences, "So it becomes champion."], evidence)
    if slot is not None:
        return _keep_slot(sentences, slot, "the champion", evidence)
    next_step = "has to prove itself on outcomes against the champion."
    if is_better and decides == "offline":
        next_step = "waits for a person's approval (`retention promote`)."
        evidence["awaits_approval"] = True
    sentences.append(f"It becomes challenger and {next_step}")
    return _decide("inconclusive", sentences, evidence)


def _fault(evaluation: Evaluation, baseline: str, churned: int, retained: int) -> str | None:
    """Why no candidate can be chosen, or None."""
    if not evaluation.values:
        return "No candidate was evaluated."
    if min(churned, retained) < OUTCOMES_MIN:
        return (
            f"The evaluation days hold {churned:,} churned and {retained:,} retained customers; at "
            f"least {OUTCOMES_MIN} of each are needed."
        )
    if baseline not in evaluation.values:
        return (
            f"The baseline {baseline!r} was not evaluated, so there is nothing to compare with. "
            "Add it to training.candidates."
        )
    if not _is_finite(evaluation, baseline):
        return f"The baseline {baseline!r} has metrics that are not finite."
    if not any(_is_finite(evaluation, name) for name in evaluation.values if name != baseline):
        return "No candidate besides the baseline has finite metrics."
    return None


def _choose(
    evaluation: Evaluation, baseline: str, churned: int, retained: int, preferred: str | None
) -> Choice:
    unsound = [name for name in evaluation.values if not _is_finite(evaluation, name)]
    sound = [name for name in evaluation.values if name not in unsound and name != baseline]
    best = min(sound, key=lambda name: _rank(evaluation, name))
    if preferred in sound and evaluation.difference(best, preferred, "roc_auc").lower <= 0:
        best = preferred
    optimism = _optimism(evaluation, sound, preferred)
    # What being chosen brings by itself is no merit.
    difference = Interval(
        *(end - optimism for end in evaluation.difference(best, baseline, "roc_auc"))
    )
    evidence = {
        "best": best,
        "baseline": baseline,
        "roc_auc_difference": difference.value,
        "roc_auc_difference_lower": difference.lower,
        "roc_auc_difference_upper": difference.upper,
        "selection_optimism": optimism,
        "chosen_among": len(sound),
        "churned": churned,
        "retained": retained,
        "not_finite": unsound,
        "metrics": {
            name: {metric: evaluation.values[name][metric].value for metric in METRICS}
            for name in [*sound, baseline]
        },
    }
    if not difference.is_finite:
        reason = f"The difference of {best} to {baseline} is not finite."
        return Choice(reason=reason, evidence=evidence)
    reason = (
        f"{best} has a ROC AUC of {evaluation.values[best]['roc_auc'].value:.3f}, which is "
        f"{difference.value:+.3f} against the recency baseline (95 % interval "
        f"{difference.lower:+.3f} to {difference.upper:+.3f}, same customers"
        + (
            f"; less {optimism:.4f}, which being the best of {len(sound)} brings by itself)."
            if round(optimism, 4) > 0
            else ")."
        )
    )
    if difference.upper <= 0:
        return Choice(reason=f"{reason} It is no better.", evidence=evidence)
    return Choice(best=best, reason=reason, is_shown=difference.lower > 0, evidence=evidence)


def _optimism(evaluation: Evaluation, names: Sequence[str], preferred: str | None) -> float:
    """By how much the best one's ROC AUC is too high because it was chosen by it."""
    values = np.array([evaluation.values[name]["roc_auc"].value for name in names])
    draws = np.column_stack([evaluation.draws[name]["roc_auc"] for name in names])
    if preferred is None or preferred not in names:
        return selection_optimism(values, draws)
    leads = [evaluation.difference(name, preferred, "roc_auc") for name in names]
    return selection_optimism(
        values,
        draws,
        preferred=names.index(preferred),
        margins=np.array([lead.value - lead.lower for lead in leads]),
    )


def _decide(
    verdict: Verdict, sentences: Sequence[str], evidence: Mapping[str, Any]
) -> GateDecision:
    return GateDecision(verdict=verdict, reason=" ".join(sentences), evidence=evidence)


def _keep_slot(
    sentences: Sequence[str], slot: ChallengerSlot, opponent: str, evidence: Mapping[str, Any]
) -> GateDecision:
    until = f" until {slot.until} at the latest" if slot.until else ""
    sentence = (
        f"Version {slot.version} is on trial against {opponent} and keeps the challenger's "
        f"slot{until}, so this one is registered without an alias."
    )
    evidence = {**evidence, "seat_of_version": slot.version, "seat_until": slot.until}
    return _decide("keep", [*sentences, sentence], evidence)


def _failures(checks: Sequence[Check]) -> list[str]:
    return [check.message for check in checks if check.status == "failed"]


def _rank(evaluation: Evaluation, name: str) -> tuple[float, float, str]:
    """Higher ROC AUC to three digits is better, then lower log loss."""
    values = evaluation.values[name]
    return -round(values["roc_auc"].value, 3), values["log_loss"].value, name


def _is_finite(evaluation: Evaluation, name: str) -> bool:
    return all(evaluation.values[name][metric].is_finite for metric in METRICS)
