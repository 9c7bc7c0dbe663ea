"""What is expected of the days ahead: weekdays, level, and the year before."""

import numpy as np
import pytest

from retention_ml.profiles.forecast.expected import YEAR_DAYS, expected, uses_year_before

WEEK = np.array([10.0, 20.0, 30.0, 40.0, 50.0, 0.0, 60.0])


def test_weekdays_repeat_and_a_closed_weekday_stays_closed() -> None:
    assert expected(np.tile(WEEK, 6), 10).tolist() == pytest.approx([*WEEK, *WEEK[:3]])


def test_days_ahead_begin_with_the_weekday_that_follows() -> None:
    """Three days into a week the forecast goes on with its fourth."""
    values = np.append(np.tile(WEEK, 5), WEEK[:3])
    assert expected(values, 7).tolist() == pytest.approx([*WEEK[3:], *WEEK[:3]])


def test_newer_weeks_count_more_for_the_level() -> None:
    rising = np.concatenate([WEEK * size for size in (1, 1, 1, 1, 3)])
    total = expected(rising, 7).sum()
    assert WEEK.sum() * 7 / 5 < total < WEEK.sum() * 3


def test_a_season_of_the_year_before_comes_again_at_the_size_of_today() -> None:
    """Ordinary 300 days, then twice as much in four weeks; now the shop is half as large again."""
    season = np.ones(YEAR_DAYS)
    season[300:328] = 2.0
    values = np.append(np.tile(WEEK, 52) * season, np.tile(WEEK, 52) * season * 1.5)
    assert uses_year_before(values[: YEAR_DAYS + 300], 28)
    ahead = expected(values[: YEAR_DAYS + 300], 28)
    observed = values[YEAR_DAYS + 300 : YEAR_DAYS + 328]
    assert ahead.sum() == pytest.approx(observed.sum(), rel=0.05)
    without = expected(values[YEAR_DAYS : YEAR_DAYS + 300], 28)  # the year before is not there
    assert without.sum() == pytest.approx(observed.sum() / 2, rel=0.01)


def test_a_year_that_has_only_begun_is_not_used() -> None:
    assert not uses_year_before(np.ones(YEAR_DAYS + 27), 28)
    assert uses_year_before(np.ones(YEAR_DAYS + 84), 28)


def test_a_shop_that_more_than_doubled_has_no_year_before() -> None:
    for growth, is_used in ((1.9, True), (2.1, False), (1 / 1.9, True), (1 / 2.1, False)):
        values = np.append(np.ones(YEAR_DAYS), np.full(120, growth))
        values[YEAR_DAYS - 10 : YEAR_DAYS + 10] = growth  # the smoothed year before ends earlier
        assert uses_year_before(values, 28) is is_used


@pytest.mark.parametrize("days", [391, 393, 448, 455, 468, 480])
def test_the_launch_of_a_shop_is_no_season(days: int) -> None:
    """From 1 to 100 orders a day within the year, and 2 orders a day for five weeks, then 50."""
    day = np.arange(days + 28)
    for values, error in ((1 + day / 4, 0.13), (np.where(day < 35, 2.0, 50.0), 0.2)):
        predicted = expected(values[:days], 28).sum()
        assert predicted == pytest.approx(values[days:].sum(), rel=error)


def test_refunds_booked_on_one_weekday_are_taken_off() -> None:
    """Every week brings 3,000, and its Monday takes 3,000 of the 6,000 that its other days bring."""
    values = np.tile([-3_000.0, *[1_000.0] * 6], 30)
    predicted = expected(values, 28)
    assert predicted.sum() == pytest.approx(12_000)
    assert predicted[:7].tolist() == pytest.approx(values[:7])


def test_weekdays_that_cancel_out_have_no_shape() -> None:
    values = np.tile([-599.0, *[100.0] * 6], 30)
    assert expected(values, 7).tolist() == pytest.approx([1 / 7] * 7)


def test_less_than_a_week_is_refused() -> None:
    with pytest.raises(ValueError, match=r"There are 6 days\. Expected at least a week"):
        expected(np.ones(6), 28)
