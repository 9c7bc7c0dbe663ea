"""The simulated shop's calendar: how busy each day is, and when in a day things happen."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date, timedelta
from typing import Self

import numpy as np
import numpy.typing as npt

from retention_ml import clock

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Booleans = npt.NDArray[np.bool_]

DAY_SECONDS = 86_400
YEAR_DAYS = 365.2425
PEAK_DAY = clock.day_number(date(1970, 12, 8))
YEAR_AMPLITUDE = 0.30

# Monday first; the mean is 1.
WEEKDAY_FACTORS = np.array([1.00, 0.90, 0.90, 0.95, 1.05, 1.15, 1.05])
# Share of a day's activity in each hour of the wall clock.
_HOURS = np.array(
    [1, 1, 1, 1, 1, 1, 2, 3, 5, 6, 6, 6, 7, 6, 5, 5, 5, 6, 7, 8, 9, 8, 5, 2], dtype=np.float64
)
HOUR_SHARES = _HOURS / _HOURS.sum()


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Rows kept as one array of shape (n,) per field."""

    def __len__(self) -> int:
        return len(getattr(self, fields(self)[0].name))

    def rows(self, selected: Integers | Booleans) -> Self:
        """Some of the rows, in the order asked for."""
        return type(self)(**{f.name: getattr(self, f.name)[selected] for f in fields(self)})

    @classmethod
    def concatenate(cls, pieces: Sequence[Self]) -> Self:
        """The rows of all pieces, in the order given; at least one piece."""
        return cls(
            **{f.name: np.concatenate([getattr(p, f.name) for p in pieces]) for f in fields(cls)}
        )


def season_factor(days_since_epoch: Integers) -> Floats:
    """How busy each day is against an average day (positive, mean 1), shape (n,).

    A yearly wave that peaks on 8 December times a factor of the weekday.
    """
    wave = np.cos(2 * np.pi * (days_since_epoch - PEAK_DAY) / YEAR_DAYS)
    weekday = (days_since_epoch + 3) % 7  # 1970-01-01 was a Thursday
    factor: Floats = (1 + YEAR_AMPLITUDE * wave) * WEEKDAY_FACTORS[weekday]
    return factor


@dataclass(frozen=True, slots=True)
class ShopCalendar:
    """The days that are simulated; instants are days since the first, as fractions.

    Within a day time runs evenly here; `wall_seconds` spreads it over the hours of the shop.
    """

    first_day: date
    days: int
    timezone: str

    @property
    def first(self) -> int:
        """The first day as days since 1970-01-01."""
        return clock.day_number(self.first_day)

    @property
    def last_day(self) -> date:
        """The last day that is simulated."""
        return self.first_day + timedelta(days=self.days - 1)

    @property
    def cumulative(self) -> Floats:
        """Average days' worth of activity before each day, shape (days + 1,)."""
        factors = season_factor(self.first + np.arange(self.days))
        return np.concatenate([[0.0], np.cumsum(factors)])

    def activity(self, at: Floats) -> Floats:
        """Average days' worth of activity from the first day to each instant, shape (n,)."""
        return np.interp(at, np.arange(self.days + 1), self.cumulative)

    def instant(self, activity: Floats) -> Floats:
        """The inverse of `activity`, shape (n,)."""
        return np.interp(activity, self.cumulative, np.arange(self.days + 1))

    def wall_seconds(self, at: Floats) -> Integers:
        """Wall-clock seconds since 1970-01-01 00:00 of instants, shape (n,).

        Times that the clock skipped are moved one hour on.
        """
        day = np.floor(at)
        edges = np.concatenate([[0.0], np.cumsum(HOUR_SHARES)])
        hour = np.interp(at - day, edges, np.arange(25))
        within = np.minimum((hour * 3600).astype(np.int64), DAY_SECONDS - 1)
        return self.existing((self.first + day.astype(np.int64)) * DAY_SECONDS + within)

    def existing(self, wall_seconds: Integers) -> Integers:
        """The same wall-clock seconds, those that never existed moved one hour on."""
        _, in_gap = clock.to_utc(wall_seconds, self.timezone)
        return wall_seconds + 3600 * in_gap
