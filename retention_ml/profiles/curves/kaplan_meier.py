"""Kaplan–Meier: the share that survives a time, from durations of which some are censored.

References
----------
Kaplan and Meier, "Nonparametric estimation from incomplete observations", 1958; Greenwood, "The
natural duration of cancer", 1926; Kalbfleisch and Prentice, "The statistical analysis of failure
time data", 1980, section 1.4 (intervals on the scale log(-log S)).
"""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from retention_ml.statistics.arrays import Bools, Floats, Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class SurvivalCurve:
    """A step function: each value holds from its time on; each shape (k,).

    Parameters
    ----------
    time : array of float64
        Every duration that occurs, rising.
    at_risk : array of int64
        Whose duration is at least the time: those censored at it are at risk too.
    events : array of int64
        Whose event is at the time.
    survival : array of float64
        Share without the event at the time, 0 to 1.
    lower, upper : array of float64
        Pointwise interval; NaN where it is not defined: before the first event the survival is 1
        for sure only in this sample, and after the last has had its event it is 0.
    """

    time: Floats
    at_risk: Ints
    events: Ints
    survival: Floats
    lower: Floats
    upper: Floats

    def at(self, time: float) -> tuple[float, float, float]:
        """Survival and its interval at a time: those of the last step up to it."""
        place = int(np.searchsorted(self.time, time, side="right")) - 1
        if place < 0:
            return 1.0, np.nan, np.nan
        return float(self.survival[place]), float(self.lower[place]), float(self.upper[place])

    def median(self) -> float:
        """The first time at which at most half survive, NaN where the curve does not fall so far."""
        fallen = np.flatnonzero(self.survival <= 0.5)
        return float(self.time[fallen[0]]) if len(fallen) else float("nan")


def kaplan_meier(
    durations: Floats | Ints, is_event: Bools, *, confidence: float = 0.95
) -> SurvivalCurve:
    """The product-limit estimate with log-log intervals.

    Parameters
    ----------
    durations : array, shape (n,)
        Time to the event, or as long as was observed; at least 0.
    is_event : array of bool, shape (n,)
        False where observation ended before the event.
    confidence : float
        Of each pointwise interval, above 0 and below 1.

    Raises
    ------
    ValueError
        A duration is negative or not finite.

    Examples
    --------
    >>> curve = kaplan_meier(np.array([1, 2, 2, 3]), np.array([True, True, False, True]))
    >>> curve.survival.round(3).tolist(), curve.at_risk.tolist()
    ([0.75, 0.5, 0.0], [4, 3, 1])
    """
    times = np.asarray(durations, dtype=np.float64)
    if not (np.isfinite(times).all() and (times >= 0).all()):
        raise ValueError(
            "A duration is negative or not finite. Expected times of at least 0 since each began."
        )
    time, which = np.unique(times, return_inverse=True)
    events = np.bincount(which, weights=is_event, minlength=len(time)).astype(np.int64)
    leaves = np.bincount(which, minlength=len(time)).astype(np.int64)
    at_risk = len(times) - np.cumsum(leaves) + leaves
    survival = np.asarray(np.cumprod(1.0 - events / at_risk), dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        greenwood = np.cumsum(events / (at_risk * (at_risk - events)))
        log_survival = np.log(survival)
        z = NormalDist().inv_cdf(0.5 + confidence / 2)
        width = z * np.sqrt(greenwood) / np.abs(log_survival)
        lower = np.exp(log_survival * np.exp(width))
        upper = np.exp(log_survival * np.exp(-width))
    is_defined = (survival > 0) & (survival < 1)
    return SurvivalCurve(
        time=time,
        at_risk=at_risk,
        events=events,
        survival=survival,
        lower=np.where(is_defined, lower, np.nan),
        upper=np.where(is_defined, upper, np.nan),
    )
