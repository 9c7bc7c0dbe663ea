"""What a training or a backtest learns from: past days, features and outcomes, as known on a day."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial

import ibis
import numpy as np
import pyarrow as pa

from retention_ml.errors import NotReady
from retention_ml.features.inputs import stored
from retention_ml.features.local_time import day_number
from retention_ml.features.store import read, rows_of
from retention_ml.labels.cutoffs import learning_days
from retention_ml.labels.definition import churn_definition
from retention_ml.labels.maturity import feed, known_until, labels_of, newest_known
from retention_ml.labels.sampling import sampled
from retention_ml.models.training.purchase_histories import read_histories
from retention_ml.models.training.sample import Rows
from retention_ml.models.training.season import Volumes
from retention_ml.models.training.training_set import TrainingSet, assemble
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """Everything a model of one day may learn from.

    Parameters
    ----------
    as_of : date
        Nothing that was not known at its start is in `rows`.
    rows : Rows
        Customers on past days.
    digest : str
        SHA-256 of all of it.
    """

    as_of: date
    rows: Rows
    digest: str


def days_of(warehouse: Warehouse, *, settings: Settings, as_of: date) -> tuple[date, ...]:
    """The past days that a model of `as_of` learns from, oldest first.

    Raises
    ------
    NotReady
        The history known then is too short for a single one.
    """
    definition = churn_definition(settings)
    covered = feed(warehouse, timezone=definition.timezone, known_as_of=as_of)
    days = (
        learning_days(
            definition,
            newest=newest_known(covered, settings, as_of),
            data_begins_on=covered.begins_on,
            cutoff_count=settings.training.cutoff_count,
            cutoff_every_days=settings.training.cutoff_every_days,
        )
        if covered
        else ()
    )
    if not days:
        known = f"orders begin on {covered.begins_on}" if covered else "there are no orders"
        raise NotReady(
            f"Nothing can be learnt for {as_of}: {known}, and a day to learn from needs "
            f"{definition.history_days} days of them before it and its outcome of "
            f"{definition.lead_days} + {definition.horizon_days} days after it. Choose a later "
            "day, import older orders with `retention ingest --history`, or shorten the horizon."
        )
    return days


def material(warehouse: Warehouse, *, settings: Settings, as_of: date) -> Material:
    """What a model of `as_of` learns from.

    The features of `days_of`, and of `as_of` itself, must have been built.

    Raises
    ------
    NotReady
        The history is too short, or features have not been built.
    """
    days = days_of(warehouse, settings=settings, as_of=as_of)
    found = gather(warehouse, settings=settings, as_of=as_of, days=days, whole_days=[as_of])
    return Material(as_of=as_of, rows=found.rows(days, current=as_of), digest=found.digest)


def gather(
    warehouse: Warehouse,
    *,
    settings: Settings,
    as_of: date,
    days: Sequence[date],
    whole_days: Sequence[date],
    judged_from: date | None = None,
) -> TrainingSet:
    """Features of some days and what followed, as known at the start of `as_of`.

    Parameters
    ----------
    days : sequence of date
        Days to learn from; where they have more than `training.rows_max` rows, a sample of the
        customers is drawn in the database.
    whole_days : sequence of date
        Days of which every customer is needed.
    judged_from : date, optional
        A day as known on which rows will be learnt from too, besides `as_of`.
    """

    definition = churn_definition(settings)
    covered = feed(warehouse, timezone=definition.timezone, known_as_of=as_of)
    if covered is None:
        raise NotReady(f"There are no orders known on {as_of}. Ingest a source with orders first.")
    until = known_until(covered, as_of=as_of, settle_days=settings.churn.settle_days)
    newest = {
        max((day for day in days if definition.window(day)[1] <= last), default=None)
        for last in (until, judged_from or until)
    }
    populations = _populations(warehouse, sorted({*days, *whole_days}))
    some = sorted(set(days) - set(whole_days))
    share = settings.training.rows_max / max(1, sum(populations[day] for day in days))
    parts = [(some, share), (sorted(set(whole_days)), 1.0)]
    features, labels = [], []
    for part, part_share in parts:
        if part:
            features.append(read(warehouse, part, partial(sampled, share=part_share)))
            labels.append(
                labels_of(
                    warehouse, settings=settings, days=part, known_as_of=as_of, share=part_share
                )
            )
    return assemble(
        pa.concat_tables(features),
        pa.concat_tables(labels),
        definition=definition,
        known_until=until,
        histories={
            day: read_histories(warehouse, as_of_day=day_number(day))
            for day in sorted(day for day in newest if day)
        },
        populations=populations,
        learnt_share=share,
        volumes=_volumes(warehouse, day_number(as_of)),
    )


def _populations(warehouse: Warehouse, days: Sequence[date]) -> dict[date, int]:
    """Active customers by day."""

    rows = rows_of(days)
    counted = warehouse.read(rows.group_by("as_of").aggregate(customers_count=rows.count()))
    found = dict(
        zip(counted["as_of"].to_pylist(), counted["customers_count"].to_pylist(), strict=True)
    )
    return {day: int(found.get(day, 0)) for day in days}


def _volumes(warehouse: Warehouse, as_of_day: int) -> Volumes:
    """Orders of known customers by day, as known at the start of a day."""

    rows = stored([as_of_day]).customer_day
    known = rows.filter(rows.event_day < as_of_day, rows.known_from_day <= as_of_day)
    netted = known.group_by("customer_id", "event_day").aggregate(orders=known.orders_count.sum())
    bought = netted.filter(netted.orders > 0)
    first_day = bought.event_day.min().over(group_by="customer_id")
    told = bought.mutate(first_day=first_day)
    by_day = told.group_by("event_day").aggregate(
        orders=told.orders.sum().cast("int64"),
        repeats=ibis.ifelse(told.event_day > told.first_day, told.orders, 0).sum().cast("int64"),
    )
    found = warehouse.read(by_day).sort_by("event_day")
    return Volumes(
        days=found["event_day"].to_numpy().astype(np.int64),
        orders=found["orders"].to_numpy().astype(np.float64),
        repeats=found["repeats"].to_numpy().astype(np.float64),
    )
