"""Orders, active customers and revenue of the days ahead as rows, or why there are none yet."""

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pyarrow as pa

from retention_ml.clock import day_of
from retention_ml.profiles.forecast.expected import expected, uses_year_before
from retention_ml.profiles.forecast.intervals import Forecast, days_needed, forecast
from retention_ml.profiles.forecast.series import CUSTOMERS, REVENUE, DailySeries, daily_series
from retention_ml.profiles.histories import Histories

NO_ACTIVITY = "There is no forecast of activity"
NO_REVENUE = "There is no forecast of revenue"
"""Caveats begin so: before publication, what is missing is looked up in them."""

SCHEMA = pa.schema(
    [
        ("metric", pa.string()),
        ("days_ahead", pa.int32()),
        ("forecast_on", pa.date32()),
        ("expected", pa.float64()),
        ("lower", pa.float64()),
        ("upper", pa.float64()),
        ("uses_year_before", pa.bool_()),
        ("past_forecasts_count", pa.int64()),
        ("past_error_share", pa.float64()),
    ]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """Rows as `SCHEMA`, and what is missing in words."""

    rows: pa.Table
    caveat: str | None


def activity_ahead(
    histories: Histories,
    *,
    days_ahead: int,
    coverage: float,
    gap_days_max: int,
) -> Activity:
    """A row per metric and day ahead, and one for all days together (`days_ahead` 0).

    Active customers have no row for all days together: days do not add up to customers. Revenue
    has no rows where refunds leave nothing of it, over the whole history or in the total ahead:
    shares of nothing are no figures.
    """
    series = daily_series(histories, gap_days_max=gap_days_max)
    needed = days_needed(days_ahead)
    if series.days < needed:
        missing = _too_young(histories, series, needed, gap_days_max)
        return Activity(rows=SCHEMA.empty_table(), caveat=missing)
    rows, caveat = [], None
    for metric, values in series.values.items():
        if metric == REVENUE and min(values.mean(), expected(values, days_ahead).sum()) <= 0:
            caveat = (
                f"{NO_REVENUE}: refunds leave nothing of it, either since "
                f"{day_of(series.first_day)} or in what is expected of the {days_ahead} days ahead."
            )
            continue
        rows.append(
            _rows(histories, metric, series, forecast(values, days_ahead, coverage=coverage))
        )
    return Activity(rows=pa.concat_tables(rows), caveat=caveat)


def _too_young(histories: Histories, series: DailySeries, needed: int, gap_days_max: int) -> str:
    pause = (
        f" A pause of {series.pause_days:,} days without an order was taken for missing "
        f"deliveries, as every one of more than {gap_days_max} days is: if the shop just had no "
        "orders, raise readiness.gap_days_max."
        if series.pause_days
        else ""
    )
    if series.days == 0:
        return (
            f"{NO_ACTIVITY}: no order is known of the days before "
            f"{histories.as_of}. Deliver what is missing, and make the profiles again.{pause}"
        )
    return (
        f"{NO_ACTIVITY} yet: it needs {needed} days of orders without a hole, "
        f"and they are known from {day_of(series.first_day)} on. It begins on "
        f"{day_of(series.first_day) + timedelta(days=needed)}.{pause}"
    )


def _rows(histories: Histories, metric: str, series: DailySeries, ahead: Forecast) -> pa.Table:
    count = len(ahead.expected)
    columns = [ahead.expected, ahead.lower, ahead.upper]
    number = np.arange(1, count + 1)
    on = pa.array((histories.today + number - 1).astype(np.int32)).cast(pa.date32())
    if metric != CUSTOMERS:
        totals = (ahead.total, ahead.total_lower, ahead.total_upper)
        columns = [np.append(total, days) for total, days in zip(totals, columns, strict=True)]
        number = np.append(0, number)
        on = pa.concat_arrays([pa.array([None], pa.date32()), on])
    n = len(number)
    return pa.table(
        [
            pa.array([metric] * n),
            pa.array(number.astype(np.int32)),
            on,
            *map(pa.array, columns),
            pa.array([uses_year_before(series.values[metric], count)] * n),
            pa.array([ahead.past_forecasts] * n, pa.int64()),
            pa.array([ahead.total_error_share] * n),
        ],
        schema=SCHEMA,
    )
