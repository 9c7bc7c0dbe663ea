"""One look at a trial: all its matured days are counted anew, and the evidence weighed."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

import numpy as np

from retention_ml.models.evaluation.checks import Demands, told
from retention_ml.outcomes.forecasts import Forecasts
from retention_ml.outcomes.trial.arms import arms, of_newest_day
from retention_ml.outcomes.trial.paired import Compared, paired
from retention_ml.outcomes.trial.sample import Counter, Units
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
LEFT_ALONE = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What a look found."""

    look: Look
    verdict: Verdict
    compared: tuple[Compared, ...]
    scored_days_count: int
    contacted_count: int
    evidence: Mapping[str, Any]


class Tally:
    """Takes the matured days of a trial, oldest first; `taken` weighs them.

    Parameters
    ----------
    window_days : int
        Days from a scored day to the end of its outcome window.
    salt : str
        Of the order of customers within a day.
    """

    def __init__(self, *, window_days: int, salt: str) -> None:
        self._left_alone = Counter(
            window_days=window_days, salt=salt, may_count=lambda of: of.is_paired & ~of.is_contacted
        )
        self._everybody = Counter(
            window_days=window_days, salt=salt, may_count=lambda of: of.is_paired
        )
        self._window_days = window_days
        self._days: list[date] = []
        self._counts: list[int] = []
        self._contacted = 0
        self._share: float | None = None

    def add(self, of: Forecasts) -> None:
        """Count a day."""
        self._left_alone.add(of)
        self._everybody.add(of)
        self._days.append(of.scored.as_of)
        self._contacted += int((of.is_contacted & of.is_paired).sum())
        self._share = of.scored.challenger_share

    @property
    def days(self) -> tuple[date, ...]:
        """The days counted so far."""
        return tuple(self._days)

    def taken(
        self,
        *,
        began_on: date,
        as_of: date,
        rules: Rules,
        demands: Demands,
        offer: Offer,
        draws: int,
        seed: int,
    ) -> Taken:
        """The evidence of all days, and what it says at the start of `as_of`."""
        units, everybody = self._left_alone.units(), self._everybody.units()
        path = _path(units, self._days, rules.error_rate)
        compared = paired(units)
        whole = _path(everybody, self._days[-1:], rules.error_rate)[-1]
        held = [
            *guards(units, compared, demands=demands, offer=offer, draws=draws, seed=seed),
            unharmed(whole, rules.error_rate),
        ]
        said = verdict(
            path[-1],
            held,
            scored_days=len(self._days),
            windows=units.windows_count(self._window_days),
            elapsed_days=(as_of - began_on).days,
            rules=rules,
        )
        by_arm = [arms(units, LEFT_ALONE), arms(everybody, EVERYBODY)]
        return Taken(
            look=path[-1],
            verdict=said,
            compared=(*compared, *(row for row in by_arm if row is not None)),
            scored_days_count=len(self._days),
            contacted_count=self._contacted,
            evidence={
                "outcome": said.outcome,
                "guards": told(held),
                "calibration": calibration_bins(units),
                "path": [
                    {"scored_as_of": str(day), **asdict(look)}
                    for day, look in zip(self._days, path, strict=True)
                ],
                "arms": _deal(everybody, self._share),
                "first_scored_day": str(self._days[0]),
                "last_scored_day": str(self._days[-1]),
            },
        )


def _path(units: Units, days: Iterable[date], error_rate: float) -> list[Look]:
    """The evidence after each scored day."""
    counts = np.searchsorted(units.days, [day.toordinal() for day in days], side="right")
    return looks(
        differences_of(units.champion, units.challenger, units.churned),
        counts.astype(np.int64),
        error_rate=error_rate,
        bounds=bounds_of(units.champion, units.challenger),
    )


def _deal(units: Units, share: float | None) -> Mapping[str, Any]:
    """Whether the customers of the newest whole day were dealt to the arms as intended."""
    newest = of_newest_day(units)
    found = Arms(
        challengers_count=int(units.is_challenged[newest].sum()),
        customers_count=int(newest.sum()),
    )
    return {
        "challenger_share": share,
        "customers_count": found.customers_count,
        "challengers_count": found.challengers_count,
        "mismatch_p_value": mismatch_p_value(found, share) if share else None,
    }
