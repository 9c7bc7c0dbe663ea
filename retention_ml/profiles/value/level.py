"""How much all customers together will bring: the season ahead by last year, and how far totals of
past days were off.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from retention_ml.models.training.data.volumes import Volumes
from retention_ml.models.training.season import season_ahead
from retention_ml.profiles.histories import Histories

SETTLE_DAYS = 1
_INTERVAL = 0.8
_COMPARABLE_SHARE = 0.01
_FACTOR_MAX = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PastTotal:
    """What the customers of a past day were expected to bring in the horizon, and brought."""

    day: date
    expected_cents: float
    outcome_cents: float


def level(
    histories: Histories,
    *,
    orders: float,
    horizon_days: int,
    reference_day: int,
    reference_orders: float,
    reference_level: float,
) -> float:
    """By what the process' total is to be multiplied; 1 where last year does not say.

    The process knows no season. Where last year says how the horizon ahead differs from that of
    the reference day, the total is that of the process, at the level that held on the reference
    day, at the season ahead (`season_ahead`, as for churn). Without a year, what the last window
    was off by is as much its own season as a lasting error, and nothing is multiplied. Nor before
    the shop's growth can be told by comparing days with those of a year before: in the first year
    everybody is new, and a shop that wins customers looks like one that only loses them.

    Parameters
    ----------
    orders, reference_orders : float
        Purchase days that the process expects of the day's customers and of those of the
        reference day.
    reference_day : int
        The newest day whose horizon is over.
    reference_level : float
        What its customers brought, over what the process said.
    """
    days, place = np.unique(histories.day, return_inverse=True)
    volumes = Volumes(
        days=days,
        orders=np.bincount(place, histories.orders_count).astype(np.float64),
        repeats=np.bincount(place, histories.orders_count * ~histories.is_first).astype(np.float64),
    )
    if min(orders, reference_orders, reference_level) <= 0:
        return 1.0
    season = season_ahead(
        volumes,
        lead_days=0,
        horizon_days=horizon_days,
        reference_day=reference_day,
        known_until_day=histories.today,
        labelled={},
        explained=float(np.log(orders / reference_orders)),
    )
    if season is None or season.growth is None or season.shifts[0] == 0:
        return 1.0
    return reference_level * float(np.exp(season.shifts[0]))


def is_comparable(expected_cents: float, outcome_cents: float) -> bool:
    """Whether a total was large enough to compare what came with it.

    Below a hundredth of what came the process had next to nothing to go by, as in a shop that was
    free until then: the ratio says nothing about days that have something.
    """
    return expected_cents > 0 and expected_cents >= _COMPARABLE_SHARE * outcome_cents


def interval_of_total(
    total: float, past: Sequence[PastTotal], horizon_days: int
) -> tuple[tuple[float, float] | None, str | None]:
    """The 80 % interval of a total by how far totals of past days were off, or why there is none.

    Errors of single customers say nothing about it: a season moves all of them together. The log
    ratios of what came to what was expected are taken around zero, with as many degrees of freedom
    as windows that do not overlap. Where they reach beyond a factor of ten, which is as good as
    not to know, and where nothing was left of what was expected, no interval is stated.

    >>> past = [PastTotal(day=date(2025, 1, 1), expected_cents=100.0, outcome_cents=110.0)]
    >>> ends, _ = interval_of_total(1_000.0, past, 90)
    >>> [round(end) for end in ends]
    [746, 1341]
    """
    from scipy.stats import t

    if total <= 0:
        return None, "The total has no interval: next to nothing is expected."
    counted = [each for each in past if is_comparable(each.expected_cents, each.outcome_cents)]
    if not counted:
        return None, "The total has no interval: too little was expected on past days to compare."
    reach = np.inf
    if min(each.outcome_cents for each in counted) > 0:
        ratios = np.array([each.outcome_cents / each.expected_cents for each in counted])
        days = [each.day.toordinal() for each in counted]
        windows = 1 + (max(days) - min(days)) // horizon_days
        reach = float(t.ppf(0.5 + _INTERVAL / 2, windows) * np.sqrt((np.log(ratios) ** 2).mean()))
    if reach > np.log(_FACTOR_MAX):
        return None, (
            "The total has no interval: totals of past days were so far off that it would reach "
            f"beyond a factor of {_FACTOR_MAX:.0f}."
        )
    return (total * float(np.exp(-reach)), total * float(np.exp(reach))), None
