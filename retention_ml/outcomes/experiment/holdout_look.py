"""Looks at the long-run holdout: what contacting customers brought, one look per closed window."""

import math
from collections.abc import Mapping
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from retention_ml import clock
from retention_ml.abnormal.excluded import excluded_customers, is_excluded, without
from retention_ml.actions.catalogue.cost import COST_TERMS, cost_beside_revenue
from retention_ml.actions.holdout.membership import in_holdout
from retention_ml.actions.holdout.periods import Period
from retention_ml.labels.behaviour import Behaviour, Events
from retention_ml.labels.definition import churn_definition
from retention_ml.labels.maturity import matured_until
from retention_ml.settings import Settings
from retention_ml.statistics.arrays import Floats, Ints
from retention_ml.statistics.redeal import DRAWS, HoldoutLook, holdout_looks, other_draws
from retention_ml.warehouse import Warehouse

MARGIN, ORDERS = "margin", "orders"
_WINDOWS_WITHOUT_END = 13  # of 28 days: a year
_WINDOWS_BEFORE = 4
_HOLDOUT_MIN = 2


def look_at_holdout(
    warehouse: Warehouse, *, settings: Settings, as_of: date
) -> list[dict[str, Any]]:
    """Write the looks at the holdout as known on a day, all closed windows of its period.

    Also of a period that ended lately: its last window settles when the next one has begun.
    """
    churn = settings.churn
    settled = timedelta(days=churn.lead_days + churn.horizon_days + churn.settle_days)
    rows = [
        row
        for period, looked_at in _periods(warehouse, as_of, as_of - settled)
        for row in _look_at(warehouse, settings, period, looked_at, as_of)
    ]
    _write(warehouse, rows, settings.run_id)
    return rows


def _look_at(
    warehouse: Warehouse, settings: Settings, period: Period, looked_at: int, as_of: date
) -> list[dict[str, Any]]:
    """Rows of a period.

    Windows follow each other from the beginning of the period. Who was active at its beginning
    counts from then on, who was at the beginning of a later window from that; not while they are
    excluded as abnormal. Who is found out after having joined stays: whom a contact made order is
    found out more easily, and leaving them out would be no lot any more. `looked_at` is over
    how many windows the error rate is being spent: a period cut short spends it no faster.
    """
    length = settings.churn.horizon_days
    whole = _whole_windows(period, length)
    until = matured_until(warehouse, settings=settings, as_of=as_of)
    begins = [
        day
        for number in range(whole)
        for day in [period.began_on + timedelta(days=number * length)]
        if until is not None and day <= until
    ]
    if not begins:
        return []
    planned = max(whole, looked_at)
    ids, joined, abnormal_count = _customers(warehouse, begins)
    names = ids.to_pylist()
    is_holdout = in_holdout(names, period.salt, period.share)
    if not _HOLDOUT_MIN <= is_holdout.sum() <= len(is_holdout) - _HOLDOUT_MIN:
        return []
    values, before = _values(warehouse, settings, ids, begins, as_of)
    rows = []
    for metric in (MARGIN, ORDERS):
        looks = holdout_looks(
            values[metric] * (joined[:, None] <= np.arange(len(begins))),
            is_holdout,
            other_draws(names, period.salt, period.share),
            error_rate=settings.experiments.error_rate,
            windows_planned=planned,
            covariates=before[metric],
            joined=joined,
        )
        rows += [
            _row(
                period,
                metric,
                one,
                begins[k] + timedelta(days=length),
                as_of,
                planned,
                looks[: k + 1],
            )
            | {"abnormal_count": abnormal_count}
            for k, one in enumerate(looks)
        ]
    return rows


def _periods(warehouse: Warehouse, as_of: date, ended_from: date) -> list[tuple[Period, int]]:
    """Periods begun before a day and not ended before another; windows planned by their looks."""
    with warehouse.transaction() as transaction:
        rows = transaction.execute(
            "SELECT holdout_id, salt, share, began_on, ends_on, coalesce((SELECT "
            "max(windows_planned) FROM experiments.holdout_looks AS look WHERE look.holdout_id = "
            "holdout.holdout_id), 0) AS looked_at FROM actions.holdouts AS holdout "
            "WHERE began_on < :as_of AND (ends_on IS NULL OR ends_on >= :ended_from) "
            "ORDER BY began_on",
            as_of=as_of,
            ended_from=ended_from,
        )
    return [
        (
            Period(**{name: value for name, value in row._mapping.items() if name != "looked_at"}),
            int(row.looked_at),
        )
        for row in rows
    ]


def _whole_windows(period: Period, days: int) -> int:
    if period.ends_on is None:
        return _WINDOWS_WITHOUT_END
    return (period.ends_on - period.began_on).days // days


def _customers(warehouse: Warehouse, begins: list[date]) -> tuple[pa.Array, Ints, int]:
    """Customers in the order of their numbers, the window in which each one was first there and not
    excluded as abnormal, and how many never were.
    """
    active, windows = [], []
    abnormal: set[str] = set()
    for number, day in enumerate(begins):
        there = warehouse.read(
            f"SELECT customer_id FROM features.customer_daily WHERE as_of = DATE '{day.isoformat()}'"
        )
        excluded = excluded_customers(warehouse, day)
        joining = without(there, excluded)["customer_id"]
        mask = is_excluded(there["customer_id"], excluded)
        abnormal |= set(there["customer_id"].filter(pa.array(mask)).to_pylist())
        active += joining.chunks
        windows.append(np.full(len(joining), number, dtype=np.int64))
    customers = pa.chunked_array(active, pa.string())
    table = pa.table({"customer_id": customers, "window": np.concatenate(windows)})
    first = table.group_by("customer_id", use_threads=False).aggregate([("window", "min")])
    first = first.sort_by("customer_id")
    ids = first["customer_id"].combine_chunks()
    return ids, first["window_min"].to_numpy(), len(abnormal - set(ids.to_pylist()))


def _values(
    warehouse: Warehouse, settings: Settings, ids: pa.Array, begins: list[date], as_of: date
) -> tuple[dict[str, Floats], dict[str, Floats]]:
    """By metric, what each customer brought in each window, and in those before the first."""
    definition = churn_definition(settings)
    length = timedelta(days=settings.churn.horizon_days)
    past = begins[0] - _WINDOWS_BEFORE * length
    edges = [clock.midnight(day, definition.timezone) for day in [*begins, begins[-1] + length]]
    first = clock.midnight(past, definition.timezone)
    behaviour = Behaviour(
        warehouse=warehouse,
        customer_ids=ids,
        opens_at=first,
        closes_at=edges[-1],
        known_at=clock.midnight(as_of, definition.timezone),
    )
    customer = np.arange(len(ids), dtype=np.int64)
    seconds = [int(edge.timestamp()) for edge in edges]

    def inside(events: Events, opens: int, closes: int) -> Floats:
        shape = np.ones(len(ids), dtype=np.int64)
        return events.amounts(customer, opens * shape, closes * shape)

    unit = settings.value.margin_share / settings.calendar.minor_units
    metrics = {MARGIN: (behaviour.cents, unit), ORDERS: (behaviour.purchases, 1.0)}
    values = {
        name: scale * np.column_stack([inside(events, *pair) for pair in pairwise(seconds)])
        for name, (events, scale) in metrics.items()
    }
    costs = _costs(warehouse, settings, ids, begins)
    values[MARGIN] -= costs / settings.calendar.minor_units
    before = {
        name: scale * inside(events, int(first.timestamp()), seconds[0])[:, None]
        for name, (events, scale) in metrics.items()
    }
    return values, before


def _costs(warehouse: Warehouse, settings: Settings, ids: pa.Array, begins: list[date]) -> Floats:
    """Cents spent on contacts of released days, by customer and window."""
    length = timedelta(days=settings.churn.horizon_days)
    rows = warehouse.read(
        "SELECT assignment.customer_id, assignment.as_of, "
        f"{cost_beside_revenue(settings)} AS cost_cents "
        "FROM actions.assignments AS assignment JOIN actions.days AS day "
        f"ON day.as_of = assignment.as_of {COST_TERMS} "
        "WHERE day.status = 'released' AND assignment.cost_cents > 0 "
        f"AND assignment.as_of >= DATE '{begins[0].isoformat()}' "
        f"AND assignment.as_of < DATE '{(begins[-1] + length).isoformat()}'"
    )
    costs = np.zeros((len(ids), len(begins)))
    place = pc.index_in(rows["customer_id"], value_set=ids)
    mask = pc.is_valid(place).to_numpy()
    ordinals = np.array([day.toordinal() for day in rows["as_of"].to_pylist()], dtype=np.int64)
    window = (ordinals - begins[0].toordinal()) // length.days
    np.add.at(
        costs,
        (place.to_numpy()[mask].astype(np.int64), window[mask]),
        rows["cost_cents"].to_numpy()[mask],
    )
    return costs


def _row(
    period: Period,
    metric: str,
    one: HoldoutLook,
    closed_on: date,
    as_of: date,
    planned: int,
    so_far: list[HoldoutLook],
) -> dict[str, Any]:
    crossed = next((each for each in so_far if each.is_beyond), None)
    verdict = "open" if crossed is None else "better" if crossed.effect > 0 else "worse"
    return {
        "holdout_id": period.holdout_id,
        "window_number": one.window,
        "metric": metric,
        "closed_on": closed_on,
        "known_as_of": as_of,
        "customers_count": one.customers_count,
        "holdout_count": one.holdout_count,
        "holdout_mean": one.holdout_mean,
        "effect": one.effect,
        "standard_error": one.standard_error,
        "lower": one.lower if math.isfinite(one.lower) else None,
        "upper": one.upper if math.isfinite(one.upper) else None,
        "draws_count": DRAWS,
        "windows_planned": planned,
        "verdict": verdict,
    }


def _write(warehouse: Warehouse, rows: list[dict[str, Any]], run_id: str) -> None:
    """Write looks, in place of those made with less knowledge."""
    keys = ("holdout_id", "window_number", "metric")
    with warehouse.transaction() as transaction:
        for row in rows:
            stamped: Mapping[str, Any] = {**row, "run_id": run_id, "looked_at": clock.now()}
            updates = ", ".join(f"{name} = excluded.{name}" for name in stamped if name not in keys)
            transaction.insert_row(
                "experiments.holdout_looks",
                stamped,
                on_conflict=f"({', '.join(keys)}) DO UPDATE SET {updates} "
                "WHERE holdout_looks.known_as_of <= excluded.known_as_of",
            )
