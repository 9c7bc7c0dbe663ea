"""The expected course of a daily figure: weekday, level, and the shop's own year before.

Without a year of history every week ahead is like the weeks before: a level and seven weekday
shares, both averages over past weeks that count less the older they are. Once a year is known the
level follows the same days of the year before (364 days back, so that weekdays stay weekdays),
smoothed over a week and multiplied by how much larger the shop is now than it was then. That ratio
is taken over twelve weeks, or what is known of them but at least four: a shorter time would take a
holiday that moved for growth. In each four of them the shop must not have more than doubled or
halved: where it has, the year before is that of a launch or of another shop, and shows no season.
"""

import numpy as np

from retention_ml.statistics.arrays import Floats

WEEKDAY_DECAY, LEVEL_DECAY = 0.1, 0.2
YEAR_DAYS = 364
SMOOTHED_DAYS = 7
GROWTH_DAYS = 84
GROWTH_MAX = 2.0
_PART_DAYS = 28
_CANCELLING = 0.1
"""Weekdays that add up to less than this share of their sizes cancel out: they have no shape."""


def expected(
    values: Floats,
    days_ahead: int,
    *,
    weekday_decay: float = WEEKDAY_DECAY,
    level_decay: float = LEVEL_DECAY,
) -> Floats:
    """What is expected of the days that follow, shape (days_ahead,).

    Days may be below zero, and all of them, where refunds outweigh sales: a total needs them so.

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
        return np.asarray(weekday * _year_before(values, days_ahead))
    return np.asarray(weekday * _recent_level(values, level_decay))


def uses_year_before(values: Floats, days_ahead: int) -> bool:
    """Whether the year before is known, and is that of a shop of about the same size.

    The days ahead and at least four weeks before them have to be there, and in each four weeks the
    ratio to the year before has to be within `GROWTH_MAX` and its inverse: that of all twelve
    together hides a launch in the first of them.
    """
    if days_ahead > YEAR_DAYS or len(values) < YEAR_DAYS + _PART_DAYS:
        return False
    now, then = (
        np.array([part.sum() for part in np.array_split(each, len(each) // _PART_DAYS)])
        for each in _compared(values)
    )
    return bool(
        (then > 0).all() and (now <= GROWTH_MAX * then).all() and (then <= GROWTH_MAX * now).all()
    )


def weekday_shape(values: Floats, decay: float) -> Floats:
    """What each of the next seven days has of a mean day, mean 1, shape (7,).

    All ones where there is no mean day to speak of: sales and refunds cancel out.
    """
    weeks = _weeks(values)
    shape = (weeks * _weights(len(weeks), decay)[:, None]).sum(axis=0)
    total = shape.sum()
    has_shape = total > _CANCELLING * np.abs(shape).sum()
    return np.asarray(shape / total * 7) if has_shape else np.ones(7)


def _recent_level(values: Floats, decay: float) -> float:
    """A mean day of the last weeks."""
    weeks = _weeks(values).sum(axis=1)
    return float(np.average(weeks, weights=_weights(len(weeks), decay)) / 7)


def _year_before(values: Floats, days_ahead: int) -> Floats:
    """The days ahead as they were a year before, smoothed, at today's size of the shop."""
    now, then = _compared(values)
    begins = len(values) - YEAR_DAYS
    return np.asarray(_smooth(values)[begins : begins + days_ahead] * now.sum() / then.sum())


def _compared(values: Floats) -> tuple[Floats, Floats]:
    """The days by which growth is told, and those a year before, each at most `GROWTH_DAYS`."""
    begins = len(values) - YEAR_DAYS
    days = min(GROWTH_DAYS, begins)
    return values[-days:], _smooth(values)[begins - days : begins]


def _smooth(values: Floats) -> Floats:
    """The mean of each day and the three on either side of it, shape (n_days,)."""
    around = np.pad(values, SMOOTHED_DAYS // 2, mode="edge")
    return np.asarray(np.convolve(around, np.full(SMOOTHED_DAYS, 1 / SMOOTHED_DAYS), mode="valid"))


def _weeks(values: Floats) -> Floats:
    """Whole weeks up to the last day, oldest first, shape (weeks, 7)."""
    return values[len(values) % 7 :].reshape(-1, 7)


def _weights(weeks: int, decay: float) -> Floats:
    return np.asarray((1.0 - decay) ** np.arange(weeks)[::-1], dtype=np.float64)
