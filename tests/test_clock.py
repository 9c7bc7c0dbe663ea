"""Days of the shop and local times, against zoneinfo."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retention_ml import clock

_ZONES = ["UTC", "Europe/London", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"]
_EPOCH = datetime(1970, 1, 1)


def _wall(at: datetime) -> int:
    return round((at - _EPOCH).total_seconds())


def test_the_day_begins_at_midnight_of_the_shop() -> None:
    assert clock.midnight(date(2010, 7, 1), "Europe/London") == datetime(
        2010, 6, 30, 23, tzinfo=UTC
    )
    assert clock.midnight(date(2010, 1, 1), "Europe/London") == datetime(2010, 1, 1, tzinfo=UTC)


def test_a_range_of_days_includes_both_ends() -> None:
    assert clock.days_between(date(2026, 1, 1), date(2026, 1, 7), 3) == [
        date(2026, 1, 1),
        date(2026, 1, 4),
        date(2026, 1, 7),
    ]


@pytest.mark.parametrize("zone", _ZONES)
@given(at=st.datetimes(min_value=datetime(1971, 1, 1), max_value=datetime(2090, 1, 1)))
def test_wall_clock_times_become_the_utc_that_zoneinfo_gives(zone: str, at: datetime) -> None:
    at = at.replace(microsecond=0)
    utc, in_gap = clock.to_utc(np.array([_wall(at)]), zone)
    expected = at.replace(tzinfo=ZoneInfo(zone), fold=0).astimezone(UTC)
    round_trip = expected.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    assert in_gap[0] == (round_trip != at)
    if not in_gap[0]:
        assert utc[0] == round(expected.timestamp())


def test_a_time_the_clock_jumped_over_is_reported() -> None:
    _, in_gap = clock.to_utc(np.array([_wall(datetime(2010, 3, 28, 1, 30))]), "Europe/London")
    assert in_gap.tolist() == [True]


def test_a_time_that_occurred_twice_is_its_first_occurrence() -> None:
    utc, in_gap = clock.to_utc(np.array([_wall(datetime(2010, 10, 31, 1, 30))]), "Europe/London")
    assert datetime.fromtimestamp(utc[0], UTC) == datetime(2010, 10, 31, 0, 30, tzinfo=UTC)
    assert not in_gap[0]


@pytest.mark.parametrize("zone", _ZONES)
@given(seconds=st.integers(min_value=86_400 * 365, max_value=3_700_000_000))
def test_days_are_cut_by_the_calendar_of_the_shop(zone: str, seconds: int) -> None:
    local = datetime.fromtimestamp(seconds, ZoneInfo(zone))
    assert clock.local_days(np.array([seconds]), zone)[0] == (local.date() - date(1970, 1, 1)).days
    assert clock.local_seconds(np.array([seconds]), zone)[0] % 86_400 == (
        timedelta(hours=local.hour, minutes=local.minute, seconds=local.second).total_seconds()
    )
