"""The expected course of a daily figure: weekday, level, and the shop's own year before.

Without a year of history every week ahead is like the weeks before: a level and seven weekday
shares, both averages over past weeks that count less the older they are. Once a year is known the
level follows the same days of the year before (364 days back, so that weekdays stay weekdays),
smoothed over a week and multiplied by how much larger the shop is now than it was then. That ratio
is taken over twelve weeks: a shorter time would take a holiday that moved for growth.
"""

import numpy as np

from retention_ml.statistics.arrays import Floats

WEEKDAY_DECAY, LEVEL_DECAY = 0.1, 0.2
YEAR_DAYS = 364
SMOOTHED_DAYS = 7
GROWTH_DAYS = 84
YEAR_BEFORE_MIN = 28
"""Days before the same day of the year before that have to be there: fewer give no ratio."""


def expected(
    values: Floats,
    days_ahead: int,
    *,
    weekday_decay: float = WEEKDAY_DECAY,
    level_decay: float = LEVEL_DECAY,
) -> Floats:
    """What is expected of the days that follow, shape (days_ahead,), none below zero.

    Parameters
    ----------
    values : array of float64, shape (n_days,)
        At least a week; zeros are days without.
    days_ahead : int
    weekday_decay, level_decay : float
        By which share a week counts less than the week after it: for the weekdays, for the level.

    Raises
    ------
    ValueError
        There is less than a week.

    Examples
    --------
    >>> expected(np.tile([7.0, 1.0, 1.0, 1.0, 1.0, 2.0, 1.0], 4), 3).round(6).tolist()
    [7.0, 1.0, 1.0]
    """
    if len(values) < 7:
        raise ValueError(f"There are {len(values)} days. Expected at least a week of history.")
    weekday = np.resize(weekday_shape(values, weekday_decay), days_ahead)
    if uses_year_before(values, days_ahead):
        return np.asarray(np.maximum(weekday * _year_before(values, days_ahead), 0.0))
    return np.asarray(np.maximum(weekday * _recent_level(values, level_decay), 0.0))


def uses_year_before(values: Floats, days_ahead: int) -> bool:
    """Whether the days ahead, and enough days before them, are known of the year before."""
    begins = len(values) - YEAR_DAYS
    over = min(GROWTH_DAYS, begins)
    return bool(
        days_ahead <= YEAR_DAYS
        and over >= YEAR_BEFORE_MIN
        and _smooth(values)[begins - over : begins].sum() > 0
    )


def weekday_shape(values: Floats, decay: float) -> Floats:
    """What each of the next seven days has of a mean day, mean 1, shape (7,)."""
    weeks = _weeks(values)
    shape = (weeks * _weights(len(weeks), decay)[:, None]).sum(axis=0)
    total = shape.sum()
    return np.asarray(shape / total * 7) if total > 0 else np.ones(7)


def _recent_level(values: Floats, decay: float) -> float:
    """A mean day of the last weeks."""
    weeks = _weeks(values).sum(axis=1)
    return float(np.average(weeks, weights=_weights(len(weeks), decay)) / 7)


def _year_before(values: Floats, days_ahead: int) -> Floats:
    """The days ahead as they were a year before, smoothed, at today's size of the shop."""
    count = len(values)
    smooth = _smooth(values)
    begins = count - YEAR_DAYS
    over = min(GROWTH_DAYS, begins)
    growth = values[count - over :].sum() / smooth[begins - over : begins].sum()
    return np.asarray(smooth[begins : begins + days_ahead] * growth)


def _smooth(values: Floats) -> Floats:
    """The mean of each day and the three on either side of it, shape (n_days,)."""
    around = np.pad(values, SMOOTHED_DAYS // 2, mode="edge")
    return np.asarray(np.convolve(around, np.full(SMOOTHED_DAYS, 1 / SMOOTHED_DAYS), mode="valid"))


def _weeks(values: Floats) -> Floats:
    """Whole weeks up to the last day, oldest first, shape (weeks, 7)."""
    return values[len(values) % 7 :].reshape(-1, 7)


def _weights(weeks: int, decay: float) -> Floats:
    return np.asarray((1.0 - decay) ** np.arange(weeks)[::-1], dtype=np.float64)
