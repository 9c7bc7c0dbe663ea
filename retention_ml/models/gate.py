"""The gate before an alias: promote, keep or inconclusive, with reasons; closed in any doubt."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from retention_ml.models.metrics import METRICS, Evaluation

Verdict = Literal["promote", "keep", "inconclusive"]

OUTCOMES_MIN = 25


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """What the gate said.

    Parameters
    ----------
    verdict : str
        `promote`: the best candidate becomes champion; `keep`: everything stays as it is;
        `inconclusive`: the evidence does not decide.
    reason : str
        Why, in sentences.
    best : str or None
        The best candidate, None where nothing could be judged.
    is_challenger : bool
        Whether the best candidate may stand as challenger.
    evidence : mapping
        The numbers behind it.
    """

    verdict: Verdict
    reason: str
    best: str | None = None
    is_challenger: bool = False
    evidence: Mapping[str, Any] = field(default_factory=dict)


def decide(
    evaluation: Evaluation,
    *,
    baseline: str,
    churned: int,
    retained: int,
    has_champion: bool,
    preferred: str | None = None,
) -> Gate:
    """Whether the best candidate becomes challenger, and champion where there is none.

    Without a champion the best candidate becomes one only if its paired ROC AUC difference to
    the best recency rule has a 95 % interval above zero. With a champion it becomes challenger.
    Whatever cannot be judged is not promoted.

    Parameters
    ----------
    evaluation : Evaluation
        Of all candidates, the baseline among them.
    baseline : str
        Name of the recency rule.
    churned, retained : int
        Outcomes among the rows judged on.
    has_champion : bool
        Whether a champion for the same churn definition stands.
    preferred : str, optional
        The candidate that is best unless another's ROC AUC is higher by an interval above zero:
        which of several near equals comes first on a few days is chance.
    """
    try:
        return _decide(evaluation, baseline, churned, retained, has_champion, preferred)
    except Exception as error:
        return Gate(
            verdict="keep",
            reason=f"The candidates could not be judged ({type(error).__name__}: {error}), so "
            "nothing was promoted.",
        )


def _decide(
    evaluation: Evaluation,
    baseline: str,
    churned: int,
    retained: int,
    has_champion: bool,
    preferred: str | None,
) -> Gate:
    if not evaluation.values:
        return _keep("No candidate was evaluated.")
    if min(churned, retained) < OUTCOMES_MIN:
        return _keep(
            f"The days judged on hold {churned:,} churned and {retained:,} retained customers; at "
            f"least {OUTCOMES_MIN} of each are needed."
        )
    if baseline not in evaluation.values:
        return _keep(
            f"The baseline {baseline!r} was not evaluated, so there is nothing to compare with. "
            "Add it to training.candidates."
        )
    unsound = [name for name in evaluation.values if not _is_finite(evaluation, name)]
    if baseline in unsound:
        return _keep(f"The baseline {baseline!r} has metrics that are not finite.")
    sound = [name for name in evaluation.values if name not in unsound and name != baseline]
    if not sound:
        return _keep("No candidate besides the baseline has finite metrics.")
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
        return _keep(f"The difference of {best} to {baseline} is not finite.", evidence)
    said = (
        f"{best} has a ROC AUC of {evaluation.values[best]['roc_auc'].value:.3f}, which is "
        f"{difference.value:+.3f} against the best recency rule (95 % interval "
        f"{difference.lower:+.3f} to {difference.upper:+.3f}, same customers)."
    )
    if difference.upper <= 0:
        return _keep(f"{said} It is no better, so nothing was promoted.", evidence)
    if has_champion:
        return Gate(
            verdict="keep",
            reason=f"{said} There is a champion already, so it becomes challenger and has to "
            "prove itself beside it.",
            best=best,
            is_challenger=True,
            evidence=evidence,
        )
    if difference.lower > 0:
        return Gate(
            verdict="promote",
            reason=f"{said} The interval lies above zero and there was no champion, so it becomes "
            "champion and challenger.",
            best=best,
            is_challenger=True,
            evidence=evidence,
        )
    return Gate(
        verdict="inconclusive",
        reason=f"{said} The interval holds zero, so it becomes challenger but not champion. "
        "More customers or more days to judge on would decide.",
        best=best,
        is_challenger=True,
        evidence=evidence,
    )


def _keep(reason: str, evidence: Mapping[str, Any] | None = None) -> Gate:
    return Gate(verdict="keep", reason=reason, evidence=evidence or {})


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
