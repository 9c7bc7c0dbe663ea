"""How far a forecast may be off: as far as forecasts of the same making were off before.

From past days, one a week, the same days ahead are forecast from what had happened by then, and
compared with what came. No distribution is assumed, and nothing is fitted to the errors.

Each past forecast is made by the rule as it would have been applied then: those of the shop's first
year do not know the year before, and their errors count for forecasts that do. When a forecast
first uses the year before there are no other errors, and for months too few.
"""

from dataclasses import dataclass

import numpy as np

from retention_ml.profiles.forecast.expected import expected
from retention_ml.statistics.arrays import Floats

ORIGINS_MAX = 52
ORIGINS_MIN = 8
_HISTORY_MIN = 28
_STEP_DAYS = 7
_FLOOR = 0.1
"""Errors are relative to what was forecast, but to no less than this share of the usual: a day's to
a share of a mean day, a total's to a share of the mean total. A day expected to bring nothing says
nothing about the error of others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """A figure of the days ahead with intervals; each array has the shape (days_ahead,).

    None is below zero: a day whose refunds outweigh its sales counts as 0 among the days, and is
    taken off in the total.

    Parameters
    ----------
    expected, lower, upper : array of float64
    total, total_lower, total_upper : float
        Of all days together: errors of days partly cancel in a total, so it has its own.
    total_error_share : float
        Mean absolute error of the total in past forecasts, as a share of what was forecast, and
        of no less than a tenth of the mean total.
    past_forecasts : int
        How many there were.
    """

    expected: Floats
    lower: Floats
    upper: Floats
    total: float
    total_lower: float
    total_upper: float
    total_error_share: float
    past_forecasts: int


def days_needed(days_ahead: int) -> int:
    """How many days of history a forecast with intervals needs.

    >>> days_needed(28)
    105
    """
    return _HISTORY_MIN + days_ahead + _STEP_DAYS * (ORIGINS_MIN - 1)


def forecast(values: Floats, days_ahead: int, *, coverage: float) -> Forecast:
    """The days ahead, and intervals that past forecasts would have kept in a share `coverage`.

    Parameters
    ----------
    values : array of float64, shape (n_days,)
        At least `days_needed(days_ahead)`, with a mean above zero.
    days_ahead : int
    coverage : float
        Above 0, below 1.

    Raises
    ------
    ValueError
        There are too few days, or they bring nothing on average.
    """
    if len(values) < days_needed(days_ahead):
        raise ValueError(
            f"There are {len(values)} days of history. Expected at least {days_needed(days_ahead)}."
        )
    mean_day = float(values.mean())
    if mean_day <= 0:
        raise ValueError(f"A mean day has {mean_day:g}. Expected more than 0.")
    ahead = expected(values, days_ahead)
    now, total = np.maximum(ahead, 0.0), max(float(ahead.sum()), 0.0)
    days, totals = _past_errors(values, days_ahead, mean_day)
    half = _by_week(days, coverage) * _scale(now, mean_day)
    # With n past totals the share that a new one keeps to is n / (n + 1) of that of the sample.
    share = min(1.0, coverage * (len(totals) + 1) / len(totals))
    total_half = float(np.quantile(totals, share)) * _total_scale(total, mean_day, days_ahead)
    return Forecast(
        expected=now,
        lower=np.maximum(now - half, 0.0),
        upper=now + half,
        total=total,
        total_lower=max(total - total_half, 0.0),
        total_upper=total + total_half,
        total_error_share=float(totals.mean()),
        past_forecasts=len(totals),
    )


def _past_errors(values: Floats, days_ahead: int, mean_day: float) -> tuple[Floats, Floats]:
    """Relative absolute errors of days, shape (origins, days_ahead), and of totals, (origins,)."""
    newest = len(values) - days_ahead
    origins = range(newest, _HISTORY_MIN - 1, -_STEP_DAYS)[:ORIGINS_MAX]
    days, totals = [], []
    for origin in origins:
        predicted = expected(values[:origin], days_ahead)
        observed = values[origin : origin + days_ahead]
        total = max(float(predicted.sum()), 0.0)
        totals.append(
            abs(float(observed.sum()) - total) / _total_scale(total, mean_day, days_ahead)
        )
        shown = np.maximum(predicted, 0.0)
        days.append(np.abs(np.maximum(observed, 0.0) - shown) / _scale(shown, mean_day))
    return np.array(days), np.array(totals)


def _scale(predicted: Floats, mean_day: float) -> Floats:
    """What errors of days are relative to, shape (days_ahead,)."""
    return np.asarray(np.maximum(predicted, _FLOOR * max(float(predicted.mean()), mean_day)))


def _total_scale(predicted: float, mean_day: float, days_ahead: int) -> float:
    """What the error of a total is relative to."""
    return max(predicted, _FLOOR * mean_day * days_ahead)


def _by_week(errors: Floats, coverage: float) -> Floats:
    """The quantile of errors by week ahead, shape (days_ahead,)."""
    days_ahead = errors.shape[1]
    half = np.empty(days_ahead)
    for begins in range(0, days_ahead, 7):
        half[begins : begins + 7] = np.quantile(errors[:, begins : begins + 7], coverage)
    return half
