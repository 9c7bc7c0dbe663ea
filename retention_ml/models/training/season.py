"""How much busier or quieter the shop will be than when the labels were made, by last year.

The chance that a customer does not order follows the intensity of ordering: at e^s times the
intensity a probability p of no order becomes p to the power e^s (proportional hazards). How many
orders to expect is read from the same weeks of last year, corrected for how the shop has grown
since; s is what of that the customers of today, such as they are, do not explain. Orders can be
counted from the first day on, long before labels of that time of the year exist.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from retention_ml.models.training.data.volumes import Volumes
from retention_ml.statistics.arrays import Bools, Floats, Ints

YEAR_DAYS = 364  # whole weeks, so that weekends fall on weekends
_STEP_DAYS = 7
_GROWTH_DAYS = 182
_GROWTH_DAYS_MIN = 14
# How far last year is believed before this shop has shown anything: more where growth is known.
_BELIEF_UNKNOWN_GROWTH, _BELIEF = 0.7, 0.9
# A shop that grew or shrank this much (as a log ratio) has no last year to compare with.
_GROWTH_SCALE = 0.5
_BELIEF_STRENGTH = 0.25
_BELIEF_MIN = 0.05
_SHIFT_MAX = 2.0
_SILENCE_DAYS = 14
# After this long most of those who come back have been seen before.
_ACQUAINTED_DAYS = 182


@dataclass(frozen=True, slots=True, kw_only=True)
class Season:
    """The season ahead, against the season of the newest labels.

    Parameters
    ----------
    days : array of int64, shape (n,)
        Every seventh day of the year ahead, up to the last whose weeks of last year are known.
    shifts : array of float64, shape (n,)
        Log ratio of the intensity of ordering, as far as it is believed; 0 where last year is
        not known.
    belief : float
        By what the log ratios of last year were multiplied.
    growth : float or None
        Log ratio of the orders of late to those a year before; None where no year has passed.
    """

    days: Ints
    shifts: Floats
    belief: float
    growth: float | None


def season_ahead(
    volumes: Volumes,
    *,
    lead_days: int,
    horizon_days: int,
    reference_day: int,
    known_until_day: int,
    labelled: Mapping[int, tuple[float, int]],
    explained: float,
) -> Season | None:
    """What last year says about the year from `known_until_day` on, None without a year of orders.

    Parameters
    ----------
    volumes : Volumes
        Orders as known.
    reference_day : int
        The newest day whose outcome is known: shifts are against its outcome window.
    known_until_day : int
        Orders are known up to the start of this day.
    labelled : mapping of int to (float, int)
        Churn rate and number of customers of past days whose outcome is known: they show how far
        last year is to be believed in this shop.
    explained : float
        Log ratio of the orders that today's customers would place in the reference season to
        those that the customers of `reference_day` were expected to place.
    """
    past = volumes.before(known_until_day)
    if len(past.days) == 0 or known_until_day - int(past.days[0]) < YEAR_DAYS:
        return None
    window = _window(past, lead_days, horizon_days, known_until_day)
    growth = window.growth(known_until_day)
    belief = _belief(window, growth, labelled)
    ahead = np.arange(known_until_day, known_until_day + YEAR_DAYS, _STEP_DAYS)
    inside = ahead + lead_days + horizon_days - YEAR_DAYS <= known_until_day
    last_year = [window.shift(int(day), reference_day, growth) for day in ahead[inside]]
    if belief == 0 or all(shift is None for shift in last_year):
        return None
    last = max(at for at, shift in enumerate(last_year) if shift is not None)
    shifts = [
        0.0 if shift is None else belief * (shift - explained) for shift in last_year[: last + 1]
    ]
    return Season(
        days=ahead[: last + 1],
        shifts=np.clip(shifts, -_SHIFT_MAX, _SHIFT_MAX),
        belief=belief,
        growth=growth,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Window:
    """Orders in the outcome windows of days, counted from `first_day` on."""

    days: Ints
    orders: Floats
    first_day: int
    lead_days: int
    horizon_days: int

    def total(self, first: int, last: int) -> float:
        """Orders on the days `first` to `last` - 1."""
        start, end = np.searchsorted(self.days, [first, last])
        return float(self.orders[start:end].sum())

    def ahead_of(self, day: int) -> float:
        """Orders in the outcome window of a day."""
        opens = day + self.lead_days
        return self.total(opens, opens + self.horizon_days)

    def silence(self, day: int) -> int:
        """Most days in a row without any order in the outcome window of a day."""
        opens = day + self.lead_days
        closes = opens + self.horizon_days
        start, end = np.searchsorted(self.days, [opens, closes])
        around = np.concatenate([[opens - 1], self.days[start:end], [closes]])
        return int(np.diff(around).max()) - 1

    def growth(self, until: int) -> float | None:
        """Log ratio of the orders before `until` to those a year earlier, None if unknown.

        Days of which nothing was delivered, in either year, are compared with none.
        """
        since = max(self.first_day + YEAR_DAYS, until - _GROWTH_DAYS)
        days = np.arange(since, until)
        days = days[~(self._is_missing(days, until) | self._is_missing(days - YEAR_DAYS, until))]
        if len(days) < _GROWTH_DAYS_MIN:
            return None
        now, then = self._sum(days), self._sum(days - YEAR_DAYS)
        return float(np.log(now / then)) if now > 0 and then > 0 else None

    def _is_missing(self, days: Ints, until: int) -> Bools:
        """Which days are among so many in a row without any order as no shop closes."""
        edges = np.concatenate([[self.days[0] - 1], self.days[self.days < until], [until]])
        after = np.searchsorted(edges, days, side="right")
        pause = edges[np.minimum(after, len(edges) - 1)] - edges[after - 1] - 1
        return np.asarray((edges[after - 1] != days) & (pause >= _SILENCE_DAYS))

    def _sum(self, days: Ints) -> float:
        """Orders on some days."""
        return float(self.orders[np.isin(self.days, days)].sum())

    def shift(self, day: int, reference: int, growth: float | None) -> float | None:
        """Log ratio of the orders to expect of `day` to those of `reference`, None if unknown.

        Days without a single order, as many in a row as no shop closes, are days of which nothing
        was delivered: a window that holds them is not known.
        """
        if day + self.lead_days - YEAR_DAYS < self.first_day:
            return None
        days = (day - YEAR_DAYS, reference)
        if any(self.silence(each) >= _SILENCE_DAYS for each in days):
            return None
        then, now = (self.ahead_of(each) for each in days)
        return float(np.log(then / now)) + (growth or 0.0) if then > 0 and now > 0 else None


def _window(past: Volumes, lead_days: int, horizon_days: int, until: int) -> _Window:
    """The orders to count: those of customers known before, once a year of them can be compared.

    The labels are about such customers; how many newcomers there are is another matter. But in
    the first months of the data everybody seems new.
    """
    first_day = int(past.days[0])
    window = _Window(
        days=past.days,
        orders=past.orders,
        first_day=first_day,
        lead_days=lead_days,
        horizon_days=horizon_days,
    )
    if past.repeats is None:
        return window
    repeats = replace(window, orders=past.repeats, first_day=first_day + _ACQUAINTED_DAYS)
    return window if repeats.growth(until) is None else repeats


def _belief(
    window: _Window, growth: float | None, labelled: Mapping[int, tuple[float, int]]
) -> float:
    """The share of last year's shifts to apply: a ridge regression towards the prior mean.

    Every pair of labelled days that do not overlap, the later one with a last year, gives what
    last year predicts for orders per customer and what happened; pairs that share days count for
    less.
    """
    if growth is None:
        prior_mean = _BELIEF_UNKNOWN_GROWTH
    else:
        prior_mean = _BELIEF * float(np.exp(-((growth / _GROWTH_SCALE) ** 2)))
    if prior_mean < _BELIEF_MIN:
        return 0.0
    days = sorted(day for day, (rate, _) in labelled.items() if 0 < rate < 1)
    apart = window.lead_days + window.horizon_days
    predicted, observed = [], []
    for later in days:
        earlier = [day for day in days if day + apart <= later]
        if not earlier:
            continue
        (rate, count), (rate_before, count_before) = labelled[later], labelled[earlier[-1]]
        shift = window.shift(later, earlier[-1], window.growth(later))
        if shift is not None:
            predicted.append(shift - float(np.log(count / count_before)))
            observed.append(_log_hazard(rate) - _log_hazard(rate_before))
    share = min(1.0, np.diff(days).min(initial=apart) / apart)
    evidence = share * float(np.dot(predicted, predicted))
    agreement = share * float(np.dot(predicted, observed))
    belief = (_BELIEF_STRENGTH * prior_mean + agreement) / (_BELIEF_STRENGTH + evidence)
    return float(np.clip(belief, 0.0, 1.0))


def _log_hazard(rate: float) -> float:
    return float(np.log(-np.log(rate)))
