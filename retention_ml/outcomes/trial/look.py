"""One look at a trial: an interim analysis of all its matured days."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

import numpy as np

from retention_ml.models.evaluation.checks import to_dicts
from retention_ml.models.evaluation.criteria import PromotionCriteria
from retention_ml.outcomes.forecasts import Forecasts
from retention_ml.outcomes.trial.arms import arms, of_newest_day
from retention_ml.outcomes.trial.paired import Compared, paired
from retention_ml.outcomes.trial.sample import NonOverlappingSampler, TrialSample
from retention_ml.outcomes.trial.verdict import (
    Rules,
    Verdict,
    calibration_bins,
    guards,
    unharmed,
    verdict,
)
from retention_ml.scores.split import Arms, mismatch_p_value
from retention_ml.statistics.profit import Offer
from retention_ml.statistics.sequential import Look, bounds_of, differences_of, looks

EVERYBODY = "all, contacted or not"
NOT_CONTACTED = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalysisResult:
    """What an interim analysis says."""

    look: Look
    verdict: Verdict
    compared: tuple[Compared, ...]
    scored_days_count: int
    contacted_count: int
    evidence: Mapping[str, Any]


class InterimAnalysis:
    """Collects the matured days of a trial, oldest first; `result` analyses them.

    Parameters
    ----------
    window_days : int
        Days from a scored day to the end of its outcome window.
    salt : str
        Of the order of customers within a day.
    """

    def __init__(self, *, window_days: int, salt: str) -> None:
        self._not_contacted = NonOverlappingSampler(
            window_days=window_days,
            salt=salt,
            eligible=lambda forecasts: forecasts.is_paired & ~forecasts.is_contacted,
        )
        self._everybody = NonOverlappingSampler(
            window_days=window_days, salt=salt, eligible=lambda forecasts: forecasts.is_paired
        )
        self._window_days = window_days
        self._days: list[date] = []
        self._contacted_count = 0
        self._share: float | None = None

    def add(self, forecasts: Forecasts) -> None:
        """Count a day."""
        self._not_contacted.add(forecasts)
        self._everybody.add(forecasts)
        self._days.append(forecasts.snapshot.as_of)
        self._contacted_count += int((forecasts.is_contacted & forecasts.is_paired).sum())
        self._share = forecasts.snapshot.challenger_share

    @property
    def days(self) -> tuple[date, ...]:
        """The days counted so far."""
        return tuple(self._days)

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
        path = _path(sample, self._days, rules.error_rate)
        compared = paired(sample)
        look_at_everybody = _path(everybody, self._days[-1:], rules.error_rate)[-1]
        checks = [
            *guards(sample, compared, criteria=criteria, offer=offer, draws=draws, seed=seed),
            unharmed(look_at_everybody, rules.error_rate),
        ]
        decision = verdict(
            path[-1],
            checks,
            scored_days=len(self._days),
            windows=sample.windows_count(self._window_days),
            elapsed_days=(as_of - began_on).days,
            rules=rules,
        )
        by_arm = [arms(sample, NOT_CONTACTED), arms(everybody, EVERYBODY)]
        return AnalysisResult(
            look=path[-1],
            verdict=decision,
            compared=(*compared, *(row for row in by_arm if row is not None)),
            scored_days_count=len(self._days),
            contacted_count=self._contacted_count,
            evidence={
                "outcome": decision.outcome,
                "guards": to_dicts(checks),
                "calibration": calibration_bins(sample),
                "path": [
                    {"scored_as_of": str(day), **asdict(look)}
                    for day, look in zip(self._days, path, strict=True)
                ],
                "arms": _assignment(everybody, self._share),
                "first_scored_day": str(self._days[0]),
                "last_scored_day": str(self._days[-1]),
            },
        )


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
    newest = of_newest_day(sample)
    counts = Arms(
        challengers_count=int(sample.assigned_to_challenger[newest].sum()),
        customers_count=int(newest.sum()),
    )
    return {
        "challenger_share": share,
        "customers_count": counts.customers_count,
        "challengers_count": counts.challengers_count,
        "mismatch_p_value": mismatch_p_value(counts, share) if share else None,
    }
