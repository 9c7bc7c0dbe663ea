"""Days of the shop: where they begin in UTC, and local times brought to UTC.

`as_of` = D always means midnight at the start of D in the shop's time zone.
This is the only module of the library that reads the real clock.
"""

from datetime import UTC, date, datetime, timedelta
from functools import cache, lru_cache
from zoneinfo import ZoneInfo, available_timezones

import numpy as np
import numpy.typing as npt

_DAY_ZERO = date(1970, 1, 1)
_FIRST_YEAR, _LAST_YEAR = 1970, 2100


def now() -> datetime:
    """The real time, aware, in UTC: for `loaded_at`, `scored_at` and receipts, never for logic."""
    return datetime.now(UTC)


@cache
def zone_names() -> frozenset[str]:
    """The names of all time zones; finding them reads hundreds of files."""
    return frozenset(available_timezones())


def midnight(as_of: date, timezone: str) -> datetime:
    """The start of the shop's day `as_of`, aware, in UTC."""
    zone = ZoneInfo(timezone)
    return datetime(as_of.year, as_of.month, as_of.day, tzinfo=zone).astimezone(UTC)


def microseconds(at: datetime) -> int:
    """Microseconds since 1970 in UTC of an aware time.

    >>> microseconds(datetime(1970, 1, 2, tzinfo=UTC))
    86400000000
    """
    return round(at.timestamp() * 1_000_000)


def day_number(day: date) -> int:
    """Days since 1970-01-01.

    >>> day_number(date(1970, 1, 2)), day_number(date(2026, 3, 1)), day_number(date(1969, 12, 31))
    (1, 20513, -1)
    """
    return (day - _DAY_ZERO).days


def day_of(number: int) -> date:
    """The day with a number, the inverse of `day_number`.

    >>> day_of(20513)
    datetime.date(2026, 3, 1)
    """
    return _DAY_ZERO + timedelta(days=number)


def days_between(first: date, last: date, every_days: int) -> list[date]:
    """Every `every_days`-th day from `first` to `last`, both inclusive."""
    return [
        first + timedelta(days=offset) for offset in range(0, (last - first).days + 1, every_days)
    ]


@lru_cache(maxsize=32)
def transitions(timezone: str) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """UTC seconds at which the zone's offset changes, and the offset in seconds from then on.

    The first entry stands for all earlier time.
    """
    zone = ZoneInfo(timezone)

    def offset(at: datetime) -> int:
        delta = at.astimezone(zone).utcoffset()
        assert delta is not None
        return int(delta.total_seconds())

    start = datetime(_FIRST_YEAR, 1, 1, tzinfo=UTC)
    end = datetime(_LAST_YEAR, 1, 1, tzinfo=UTC)
    instants, offsets = [np.iinfo(np.int64).min // 2], [offset(start)]
    step, at = timedelta(days=7), start
    while at < end:
        following = at + step
        if offset(following) != offsets[-1]:
            low, high = at, following
            while high - low > timedelta(seconds=1):
                middle = low + (high - low) // 2
                if offset(middle) == offsets[-1]:
                    low = middle
                else:
                    high = middle
            instants.append(round(high.timestamp()))
            offsets.append(offset(following))
        at = following
    return np.array(instants, dtype=np.int64), np.array(offsets, dtype=np.int64)


def to_utc(
    local_seconds: npt.NDArray[np.int64], timezone: str
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """UTC seconds of wall-clock seconds, and which of them never existed.

    Parameters
    ----------
    local_seconds : array of int64, shape (n,)
        Wall-clock time as seconds since 1970-01-01 00:00 on that same wall clock.
    timezone : str
        IANA name.

    Returns
    -------
    utc_seconds : array of int64, shape (n,)
    in_gap : array of bool, shape (n,)
        True where the clock was put forward over that time. A time that occurred twice
        (the clock was put back) is taken as its first occurrence.
    """
    instants, offsets = transitions(timezone)
    # A wall-clock time belongs to the last offset whose first wall-clock second it has reached;
    # where the clock was put back both fit, and the earlier one is taken.
    starts = instants + offsets
    after = np.searchsorted(starts, local_seconds, side="right") - 1
    after = np.clip(after, 0, len(offsets) - 1)
    before = np.clip(after - 1, 0, None)
    ends_of_before = instants[after] + offsets[before]
    ambiguous = (after > 0) & (local_seconds < ends_of_before)
    chosen = np.where(ambiguous, before, after)
    following = np.clip(after + 1, 0, len(offsets) - 1)
    in_gap = (
        (following > after)
        & (local_seconds >= instants[following] + offsets[after])
        & (local_seconds < starts[following])
    )
    return local_seconds - offsets[chosen], in_gap


def local_days(utc_seconds: npt.NDArray[np.int64], timezone: str) -> npt.NDArray[np.int64]:
    """Days since 1970-01-01 on the shop's calendar of UTC seconds, shape (n,)."""
    return local_seconds(utc_seconds, timezone) // 86_400


def local_seconds(utc_seconds: npt.NDArray[np.int64], timezone: str) -> npt.NDArray[np.int64]:
    """Wall-clock seconds since 1970-01-01 00:00 of UTC seconds, shape (n,)."""
    instants, offsets = transitions(timezone)
    return utc_seconds + offsets[np.searchsorted(instants, utc_seconds, side="right") - 1]
