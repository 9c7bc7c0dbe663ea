"""Training data of past days: features and outcomes, read as they were known on a day."""

from dataclasses import dataclass
from datetime import date

import pyarrow as pa

from retention_ml.abnormal.excluded import excluded_customers, without
from retention_ml.clock import day_number
from retention_ml.errors import NotReady
from retention_ml.features.samples.store import TABLE as SAMPLES
from retention_ml.features.store import TABLE, rows_of
from retention_ml.labels.cutoffs import learning_days
from retention_ml.labels.definition import churn_definition
from retention_ml.labels.left_alone import own_contacts
from retention_ml.labels.maturity import feed, known_until, labels_of, newest_known
from retention_ml.models.training.data.purchase_histories import read_histories
from retention_ml.models.training.data.sample import TrainingSample
from retention_ml.models.training.data.shares import Shares, decide_shares, read_features
from retention_ml.models.training.data.training_set import TrainingSet, assemble
from retention_ml.models.training.data.volumes import read_volumes
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingData:
    """The training data of a model of one day.

    Parameters
    ----------
    as_of : date
        Nothing that was not known at its start is in `sample`.
    sample : TrainingSample
        Customers on past days.
    digest : str
        SHA-256 of all of it.
    """

    as_of: date
    sample: TrainingSample
    digest: str


def training_days(warehouse: Warehouse, *, settings: Settings, as_of: date) -> tuple[date, ...]:
    """The past days that a model of `as_of` is trained on, oldest first.

    Raises
    ------
    NotReady
        The history known then is too short for a single one.
    """
    definition = churn_definition(settings)
    coverage = feed(warehouse, timezone=definition.timezone, known_as_of=as_of)
    days: tuple[date, ...] = ()
    if coverage:
        days = learning_days(
            definition,
            newest=newest_known(coverage, settings, as_of),
            data_begins_on=coverage.begins_on,
            cutoff_count=settings.training.cutoff_count,
            cutoff_every_days=settings.training.cutoff_every_days,
        )
    if not days:
        history = f"orders begin on {coverage.begins_on}" if coverage else "there are no orders"
        raise NotReady(
            f"No model can be trained for {as_of}: {history}, and a training day needs "
            f"{definition.history_days} days of them before it and its outcome of "
            f"{definition.lead_days} + {definition.horizon_days} days after it. Choose a later "
            "day, import older orders with `retention ingest --history`, or shorten the horizon."
        )
    return days


def load_training_data(warehouse: Warehouse, *, settings: Settings, as_of: date) -> TrainingData:
    """The training data of a model of `as_of`.

    The features of `training_days`, and of `as_of` itself, must have been built.

    Raises
    ------
    NotReady
        The history is too short, or features have not been built.
    """
    days = training_days(warehouse, settings=settings, as_of=as_of)
    shares = decide_shares(
        warehouse, settings=settings, as_of=as_of, training_days=days, evaluation_days=[as_of]
    )
    training_set = load_training_set(warehouse, settings=settings, as_of=as_of, shares=shares)
    sample = training_set.sample(days, current=as_of)
    return TrainingData(as_of=as_of, sample=sample, digest=training_set.digest)


def load_training_set(
    warehouse: Warehouse,
    *,
    settings: Settings,
    as_of: date,
    shares: Shares,
    evaluation_start: date | None = None,
) -> TrainingSet:
    """Features of some days and the next orders after them, as known at the start of `as_of`.

    Parameters
    ----------
    shares : Shares
        The days, and which customers of each are read; built by `shares.build_features`.
    evaluation_start : date, optional
        Candidates are trained as on this day, the best one as on `as_of`.

    Customers who are excluded as abnormal on `as_of` are in none of it, whatever the day: what
    they are was so before it was noticed.
    """
    definition = churn_definition(settings)
    coverage = feed(warehouse, timezone=definition.timezone, known_as_of=as_of)
    if coverage is None:
        raise NotReady(f"There are no orders known on {as_of}. Ingest a source with orders first.")
    until = known_until(coverage, as_of=as_of, settle_days=settings.churn.settle_days)
    newest = {
        max(
            (day for day in shares.training_days if definition.window(day)[1] <= last),
            default=None,
        )
        for last in (until, evaluation_start or until)
    }
    excluded = excluded_customers(warehouse, as_of)
    features = without(read_features(warehouse, shares), excluded)
    labels = without(_outcomes(warehouse, settings, as_of, shares), excluded)
    days = sorted(shares.by_day)
    contacts = warehouse.read(own_contacts(definition, days[0], days[-1], known_as_of=as_of))
    return assemble(
        features,
        labels,
        definition=definition,
        known_until=until,
        histories={
            day: read_histories(
                warehouse,
                as_of_day=day_number(day),
                excluded=excluded,
                share=shares.evaluation,
            )
            for day in sorted(day for day in newest if day)
        },
        populations=_populations(shares, features),
        sample_share=shares.training,
        evaluation_share=shares.evaluation,
        volumes=read_volumes(
            warehouse, as_of_day=day_number(as_of), excluded=excluded, share=shares.evaluation
        ),
        contacts=_in_order(contacts) if contacts.num_rows else None,
    )


def _outcomes(warehouse: Warehouse, settings: Settings, as_of: date, shares: Shares) -> pa.Table:
    """Labels of the customers whose features are read."""
    days_by_share: dict[float, list[date]] = {}
    for day, share in shares.by_day.items():
        days_by_share.setdefault(share, []).append(day)
    return pa.concat_tables(
        labels_of(
            warehouse,
            settings=settings,
            days=days,
            known_as_of=as_of,
            share=share,
            populations=rows_of(days, TABLE if share >= 1 else SAMPLES),
        )
        for share, days in days_by_share.items()
    )


def _populations(shares: Shares, features: pa.Table) -> dict[date, int]:
    """Active customers by day: of whole days as many as there are rows."""
    counts = features.group_by("as_of").aggregate([([], "count_all")])
    rows = dict(zip(*counts.select(["as_of", "count_all"]).to_pydict().values(), strict=True))
    whole = {day: int(rows.get(day, 0)) for day in shares.whole_days}
    return {**shares.populations, **whole}


def _in_order(contacts: pa.Table) -> pa.Table:
    """The same rows in an order that does not depend on the database."""
    return contacts.sort_by([(name, "ascending") for name in contacts.column_names])
