"""Which earlier day a day is compared with, and which pairs of days show what is usual.

A shop grows, and its customers grow older with it: no day equals the one four weeks before. How
far apart two days of the same distance *usually* are is measured on pairs of days before.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TypeVar

T = TypeVar("T")

_LAGS_AND_SLACK = ((28, 14), (14, 6), (7, 3))  # days; whole weeks: the weekday stays the same
_PAIRS_MAX = 8
_PAIRS_MIN = 3
_PAIRS_APART_DAYS = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedDays:
    """A day, the day it is compared with, and pairs that show what is usual.

    Parameters
    ----------
    day, reference : date
    usual : tuple of (day, reference)
        Pairs about as far apart, none of their days later than `reference`: what is new since then
        is not taken for usual. Empty where too few days are stored.
    """

    day: date
    reference: date
    usual: tuple[tuple[date, date], ...]

    @property
    def days(self) -> list[date]:
        """All days that are needed, the oldest first."""
        return sorted({self.day, self.reference, *(d for pair in self.usual for d in pair)})

    def pair(self, of: Callable[[date], T]) -> tuple[T, T]:
        """What belongs to the reference and to the day."""
        return of(self.reference), of(self.day)

    def usual_pairs(self, of: Callable[[date], T]) -> list[tuple[T, T]]:
        """The same for each usual pair."""
        return [(of(reference), of(day)) for day, reference in self.usual]


def compared_days(day: date, stored: Iterable[date]) -> ComparedDays | None:
    """What to compare `day` with: four weeks before if possible, else two, else one, else oldest.

    A distance for which at least three usual pairs exist goes first. None where no earlier day
    of the last four weeks and a bit is stored.

    Examples
    --------
    >>> weekly = [date(2026, 1, 5) + timedelta(days=7 * week) for week in range(12)]
    >>> found = compared_days(date(2026, 3, 30), weekly)
    >>> found.reference
    datetime.date(2026, 3, 2)
    >>> found.usual[0]
    (datetime.date(2026, 3, 2), datetime.date(2026, 2, 2))
    """
    earlier = sorted({other for other in stored if other < day})
    fitting: list[ComparedDays] = []
    for lag, slack in _LAGS_AND_SLACK:
        reference = _partner(day, earlier, lag, slack)
        if reference is None:
            continue
        usual = _usual(reference, earlier, lag, slack)
        fitting.append(ComparedDays(day=day, reference=reference, usual=usual))
        if usual:
            return fitting[-1]
    if fitting:
        return fitting[0]
    longest = timedelta(days=sum(_LAGS_AND_SLACK[0]))
    recent = [other for other in earlier if day - other <= longest]
    return ComparedDays(day=day, reference=recent[0], usual=()) if recent else None


def _partner(day: date, earlier: list[date], lag: int, slack: int) -> date | None:
    wanted = day - timedelta(days=lag)
    near = [other for other in earlier if abs((other - wanted).days) <= slack and other < day]
    return min(near, key=lambda other: (abs((other - wanted).days), other), default=None)


def _usual(
    latest: date, earlier: list[date], lag: int, slack: int
) -> tuple[tuple[date, date], ...]:
    """Pairs about as far apart, none of whose days is later than `latest`; newest first."""
    found: list[tuple[date, date]] = []
    for other in reversed(earlier):
        is_near = bool(found) and (found[-1][0] - other).days < _PAIRS_APART_DAYS
        if other > latest or is_near:
            continue
        partner = _partner(other, earlier, lag, slack)
        if partner is not None:
            found.append((other, partner))
        if len(found) == _PAIRS_MAX:
            break
    return tuple(found) if len(found) >= _PAIRS_MIN else ()
