"""Retention of cohorts by periods of each customer's own clock, counted.

A cohort are the customers whose first order fell into a calendar month of the shop. Period k of a
customer is the days [first + k P, first + (k + 1) P): a customer who began on the 30th is not
compared with one who began on the 1st. Days are the shop's, so a clock change moves nobody.

Only counts are kept, of customers whose period is over: shares are divisions that a reader can
check, and cohorts can be added up. What each share is:

| share | of | that |
|---|---|---|
| cohort ratio | customers of the cohort whose period k is over | ordered in period k |
| unbounded | the same | ordered in period k or later |
| period over period | those who ordered in period k − 1 | ordered in period k |
| at-risk hazard | those who ordered in period k − 1 or later | did not order in period k or later |

The product of period over period up to k is the share who ordered in every single period, not the
share who are still customers: where customers come back it is far too low. The product of
(1 − at-risk hazard) is the unbounded share.
"""

import numpy as np
import pyarrow as pa

from retention_ml.profiles.histories import Histories
from retention_ml.statistics.arrays import Bools, Ints

PERIODS_MAX = 60
COUNTS = (
    "customers_count",
    "observed_count",
    "ordered_count",
    "ordered_later_count",
    "previous_count",
    "ordered_both_count",
    "at_risk_count",
)


def is_left_truncated(histories: Histories, lapsed_days: int) -> Bools:
    """Whose first known order lies within `lapsed_days` of the shop's first, shape (b,).

    They may have ordered before the data begins: old customers who look new.
    """
    if len(histories.first) == 0:
        return np.zeros(0, dtype=bool)
    return np.asarray(histories.first < histories.first.min() + lapsed_days)


def cohorts(histories: Histories, *, period_days: int, lapsed_days: int) -> pa.Table:
    """One row per cohort and period that is over for somebody.

    Returns
    -------
    pa.Table
        `cohort_on` (the first of the month), `period`, `COUNTS`, `is_left_truncated` (of some of
        its customers earlier orders may be unknown) and `is_incomplete` (the period is not over
        for all of them).
    """
    month = _months(histories.first)
    months, cohort = np.unique(month, return_inverse=True)
    over = np.minimum((histories.today - histories.first) // period_days, PERIODS_MAX)
    periods = int(over.max(initial=0))
    ordered = _ordered(histories, period_days, periods)
    number = np.arange(periods)[None, :]
    # Also an order in a period that is not over yet comes later than those before it.
    later = number <= ((histories.last - histories.first) // period_days)[:, None]
    observed = number < over[:, None]
    before, before_later = _shifted(ordered), _shifted(later)
    values = {
        "customers_count": np.ones_like(ordered),
        "observed_count": observed,
        "ordered_count": ordered & observed,
        "ordered_later_count": later & observed,
        "previous_count": before & observed,
        "ordered_both_count": before & ordered & observed,
        "at_risk_count": before_later & observed,
    }
    order = np.argsort(cohort, kind="stable")
    begins = np.searchsorted(cohort[order], np.arange(len(months)))
    counted = {name: _sums(order, begins, each) for name, each in values.items()}
    truncated = np.bincount(
        cohort, weights=is_left_truncated(histories, lapsed_days), minlength=len(months)
    )
    rows = counted["observed_count"].ravel() > 0
    first_days = months.astype("datetime64[M]").astype("datetime64[D]")
    return pa.table(
        {
            "cohort_on": pa.array(np.repeat(first_days, periods)[rows], pa.date32()),
            "period": pa.array(np.tile(np.arange(periods), len(months))[rows], pa.int32()),
            **{name: pa.array(each.ravel()[rows]) for name, each in counted.items()},
            "is_left_truncated": pa.array(np.repeat(truncated > 0, periods)[rows]),
            "is_incomplete": pa.array(
                (counted["observed_count"] < counted["customers_count"]).ravel()[rows]
            ),
        }
    )


def _ordered(histories: Histories, period_days: int, periods: int) -> Bools:
    """Whether each buyer ordered in each period, shape (b, periods)."""
    period = (histories.day - histories.first[histories.buyer]) // period_days
    ordered = np.zeros((len(histories.buyers), periods), dtype=bool)
    within = period < periods
    ordered[histories.buyer[within], period[within]] = True
    return ordered


def _shifted(values: Bools) -> Bools:
    """The values of the period before; nobody before the first."""
    shifted = np.zeros_like(values)
    shifted[:, 1:] = values[:, :-1]
    return shifted


def _sums(order: Ints, begins: Ints, values: Bools) -> Ints:
    """Sums within each cohort, shape (cohorts, periods)."""
    if len(order) == 0:
        return np.zeros((0, values.shape[1]), dtype=np.int64)
    return np.asarray(np.add.reduceat(values[order].astype(np.int64), begins, axis=0))


def _months(day: Ints) -> Ints:
    return day.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
