"""What a shop's customers did on each day: orders, active customers, revenue."""

from dataclasses import dataclass

import numpy as np

from retention_ml.profiles.histories import Histories
from retention_ml.statistics.arrays import Floats

ORDERS, CUSTOMERS, REVENUE = METRICS = ("orders", "active_customers", "revenue_cents")


@dataclass(frozen=True, slots=True, kw_only=True)
class DailySeries:
    """Daily figures from a day on, without a hole in them.

    Parameters
    ----------
    first_day : int
        Number of the first day.
    values : mapping of str to array of float64, shape (n_days,)
        By `METRICS`; the last day is the one before the day of the histories. Revenue has refunds
        taken off on the day of the refund.
    pause_days : int
        How long the hole before the first day is; 0 where the series begins with the first order.
    """

    first_day: int
    pause_days: int
    values: dict[str, Floats]

    @property
    def days(self) -> int:
        """How many days there are."""
        return len(self.values[METRICS[0]])


def daily_series(histories: Histories, *, gap_days_max: int) -> DailySeries:
    """The daily figures since the last hole: more than `gap_days_max` days without an order.

    Parameters
    ----------
    histories : Histories
    gap_days_max : int
        A longer pause of the whole shop is missing deliveries rather than a season; what lies
        before it teaches nothing about the days ahead.

    Returns
    -------
    DailySeries
        Of no days if the hole lasts until today.
    """
    day = histories.day
    purchase_days = np.append(np.unique(day), histories.today)
    pauses = np.diff(purchase_days) - 1
    after = np.flatnonzero(pauses > gap_days_max)
    first_day = int(purchase_days[after[-1] + 1] if len(after) else purchase_days[0])
    length = histories.today - first_day

    def per_day(on: np.ndarray, weights: np.ndarray | None) -> Floats:
        since = on >= first_day
        chosen = None if weights is None else weights[since]
        return np.bincount(on[since] - first_day, chosen, length).astype(np.float64)[:length]

    return DailySeries(
        first_day=first_day,
        pause_days=int(pauses[after[-1]]) if len(after) else 0,
        values={
            "orders": per_day(day, histories.orders_count),
            "active_customers": per_day(day, None),
            "revenue_cents": per_day(histories.money_day, histories.money_cents),
        },
    )
