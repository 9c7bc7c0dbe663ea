"""A customer's rhythm by the buying process of the shop: the usual wait, and who is overdue."""

from dataclasses import dataclass

import numpy as np

from retention_ml.models.btyd.nbd import BetaGeoNBD, fit
from retention_ml.models.btyd.purchase_summary import PurchaseSummary
from retention_ml.profiles.histories import Histories
from retention_ml.statistics.arrays import Bools, Floats

INTERVAL_DAYS_MAX = 3_650.0
_ALIVE_MIN = 0.05  # below, no next order is to be expected


@dataclass(frozen=True, slots=True, kw_only=True)
class Cadence:
    """Of each buyer, shape (b,).

    Parameters
    ----------
    interval_days : array of float64
        The wait after the last purchase day within which half of such customers have ordered
        again, if they have not left.
    overdue_after_days : array of float64
        The wait that is longer than `overdue_probability` of theirs.
    is_overdue : array of bool
        Silent for longer than that.
    still_customer_probability : array of float64
        That the customer has not left.
    next_order_days : array of float64
        Days from the day until the next order is as probable to have come as not, if the customer
        has not left; NaN where that has a probability of less than 5 %.
    """

    interval_days: Floats
    overdue_after_days: Floats
    is_overdue: Bools
    still_customer_probability: Floats
    next_order_days: Floats


def fit_process(histories: Histories) -> BetaGeoNBD:
    """The buying process (MBG/NBD) of all customers who ever ordered."""
    return fit(PurchaseSummary.of(*purchase_counts(histories)), modified=True)


def cadence(histories: Histories, process: BetaGeoNBD, *, overdue_probability: float) -> Cadence:
    """The rhythm of every buyer on the day of the histories.

    A wait begins with the last purchase day and is judged by what was known then: a long silence
    does not excuse itself.
    """
    frequency, recency, T = purchase_counts(histories)
    # At the last purchase day the customer's T was their recency.
    usual, late = (
        process.days_to_order_quantile(frequency, recency, q) for q in (0.5, overdue_probability)
    )
    alive = process.p_alive(frequency, recency, T)
    ahead = process.days_to_order_quantile(frequency, T, 0.5)
    return Cadence(
        interval_days=np.minimum(usual, INTERVAL_DAYS_MAX),
        overdue_after_days=np.minimum(late, INTERVAL_DAYS_MAX),
        is_overdue=T - recency > late,
        still_customer_probability=alive,
        next_order_days=np.where(alive >= _ALIVE_MIN, np.minimum(ahead, INTERVAL_DAYS_MAX), np.nan),
    )


def purchase_counts(histories: Histories) -> tuple[Floats, Floats, Floats]:
    """Frequency, recency and T of every buyer, each shape (b,)."""
    frequency = histories.number[histories.last_place] - 1
    recency, T = histories.last - histories.first, histories.today - histories.first
    return tuple(each.astype(np.float64) for each in (frequency, recency, T))  # type: ignore[return-value]
