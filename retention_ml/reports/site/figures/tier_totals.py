"""Customers and value per tier of published days.

A published snapshot never changes, so what was summed once is remembered: of many days only the
newest is summed anew. Otherwise a month of a large shop would take seconds on every look.
"""

from collections import OrderedDict
from collections.abc import Sequence
from threading import Lock

from retention_ml.reports.site.days import PublishedDay
from retention_ml.reports.site.reading import Row, Select

_REMEMBERED_MAX = 1_000
_remembered: OrderedDict[tuple[str, int], list[Row]] = OrderedDict()
_turn = Lock()


def tier_totals(select: Select, warehouse_name: str, days: Sequence[PublishedDay]) -> list[Row]:
    """`as_of`, `risk_tier`, `customers_count`, `value`, `mean_probability`; also of empty tiers.

    Parameters
    ----------
    warehouse_name : str
        What tells this warehouse from others that this process reads.
    days : sequence of PublishedDay
        In order of time; so are the rows.
    """
    with _turn:
        totals = {
            day.snapshot_id: _remembered[warehouse_name, day.snapshot_id]
            for day in days
            if (warehouse_name, day.snapshot_id) in _remembered
        }
    missing = [day for day in days if day.snapshot_id not in totals]
    fresh = _summed(select, missing) if missing else {}
    with _turn:
        for snapshot_id, rows in fresh.items():
            _remembered[warehouse_name, snapshot_id] = rows
        while len(_remembered) > _REMEMBERED_MAX:
            _remembered.popitem(last=False)
    totals |= fresh
    return [row for day in days for row in totals[day.snapshot_id]]


def _summed(select: Select, days: Sequence[PublishedDay]) -> dict[int, list[Row]]:
    totals: dict[int, list[Row]] = {day.snapshot_id: [] for day in days}
    for row in select(
        "SELECT as_of, risk_tier, customers_count, expected_value_at_risk AS value, "
        "mean_churn_probability AS mean_probability, snapshot_id FROM reports.risk_tier_daily "
        "WHERE snapshot_id = ANY(:snapshots) ORDER BY tier_rank",
        snapshots=list(totals),
    ):
        totals[row.pop("snapshot_id")].append(row)
    return totals
