"""Drift of matured days: observed against expected churn, and churn against four weeks before."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from math import sqrt
from statistics import median

from retention_ml.outcomes.monitoring.drift import WHOLE, Change
from retention_ml.outcomes.monitoring.reference_days import ReferenceDays

# Changes of a rate are not squared as the index is: three times the baseline.
_BASELINE_FACTOR = 3.0
_CHANCE_DEVIATIONS = 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Cohort:
    """The customers of a day whose outcomes are known.

    Parameters
    ----------
    as_of : date
    customers_count : int
    observed_rate : float
        Share that churned.
    expected_rate : float
        Mean of the champion's probabilities.
    chance : float
        Standard deviation of the observed rate if the probabilities are true.
    """

    as_of: date
    customers_count: int
    observed_rate: float
    expected_rate: float
    chance: float


def calibration(cohort: Cohort, *, rate_gap_min: float) -> list[Change]:
    """Observed and expected churn of a matured cohort, and the distance between the two.

    It counts above `rate_gap_min` and above four standard deviations of chance.
    """
    gap = cohort.observed_rate - cohort.expected_rate
    return [
        _unlimited("calibration", "observed_rate", cohort.observed_rate),
        _unlimited("calibration", "expected_rate", cohort.expected_rate),
        _unlimited("calibration", "observed_minus_expected", gap),
        Change(
            kind="calibration",
            name=WHOLE,
            measure="absolute_gap",
            value=abs(gap),
            threshold=max(rate_gap_min, _CHANCE_DEVIATIONS * cohort.chance),
        ),
    ]


def label_rate(
    reference_days: ReferenceDays, matured: Mapping[date, tuple[int, float]], *, rate_gap_min: float
) -> list[Change]:
    """Observed churn of the newest matured day, and its distance to an earlier one.

    It counts above `rate_gap_min`, above three times the baseline, and beyond chance.

    Parameters
    ----------
    reference_days : ReferenceDays
        Of matured days.
    matured : mapping of date to (int, float)
        Customers, and the share of them that churned.
    """
    ((count_before, before), (count, now)), baseline = reference_days.pairs(matured)
    middle = (count * now + count_before * before) / (count + count_before)
    chance = sqrt(middle * (1 - middle) * (1 / count + 1 / count_before))
    swing = _swing([(first[1], then[1]) for first, then in baseline])
    return [
        _unlimited("label_rate", "churn_rate", now),
        Change(
            kind="label_rate",
            name=WHOLE,
            measure="absolute_change",
            value=abs(now - before),
            threshold=max(rate_gap_min, _BASELINE_FACTOR * swing, _CHANCE_DEVIATIONS * chance),
        ),
    ]


def expected_performance_drop(
    reference_days: ReferenceDays, roc_auc: Mapping[date, float], *, auc_drop_min: float
) -> list[Change]:
    """How far the expected ROC AUC is below that of an earlier day; empty where unknown.

    Parameters
    ----------
    roc_auc : mapping of date to float
        What the probabilities of each day imply.
    """
    by_day = {day: roc_auc.get(day) for day in reference_days.days}
    (before, now), baseline = reference_days.pairs(by_day)
    if before is None or now is None:
        return []
    return [
        Change(
            kind="estimate",
            name=WHOLE,
            measure="roc_auc_drop",
            value=before - now,
            threshold=max(auc_drop_min, _BASELINE_FACTOR * _swing(baseline)),
        )
    ]


def _swing(baseline: Sequence[tuple[float | None, float | None]]) -> float:
    """The median difference of the pairs; 0 without any."""
    swings = [abs(b - a) for a, b in baseline if a is not None and b is not None]
    return median(swings) if swings else 0.0


def _unlimited(kind: str, measure: str, value: float) -> Change:
    return Change(kind=kind, name=WHOLE, measure=measure, value=value)
