"""How long customers take to order again, and how long until they lapse: Kaplan–Meier curves.

Customers who have not done it yet are censored at the day, not counted as never. The share "with
one order so far", on the other hand, is no rate of anything: it falls only as the shop grows older.
"""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from retention_ml.profiles.curves.cohorts import is_left_truncated
from retention_ml.profiles.curves.kaplan_meier import SurvivalCurve, kaplan_meier
from retention_ml.profiles.histories import Histories
from retention_ml.statistics.arrays import Bools, Ints

ORDERS = {"second_order": 2, "third_order": 3, "fourth_order": 4}
LAPSE = "lapse"
AT_RISK_MIN = 10
"""A step with fewer customers at risk is not shown: one of them would move it by a tenth."""
SCHEMA = pa.schema(
    [
        ("curve", pa.string()),
        ("population", pa.string()),
        ("day", pa.int32()),
        ("at_risk_count", pa.int64()),
        ("events_count", pa.int64()),
        ("survival_share", pa.float64()),
        ("survival_lower", pa.float64()),
        ("survival_upper", pa.float64()),
        ("median_days", pa.float64()),
    ]
)


def survival_curves(histories: Histories, *, lapsed_days: int) -> pa.Table:
    """A row per curve, population and day on which something happened.

    Curves are the days from one purchase day to the next (`second_order`, …) and from the first
    purchase day to the first time that a customer lapsed (`lapse`). Populations are `all` and
    `observed_from_first`, without those who may have ordered before the data begins.

    Returns
    -------
    pa.Table
        As `SCHEMA`; day 0 is the beginning, with everybody at risk.
    """
    truncated = is_left_truncated(histories, lapsed_days)
    populations = {"all": np.ones(len(truncated), dtype=bool), "observed_from_first": ~truncated}
    parts = []
    for name, buyers, durations, is_event in _durations(histories, lapsed_days):
        for population, chosen in populations.items():
            of = chosen[buyers]
            if of.any():
                curve = kaplan_meier(durations[of], is_event[of])
                parts.append(_rows(name, population, curve, int(of.sum())))
    return pa.concat_tables(parts) if parts else SCHEMA.empty_table()


def _durations(histories: Histories, lapsed_days: int) -> Iterator[tuple[str, Ints, Ints, Bools]]:
    """By curve: places in `buyers`, days, and whether it ended with the event."""
    for name, number in ORDERS.items():
        begins = np.flatnonzero(histories.number == number - 1)
        following = np.minimum(begins + 1, max(len(histories.day) - 1, 0))
        is_event = (begins < len(histories.day) - 1) & ~histories.is_first[following]
        # The day itself has not been observed: the day before it is the last that was.
        until = np.where(is_event, histories.day[following], histories.today - 1)
        yield name, histories.buyer[begins], until - histories.day[begins], is_event
    lapses = _first_lapse(histories, lapsed_days)
    has_lapsed = lapses <= histories.today
    until = np.where(has_lapsed, lapses, histories.today)
    yield LAPSE, np.arange(len(histories.buyers)), until - histories.first, has_lapsed


def _first_lapse(histories: Histories, lapsed_days: int) -> Ints:
    """The first day on which each buyer has lapsed, maybe after today, shape (b,)."""
    ends_long = np.append(histories.pause[1:] > lapsed_days, False)[: len(histories.day)]
    is_end = ends_long.copy()
    is_end[histories.last_place] = True
    ends = np.flatnonzero(is_end)
    first = ends[np.searchsorted(histories.buyer[ends], np.arange(len(histories.buyers)))]
    return histories.day[first] + lapsed_days + 1


def _rows(name: str, population: str, curve: SurvivalCurve, count: int) -> pa.Table:
    shown = ((curve.events > 0) & (curve.at_risk >= AT_RISK_MIN)) & (curve.time > 0)
    survival, lower, upper = (
        np.append(first, values[shown])
        for first, values in ((1.0, curve.survival), (np.nan, curve.lower), (np.nan, curve.upper))
    )
    n = len(survival)
    return pa.table(
        [
            pa.array([name] * n),
            pa.array([population] * n),
            pa.array(np.append(0, curve.time[shown]).astype(np.int32)),
            pa.array(np.append(count, curve.at_risk[shown])),
            pa.array(np.append(0, curve.events[shown])),
            pa.array(survival),
            _or_null(lower),
            _or_null(upper),
            _or_null(np.full(n, curve.median())),
        ],
        schema=SCHEMA,
    )


def _or_null(values: np.ndarray) -> pa.Array:
    return pa.array(values, mask=np.isnan(values))
