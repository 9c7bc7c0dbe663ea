"""Which earlier day a day is compared with, and which pairs of days are the baseline.

A shop grows, and its customers grow older with it: no day equals the one four weeks before. How
much two days that far apart usually differ is measured on pairs of earlier days.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TypeVar

T = TypeVar("T")

_LAGS_AND_SLACK = ((28, 14), (14, 6), (7, 3))  # days; whole weeks: the weekday stays the same
_PAIRS_MAX = 8
_PAIRS_MIN = 3
_PAIRS_APART_DAYS = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceDays:
    """A day, the day it is compared with, and pairs of earlier days as a baseline.

    Parameters
    ----------
    day, reference : date
    baseline_pairs : tuple of (day, reference)
        Pairs about as far apart, none of their days later than `reference`: what is new since then
        is not part of the baseline. Empty where too few days are stored.
    """

    day: date
    reference: date
    baseline_pairs: tuple[tuple[date, date], ...]

    @property
    def days(self) -> list[date]:
        """All days that are needed, the oldest first."""
        return sorted(
            {self.day, self.reference, *(d for pair in self.baseline_pairs for d in pair)}
        )

    def pairs(self, values: Mapping[date, T]) -> tuple[tuple[T, T], list[tuple[T, T]]]:
        """The values of the reference and of the day, and the same for each baseline pair."""
        baseline = [(values[reference], values[day]) for day, reference in self.baseline_pairs]
        return (values[self.reference], values[self.day]), baseline


def select_reference_days(day: date, stored: Iterable[date]) -> ReferenceDays | None:
    """What to compare `day` with: four weeks before if possible, else two, else one, else oldest.

    A distance for which at least three baseline pairs exist goes first. None where no earlier day
    of the last six weeks is stored.

    Examples
    --------
    >>> weekly = [date(2026, 1, 5) + timedelta(days=7 * week) for week in range(12)]
    >>> days = select_reference_days(date(2026, 3, 30), weekly)
    >>> days.reference
    datetime.date(2026, 3, 2)
    >>> days.baseline_pairs[0]
    (datetime.date(2026, 3, 2), datetime.date(2026, 2, 2))
    """
    earlier = sorted({other for other in stored if other < day})
    fitting: list[ReferenceDays] = []
    for lag, slack in _LAGS_AND_SLACK:
        if (reference := _partner(day, earlier, lag, slack)) is None:
            continue
        baseline_pairs = _baseline_pairs(reference, earlier, lag, slack)
        fitting.append(ReferenceDays(day=day, reference=reference, baseline_pairs=baseline_pairs))
        if baseline_pairs:
            return fitting[-1]
    if fitting:
        return fitting[0]
    longest = timedelta(days=sum(_LAGS_AND_SLACK[0]))
    recent = [other for other in earlier if day - other <= longest]
    return ReferenceDays(day=day, reference=recent[0], baseline_pairs=()) if recent else None


def _partner(day: date, earlier: list[date], lag: int, slack: int) -> date | None:
    wanted = day - timedelta(days=lag)
    near = [other for other in earlier if abs((other - wanted).days) <= slack and other < day]
    return min(near, key=lambda other: (abs((other - wanted).days), other), default=None)


def _baseline_pairs(
    latest: date, earlier: list[date], lag: int, slack: int
) -> tuple[tuple[date, date], ...]:
    """Pairs about as far apart, none of whose days is later than `latest`; newest first."""
    pairs: list[tuple[date, date]] = []
    for other in reversed(earlier):
        is_near = bool(pairs) and (pairs[-1][0] - other).days < _PAIRS_APART_DAYS
        if other > latest or is_near:
            continue
        partner = _partner(other, earlier, lag, slack)
        if partner is not None:
            pairs.append((other, partner))
        if len(pairs) == _PAIRS_MAX:
            break
    return tuple(pairs) if len(pairs) >= _PAIRS_MIN else ()
