"""What a candidate is asked before it may replace a champion, and each answer with its sentence."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from retention_ml.models.evaluation.segments import label
from retention_ml.statistics.metrics import OUTCOMES_MIN, Interval

Verdict = Literal["promote", "keep", "inconclusive"]
Outcome = Literal["better", "passed", "open", "failed"]

_DIGITS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Demands:
    """What a candidate must hold; see `[promotion]` and `[tiers]` of the settings.

    Parameters
    ----------
    auc_margin, segment_margin : float
        By so much its ROC AUC may be lower, over all and in a segment, given the interval.
    ece_max : float
        Highest calibration error, beyond what chance alone brings.
    tier_moves_max : float
        Share of the customers whose tier may change at once.
    tier_bounds : tuple of float
        Lower bounds of the tiers above the lowest, rising.
    seconds_per_thousand_max, megabytes_max : float
        Time to score a thousand customers, and size of the files.
    """

    auc_margin: float
    segment_margin: float
    ece_max: float
    tier_moves_max: float
    tier_bounds: tuple[float, ...]
    seconds_per_thousand_max: float
    megabytes_max: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Footprint:
    """What a model costs to run: seconds per thousand customers scored, megabytes of files."""

    seconds_per_thousand: float
    megabytes: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One question, its outcome, and the sentence that says so."""

    what: str
    outcome: Outcome
    sentence: str


def limits(
    ece: float, footprint: Footprint, demands: Demands, *, ece_by_chance: float = 0.0
) -> list[Finding]:
    """What any model must hold, champion or not: calibration, speed, size.

    Parameters
    ----------
    ece : float
        Calibration error on the days judged on.
    ece_by_chance : float
        What of it is to be expected of true probabilities too, for so few customers.
    """
    seconds, megabytes = footprint.seconds_per_thousand, footprint.megabytes
    return [
        Finding(
            what="calibration",
            outcome="passed" if ece - ece_by_chance <= demands.ece_max else "failed",
            sentence=f"Its calibration error is {ece:.3f}; chance alone gives {ece_by_chance:.3f} "
            f"with so many customers, and at most {demands.ece_max:g} more is accepted.",
        ),
        Finding(
            what="seconds_per_thousand",
            outcome="passed" if seconds <= demands.seconds_per_thousand_max else "failed",
            sentence=f"It scores a thousand customers in {seconds:.3g} s; at most "
            f"{demands.seconds_per_thousand_max:g} s are accepted.",
        ),
        Finding(
            what="megabytes",
            outcome="passed" if megabytes <= demands.megabytes_max else "failed",
            sentence=f"Its files have {megabytes:.3g} MB; at most {demands.megabytes_max:g} MB are "
            "accepted.",
        ),
    ]


def verdict_of(findings: Sequence[Finding]) -> Verdict:
    """Keep if one failed, promote if none is open and one is better, else inconclusive."""
    outcomes = {finding.outcome for finding in findings}
    if "failed" in outcomes or not outcomes:
        return "keep"
    return "promote" if "better" in outcomes and "open" not in outcomes else "inconclusive"


def told(findings: Sequence[Finding]) -> list[dict[str, str]]:
    """Findings as plain JSON values."""
    return [
        {"what": finding.what, "outcome": finding.outcome, "sentence": finding.sentence}
        for finding in findings
    ]


def discrimination(differences: Mapping[str, Interval], demands: Demands) -> list[Finding]:
    """ROC AUC not lower, log loss not higher, Brier score lower.

    Parameters
    ----------
    differences : mapping of str to Interval
        Candidate minus champion, by metric.
    """
    auc, log_loss, brier = (differences[name] for name in ("roc_auc", "log_loss", "brier"))
    is_shown = auc.lower >= -demands.auc_margin
    return [
        Finding(
            what="roc_auc",
            outcome=_judged(auc, auc.upper < -demands.auc_margin, "passed" if is_shown else "open"),
            sentence=f"Its ROC AUC differs by {said(auc)} from the champion's; it may be lower by "
            f"{demands.auc_margin:g}, given the interval.",
        ),
        Finding(
            what="log_loss",
            outcome=_judged(log_loss, log_loss.lower > 0, "passed"),
            sentence=f"Its log loss differs by {said(log_loss)} from the champion's; lower is "
            "better.",
        ),
        Finding(
            what="brier",
            outcome=_judged(brier, brier.lower > 0, "better" if brier.upper < 0 else "open"),
            sentence=f"Its Brier score differs by {said(brier)} from the champion's; it is better "
            "only if the whole interval is below zero.",
        ),
    ]


def segments(by_segment: Mapping[str, Mapping[str, Any]], demands: Demands) -> Finding:
    """ROC AUC not lower by more than the margin in any segment that is large enough.

    Parameters
    ----------
    by_segment : mapping of str to mapping
        By code: `is_judged`, and where it is `roc_auc_difference` as of `figure`.
    """
    judged = {
        code: found["roc_auc_difference"]
        for code, found in by_segment.items()
        if found["is_judged"]
    }
    margin = demands.segment_margin
    if not judged:
        return Finding(
            what="segments",
            outcome="failed",
            sentence=f"No segment has {OUTCOMES_MIN} churned and {OUTCOMES_MIN} retained customers "
            "on a day, so none could be judged.",
        )
    unknown = [code for code, own in judged.items() if None in own.values()]
    worse = [code for code, own in judged.items() if code not in unknown and own["upper"] < -margin]
    unsure = [
        code for code, own in judged.items() if code not in unknown and own["lower"] < -margin
    ]
    counted = f"of {len(judged)} segments judged ({len(by_segment) - len(judged)} were too small)"
    if unknown or worse:
        named = ", ".join(label(code) for code in [*unknown, *worse])
        sentence = f"Its ROC AUC is lower by more than {margin:g}, or not finite, in {named}"
        return Finding(what="segments", outcome="failed", sentence=f"{sentence}, {counted}.")
    if unsure:
        named = ", ".join(label(code) for code in unsure)
        sentence = f"That its ROC AUC is not lower by {margin:g} is not shown in {named}"
        return Finding(what="segments", outcome="open", sentence=f"{sentence}, {counted}.")
    return Finding(
        what="segments",
        outcome="passed",
        sentence=f"In none {counted} is its ROC AUC lower by {margin:g}, given the interval.",
    )


def calibration(difference: Interval) -> Finding:
    """Calibration error not clearly above the champion's.

    Open where it is: together with what a candidate tells apart it may still be the better one,
    which the Brier score says.
    """
    return Finding(
        what="calibration_difference",
        outcome=_judged(difference, False, "open" if difference.lower > 0 else "passed"),
        sentence=f"Its calibration error differs by {said(difference)} from the champion's.",
    )


def profit(difference: Interval) -> Finding:
    """Offers by it earn no less; the difference in the shop's currency per thousand customers."""
    return Finding(
        what="profit",
        outcome=_judged(difference, difference.upper < 0, "passed"),
        sentence="Offers made by it at the budget would have earned "
        f"{difference.value:+,.2f} per thousand customers against the champion's (95 % interval "
        f"{difference.lower:+,.2f} to {difference.upper:+,.2f}, in the shop's currency).",
    )


def tier_moves(share: float, demands: Demands) -> Finding:
    """Few customers change their tier at once.

    Open, not failed: what moves many customers may still be right, and outcomes can show it.
    """
    return Finding(
        what="tier_moves",
        outcome="passed" if share <= demands.tier_moves_max else "open",
        sentence=f"{100 * share:.1f} % of the customers would change their tier at once; at most "
        f"{100 * demands.tier_moves_max:g} % are accepted.",
    )


def said(own: Interval) -> str:
    """A difference with its interval."""
    return f"{own.value:+.4f} (95 % interval {own.lower:+.4f} to {own.upper:+.4f})"


def _is_finite(own: Interval) -> bool:
    return all(map(math.isfinite, (own.value, own.lower, own.upper)))


def _judged(own: Interval, is_worse: bool, otherwise: Outcome) -> Outcome:
    """Failed where it is worse or cannot be told."""
    return "failed" if is_worse or not _is_finite(own) else otherwise


def figure(own: Interval) -> dict[str, float | None]:
    """`value`, `lower` and `upper` as JSON; nothing where a number is not finite."""
    return {
        end: round(number, _DIGITS) if math.isfinite(number) else None
        for end, number in (("value", own.value), ("lower", own.lower), ("upper", own.upper))
    }
