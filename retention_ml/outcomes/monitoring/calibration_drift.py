"""Drift of matured days: observed against expected churn, and churn against four weeks before."""

from collections.abc import Mapping
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
    (count_before, before), (count, now) = reference_days.pair(matured.__getitem__)
    rates = reference_days.map_baseline(matured.__getitem__)
    middle = (count * now + count_before * before) / (count + count_before)
    chance = sqrt(middle * (1 - middle) * (1 / count + 1 / count_before))
    swings = [abs(then[1] - first[1]) for first, then in rates]
    baseline = median(swings) if swings else 0.0
    return [
        _unlimited("label_rate", "churn_rate", now),
        Change(
            kind="label_rate",
            name=WHOLE,
            measure="absolute_change",
            value=abs(now - before),
            threshold=max(rate_gap_min, _BASELINE_FACTOR * baseline, _CHANCE_DEVIATIONS * chance),
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
    before, now = reference_days.pair(roc_auc.get)
    if before is None or now is None:
        return []
    aucs = reference_days.map_baseline(roc_auc.get)
    swings = [abs(then - first) for first, then in aucs if first is not None and then is not None]
    baseline = median(swings) if swings else 0.0
    return [
        Change(
            kind="estimate",
            name=WHOLE,
            measure="roc_auc_drop",
            value=before - now,
            threshold=max(auc_drop_min, _BASELINE_FACTOR * baseline),
        )
    ]


def _unlimited(kind: str, measure: str, value: float) -> Change:
    return Change(kind=kind, name=WHOLE, measure=measure, value=value)
