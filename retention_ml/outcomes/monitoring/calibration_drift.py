"""What matured days say: observed against expected churn, and churn against four weeks before."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from math import sqrt
from statistics import median

from retention_ml.outcomes.monitoring.drift import WHOLE, Change
from retention_ml.outcomes.monitoring.reference_days import ComparedDays

# Changes of a rate are not squared as the index is: three times the usual one.
_TIMES_USUAL = 3.0
_DEVIATIONS = 4.0


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

    It counts from `rate_gap_min` on, and beyond four standard deviations of chance.
    """
    gap = cohort.observed_rate - cohort.expected_rate
    return [
        _shown("calibration", "observed_rate", cohort.observed_rate),
        _shown("calibration", "expected_rate", cohort.expected_rate),
        _shown("calibration", "observed_minus_expected", gap),
        Change(
            kind="calibration",
            name=WHOLE,
            measure="absolute_gap",
            value=abs(gap),
            threshold=max(rate_gap_min, _DEVIATIONS * cohort.chance),
        ),
    ]


def label_rate(
    compared: ComparedDays, matured: Mapping[date, tuple[int, float]], *, rate_gap_min: float
) -> list[Change]:
    """Observed churn of the newest matured day, and its distance to an earlier one.

    It counts from `rate_gap_min` on, beyond three times what is usual, and beyond chance.

    Parameters
    ----------
    compared : ComparedDays
        Of matured days.
    matured : mapping of date to (int, float)
        Customers, and the share of them that churned.
    """
    (count_before, before), (count, now) = compared.pair(matured.__getitem__)
    pairs = compared.usual_pairs(matured.__getitem__)
    middle = (count * now + count_before * before) / (count + count_before)
    chance = sqrt(middle * (1 - middle) * (1 / count + 1 / count_before))
    usual = median(abs(then[1] - first[1]) for first, then in pairs) if pairs else 0.0
    return [
        _shown("label_rate", "churn_rate", now),
        Change(
            kind="label_rate",
            name=WHOLE,
            measure="absolute_change",
            value=abs(now - before),
            threshold=max(rate_gap_min, _TIMES_USUAL * usual, _DEVIATIONS * chance),
        ),
    ]


def estimated_drop(
    compared: ComparedDays, roc_auc: Mapping[date, float], *, auc_drop_min: float
) -> list[Change]:
    """How far the expected ROC AUC lies below that of an earlier day; empty where unknown.

    Parameters
    ----------
    roc_auc : mapping of date to float
        What the probabilities of each day imply.
    """
    before, now = compared.pair(roc_auc.get)
    if before is None or now is None:
        return []
    pairs = compared.usual_pairs(roc_auc.get)
    swings = [abs(then - first) for first, then in pairs if first is not None and then is not None]
    usual = median(swings) if swings else 0.0
    return [
        Change(
            kind="estimate",
            name=WHOLE,
            measure="roc_auc_drop",
            value=before - now,
            threshold=max(auc_drop_min, _TIMES_USUAL * usual),
        )
    ]


def _shown(kind: str, measure: str, value: float) -> Change:
    return Change(kind=kind, name=WHOLE, measure=measure, value=value)
