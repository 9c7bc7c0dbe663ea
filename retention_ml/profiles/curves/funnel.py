"""The funnel by week: acquired, activated, retained, and what they brought."""

import numpy as np
import pyarrow as pa

from retention_ml.profiles.histories import Histories

_MONDAY = 4  # 1970-01-01 was a Thursday: day 4 is the first Monday
_PERIODS = 3
"""Periods after the end of a week in which everything that counts for it has happened."""


def funnel(histories: Histories, *, period_days: int) -> pa.Table:
    """One row per week in which customers were acquired, from the first week with an order on.

    With a period of `period_days`: acquired is who was registered or seen first in the week,
    activated who ordered within a period of that, retained who then ordered again in the second
    period after the first order. Each step has the same time in every week, so that weeks can be
    compared; a week whose time is not over is marked.

    Returns
    -------
    pa.Table
        `week_on` (Monday), `acquired_count`, `activated_count`, `retained_count`,
        `revenue_cents` (of the acquired, within three periods) and `is_incomplete`.
    """
    acquired = histories.acquired_day
    week = (acquired - _MONDAY) // 7
    begins = (histories.first.min(initial=histories.today) - _MONDAY) // 7
    weeks, place = np.unique(week, return_inverse=True)
    is_activated = np.zeros(len(acquired), dtype=bool)
    is_activated[histories.buyers] = histories.first < acquired[histories.buyers] + period_days
    since_first = histories.day - histories.first[histories.buyer]
    returns = (since_first >= period_days) & (since_first < 2 * period_days)
    is_retained = np.zeros(len(acquired), dtype=bool)
    is_retained[histories.customer[returns]] = True
    in_time = histories.money_day < acquired[histories.money_customer] + _PERIODS * period_days
    revenue = np.zeros(len(weeks), dtype=np.int64)
    np.add.at(revenue, place[histories.money_customer[in_time]], histories.money_cents[in_time])
    ends = (weeks + 1) * 7 + _MONDAY + _PERIODS * period_days
    counts = {
        "acquired_count": np.ones(len(acquired), dtype=bool),
        "activated_count": is_activated,
        "retained_count": is_activated & is_retained,
    }
    rows = weeks >= begins
    monday = (weeks[rows] * 7 + _MONDAY).astype("datetime64[D]")
    return pa.table(
        {
            "week_on": pa.array(monday, pa.date32()),
            **{
                name: pa.array(
                    np.bincount(place, weights=values, minlength=len(weeks)).astype(np.int64)[rows]
                )
                for name, values in counts.items()
            },
            "revenue_cents": pa.array(revenue[rows]),
            "is_incomplete": pa.array(ends[rows] > histories.today),
        }
    )
