"""What a candidate must meet before it may replace a champion: checks, each with its message."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from retention_ml.models.evaluation.segments import label
from retention_ml.statistics.bootstrap import Interval
from retention_ml.statistics.metrics import OUTCOMES_MIN

Verdict = Literal["promote", "keep", "inconclusive"]
Status = Literal["better", "passed", "open", "failed"]

_DIGITS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class PromotionCriteria:
    """What a candidate must meet; see `[promotion]` and `[tiers]` of the settings.

    Parameters
    ----------
    auc_margin, segment_margin : float
        By so much its ROC AUC may be lower, overall and in a segment, given the interval.
    ece_max : float
        Highest calibration error, beyond what chance alone brings.
    tier_moves_max : float
        Share of the customers whose tier may change at once.
    tier_bounds : tuple of float
        Lower bounds of the tiers above the lowest, rising.
    tiers_by : str
        What they bound: the `probability`, or the rank among the customers of a day by it
        (`share`) or by value at risk (`value`).
    seconds_per_thousand_max, megabytes_max : float
        Time to score a thousand customers, and size of the files.
    """

    auc_margin: float
    segment_margin: float
    ece_max: float
    tier_moves_max: float
    tier_bounds: tuple[float, ...]
    tiers_by: str = "probability"
    seconds_per_thousand_max: float
    megabytes_max: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """The result of one check: its name, its status, and a message for people."""

    name: str
    status: Status
    message: str


def hard_limits(
    criteria: PromotionCriteria,
    *,
    ece: float,
    ece_by_chance: float,
    seconds_per_thousand: float,
    megabytes: float,
) -> list[Check]:
    """What any model must meet, with or without a champion: calibration, speed, size.

    Parameters
    ----------
    ece : float
        Calibration error on the evaluation days.
    ece_by_chance : float
        How much of it true probabilities would show too, for so few customers.
    seconds_per_thousand, megabytes : float
        To score a thousand customers; of the model's files.
    """
    return [
        Check(
            name="calibration",
            status="passed" if ece - ece_by_chance <= criteria.ece_max else "failed",
            message=f"Its calibration error is {ece:.3f}; chance alone gives {ece_by_chance:.3f} "
            f"with so many customers, and at most {criteria.ece_max:g} more is accepted.",
        ),
        Check(
            name="seconds_per_thousand",
            status="passed"
            if seconds_per_thousand <= criteria.seconds_per_thousand_max
            else "failed",
            message=f"It scores a thousand customers in {seconds_per_thousand:.3g} s; "
            f"at most {criteria.seconds_per_thousand_max:g} s are accepted.",
        ),
        Check(
            name="megabytes",
            status="passed" if megabytes <= criteria.megabytes_max else "failed",
            message=f"Its files have {megabytes:.3g} MB; at most {criteria.megabytes_max:g} MB are "
            "accepted.",
        ),
    ]


def verdict_of(checks: Sequence[Check]) -> Verdict:
    """Keep if one failed, promote if none is open and one is better, else inconclusive."""
    statuses = {check.status for check in checks}
    if "failed" in statuses or not statuses:
        return "keep"
    return "promote" if "better" in statuses and "open" not in statuses else "inconclusive"


def to_dicts(checks: Sequence[Check]) -> list[dict[str, str]]:
    """Checks as plain JSON values."""
    return [
        {"what": check.name, "outcome": check.status, "sentence": check.message} for check in checks
    ]


def discrimination(differences: Mapping[str, Interval], criteria: PromotionCriteria) -> list[Check]:
    """ROC AUC not lower, log loss not higher, Brier score lower.

    Parameters
    ----------
    differences : mapping of str to Interval
        Candidate minus champion, by metric.
    """
    auc, log_loss, brier = (differences[name] for name in ("roc_auc", "log_loss", "brier"))
    is_shown = auc.lower >= -criteria.auc_margin
    return [
        Check(
            name="roc_auc",
            status=_status(auc, auc.upper < -criteria.auc_margin, "passed" if is_shown else "open"),
            message=f"Its ROC AUC differs by {format_interval(auc)} from the champion's; it may be "
            f"lower by {criteria.auc_margin:g}, given the interval.",
        ),
        Check(
            name="log_loss",
            status=_status(log_loss, log_loss.lower > 0, "passed"),
            message=f"Its log loss differs by {format_interval(log_loss)} from the champion's; "
            "lower is better.",
        ),
        Check(
            name="brier",
            status=_status(brier, brier.lower > 0, "better" if brier.upper < 0 else "open"),
            message=f"Its Brier score differs by {format_interval(brier)} from the champion's; it "
            "is better only if the whole interval is below zero.",
        ),
    ]


def segments(by_segment: Mapping[str, Mapping[str, Any]], criteria: PromotionCriteria) -> Check:
    """ROC AUC not lower by more than the margin in any segment that is large enough.

    Parameters
    ----------
    by_segment : mapping of str to mapping
        By code: `is_judged`, and if so `roc_auc_difference` as of `interval_to_dict`.
    """
    evaluated = {
        code: segment["roc_auc_difference"]
        for code, segment in by_segment.items()
        if segment["is_judged"]
    }
    margin = criteria.segment_margin
    if not evaluated:
        return Check(
            name="segments",
            status="failed",
            message=f"No segment has {OUTCOMES_MIN} churned and {OUTCOMES_MIN} retained customers "
            "on a day, so none could be evaluated.",
        )
    finite = {code: values for code, values in evaluated.items() if None not in values.values()}
    unsure = [code for code, difference in finite.items() if difference["lower"] < -margin]
    worse = [code for code in unsure if finite[code]["upper"] < -margin]
    worse = [code for code in evaluated if code not in finite] + worse
    labels = ", ".join(map(label, worse or unsure))
    small_count = len(by_segment) - len(evaluated)
    count = f"of {len(evaluated)} segments evaluated ({small_count} were too small)"
    status: Status = "failed" if worse else "open" if unsure else "passed"
    message = {
        "failed": f"Its ROC AUC is lower by more than {margin:g}, or not finite, in {labels}, "
        f"{count}.",
        "open": f"That its ROC AUC is not lower by {margin:g} is not shown in {labels}, {count}.",
        "passed": f"In none {count} is its ROC AUC lower by {margin:g}, given the interval.",
    }
    return Check(name="segments", status=status, message=message[status])


def calibration(difference: Interval) -> Check:
    """Calibration error not clearly above the champion's.

    Open where it is: a candidate that separates customers better may still be the better one
    overall, which the Brier score shows.
    """
    return Check(
        name="calibration_difference",
        status=_status(difference, False, "open" if difference.lower > 0 else "passed"),
        message=f"Its calibration error differs by {format_interval(difference)} from the "
        "champion's.",
    )


def profit(difference: Interval) -> Check:
    """Offers by it earn no less; the difference in the shop's currency per thousand customers."""
    return Check(
        name="profit",
        status=_status(difference, difference.upper < 0, "passed"),
        message="Offers made by it at the budget would have earned "
        f"{difference.value:+,.2f} per thousand customers against the champion's (95 % interval "
        f"{difference.lower:+,.2f} to {difference.upper:+,.2f}, in the shop's currency).",
    )


def tier_moves(share: float, criteria: PromotionCriteria) -> Check:
    """Few customers change their tier at once.

    Open, not failed: moving many customers may still be right, which outcomes can show.
    """
    return Check(
        name="tier_moves",
        status="passed" if share <= criteria.tier_moves_max else "open",
        message=f"{100 * share:.1f} % of the customers would change their tier at once; at most "
        f"{100 * criteria.tier_moves_max:g} % are accepted.",
    )


def format_interval(interval: Interval) -> str:
    """A difference with its interval."""
    return f"{interval.value:+.4f} (95 % interval {interval.lower:+.4f} to {interval.upper:+.4f})"


def interval_to_dict(interval: Interval) -> dict[str, float | None]:
    """`value`, `lower` and `upper` as JSON; null where a number is not finite."""
    return {
        end: round(number, _DIGITS) if math.isfinite(number) else None
        for end, number in interval._asdict().items()
    }


def _status(interval: Interval, is_worse: bool, otherwise: Status) -> Status:
    """Failed where it is worse or not finite."""
    return otherwise if interval.is_finite and not is_worse else "failed"
