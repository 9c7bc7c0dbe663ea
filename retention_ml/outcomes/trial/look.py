"""One look at a trial: an interim analysis of all its matured days."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

import numpy as np

from retention_ml.models.evaluation.checks import PromotionCriteria, to_dicts
from retention_ml.outcomes.forecasts import Forecasts
from retention_ml.outcomes.trial.arms import arms
from retention_ml.outcomes.trial.paired import Compared, paired
from retention_ml.outcomes.trial.sample import NonOverlappingSampler, TrialSample, codes_of
from retention_ml.outcomes.trial.verdict import (
    Verdict,
    calibration_bins,
    guards,
    unharmed,
    verdict,
)
from retention_ml.settings import Trial as Rules
from retention_ml.statistics.arrays import Bools
from retention_ml.statistics.lots import in_proportion, places
from retention_ml.statistics.profit import Offer
from retention_ml.statistics.sample_ratio import Arms, mismatch_p_value
from retention_ml.statistics.sequential import Look, bounds_of, differences_of, looks

EVERYBODY = "all, contacted or not"
NOT_CONTACTED = "all"
FIGURES = (
    *("scored_days_count", "customers_count", "contacted_count", "mean_difference"),
    *("lower", "upper", "e_better", "e_worse"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalysisResult:
    """What an interim analysis says; `figures` are those of `outcomes.trial_looks`."""

    verdict: Verdict
    compared: tuple[Compared, ...]
    figures: Mapping[str, float]
    evidence: Mapping[str, Any]


class InterimAnalysis:
    """Collects the matured days of a trial, oldest first; `result` analyses them.

    Parameters
    ----------
    window_days : int
        Days from a scored day to the end of its outcome window.
    salt : str
        Of the order of customers within a day.

    Attributes
    ----------
    days : list of date
        The days counted so far.
    """

    def __init__(self, *, window_days: int, salt: str) -> None:
        self._not_contacted = NonOverlappingSampler(window_days=window_days)
        self._everybody = NonOverlappingSampler(window_days=window_days)
        self._window_days, self._salt = window_days, salt
        self.days: list[date] = []
        self._contacted_count = self._abnormal_count = 0
        self._share: float | None = None

    def add(self, forecasts: Forecasts) -> None:
        """Count a day.

        Who was excluded as abnormal when the outcome had settled says nothing about which model is
        better. By arm, everybody counts who was assigned to one.
        """
        codes = codes_of(forecasts.customer_ids, self._salt)
        is_paired, is_contacted = forecasts.is_paired, forecasts.contamination.is_contacted
        if forecasts.contamination.has_own:
            counted = _drawn_in_proportion(forecasts, self._salt)
            self._not_contacted.add(forecasts, codes, is_paired, counted)
        else:
            is_counted = ~forecasts.is_abnormal
            self._not_contacted.add(forecasts, codes, is_paired & ~is_contacted, is_counted)
        self._everybody.add(forecasts, codes, is_paired)
        self.days.append(forecasts.snapshot.as_of)
        self._contacted_count += int((is_contacted & is_paired).sum())
        self._abnormal_count += int((forecasts.is_abnormal & is_paired).sum())
        self._share = forecasts.snapshot.challenger_share

    def result(
        self,
        *,
        began_on: date,
        as_of: date,
        rules: Rules,
        criteria: PromotionCriteria,
        offer: Offer,
        draws: int,
        seed: int,
    ) -> AnalysisResult:
        """The evidence of all days, and what it says at the start of `as_of`."""
        sample, everybody = self._not_contacted.sample(), self._everybody.sample()
        path = _path(sample, self.days, rules.error_rate)
        look = path[-1]
        compared = paired(sample)
        look_at_everybody = _path(everybody, self.days[-1:], rules.error_rate)[-1]
        checks = [
            *guards(sample, compared, criteria=criteria, offer=offer, draws=draws, seed=seed),
            unharmed(look_at_everybody, rules.error_rate),
        ]
        decision = verdict(
            look,
            checks,
            scored_days=len(self.days),
            windows=sample.windows_count(self._window_days),
            elapsed_days=(as_of - began_on).days,
            rules=rules,
        )
        by_arm = [arms(sample, NOT_CONTACTED), arms(everybody, EVERYBODY)]
        return AnalysisResult(
            verdict=decision,
            compared=(*compared, *(row for row in by_arm if row is not None)),
            figures={
                "scored_days_count": len(self.days),
                "customers_count": look.count,
                "contacted_count": self._contacted_count,
                "mean_difference": look.mean,
                "lower": look.lower,
                "upper": look.upper,
                "e_better": look.e_better,
                "e_worse": look.e_worse,
            },
            evidence={
                "outcome": decision.outcome,
                "guards": to_dicts(checks),
                "calibration": calibration_bins(sample),
                "path": [
                    {"scored_as_of": str(day), **asdict(point)}
                    for day, point in zip(self.days, path, strict=True)
                ],
                "arms": _assignment(everybody, self._share),
                "abnormal_count": self._abnormal_count,
                "first_scored_day": str(self.days[0]),
                "last_scored_day": str(self.days[-1]),
            },
        )


def _drawn_in_proportion(forecasts: Forecasts, salt: str) -> Bools:
    """Those left alone, as many of each kind as there would be without the platform's contacts.

    The sequential test takes no weights (docs/decisions/0015): a lot keeps each customer in
    proportion to how many they stand for. Windows open for everybody, so that who counts next does
    not depend on who counted.
    """
    lot = places(
        forecasts.customer_ids.to_pylist(), f"left alone:{salt}:{forecasts.snapshot.as_of}"
    )
    is_counted = forecasts.is_paired & ~forecasts.is_abnormal
    weights = np.where(is_counted, forecasts.contamination.left_alone, 0.0)
    return in_proportion(weights, lot)


def _path(sample: TrialSample, days: Iterable[date], error_rate: float) -> list[Look]:
    """The evidence after each scored day."""
    counts = np.searchsorted(sample.days, [day.toordinal() for day in days], side="right")
    return looks(
        differences_of(sample.champion, sample.challenger, sample.churned),
        counts.astype(np.int64),
        error_rate=error_rate,
        bounds=bounds_of(sample.champion, sample.challenger),
    )


def _assignment(sample: TrialSample, share: float | None) -> Mapping[str, Any]:
    """Whether the customers of the newest whole day were assigned to the arms as intended."""
    newest = sample.days == max(sample.whole_days, default=0)
    counts = Arms(
        arm_count=int(sample.assigned_to_challenger[newest].sum()),
        customers_count=int(newest.sum()),
    )
    return {
        "challenger_share": share,
        "customers_count": counts.customers_count,
        "challengers_count": counts.arm_count,
        "mismatch_p_value": mismatch_p_value(counts, share) if share else None,
    }
