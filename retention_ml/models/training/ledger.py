"""The modelling ledgers in Postgres: trainings, fits, evaluations, predictions."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

import ibis
import pyarrow as pa

from retention_ml import clock
from retention_ml.errors import UsageError
from retention_ml.labels.cutoffs import Plan
from retention_ml.models.training.data.training_set import TrainingSet
from retention_ml.statistics.bootstrap import Interval
from retention_ml.statistics.metrics import Predictions
from retention_ml.warehouse import Transaction, Warehouse

_PREDICTIONS = ibis.table(
    {
        "training_id": "string",
        "model_name": "string",
        "as_of": "date",
        "customer_id": "string",
        "churn_probability": "float64",
    },
    name="evaluation_predictions",
    database="models",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """One row of `models.trainings`."""

    training_id: str
    as_of: date
    definition_hash: str
    plan: Plan
    data_digest: str
    status: str
    selected_model: str | None
    verdict: str | None
    reason: str | None
    model_version: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """One row of `models.fits`."""

    model_name: str
    params: Mapping[str, Any]
    notes: Mapping[str, Any]
    bundle_sha256: str
    mlflow_run_id: str
    seconds: float


def write_training(
    warehouse: Warehouse,
    *,
    training_id: str,
    as_of: date,
    definition_hash: str,
    plan: Plan,
    data_digest: str,
    readiness: Mapping[str, Any],
    contacts: Mapping[str, Any] | None,
    failure: str | None,
    run_id: str,
) -> None:
    """Write a training that was prepared, or failed for a reason; a prepared one stays as it is."""
    with warehouse.transaction() as transaction:
        transaction.insert_row(
            "models.trainings AS training",
            {
                "training_id": training_id,
                "as_of": as_of,
                "definition_hash": definition_hash,
                "cutoffs": list(plan.training),
                "evaluation_days": list(plan.evaluation),
                "final_days": list(plan.final),
                "data_digest": data_digest,
                "status": "failed" if failure else "prepared",
                "reason": failure,
                "readiness": readiness,
                "contacts": contacts,
                "run_id": run_id,
                "created_at": clock.now(),
            },
            on_conflict="(training_id) DO UPDATE SET status = excluded.status, "
            "reason = excluded.reason, readiness = excluded.readiness, run_id = excluded.run_id "
            "WHERE training.status = 'failed'",
        )


def training(warehouse: Warehouse, training_id: str) -> Training:
    """The training of that id.

    Raises
    ------
    UsageError
        There is none, or it is not ready.
    """
    with warehouse.transaction() as transaction:
        rows = transaction.execute(
            "SELECT training_id, as_of, definition_hash, cutoffs, evaluation_days, final_days, "
            "data_digest, status, selected_model, verdict, reason, model_version "
            "FROM models.trainings WHERE training_id = :training_id",
            training_id=training_id,
        )
    if not rows:
        raise UsageError(
            f"There is no training {training_id!r}. Run `retention train --as-of DAY`, or prepare "
            "it first; models.trainings lists all."
        )
    row = rows[0]
    if row.status == "failed":
        raise UsageError(
            f"Training {training_id} was refused because the data is not ready: {row.reason} "
            "Fix the data and run `retention train` again."
        )
    columns = dict(row._mapping)
    days = (tuple(columns.pop(name)) for name in ("cutoffs", "evaluation_days", "final_days"))
    training, evaluation, final = days
    return Training(**columns, plan=Plan(training=training, evaluation=evaluation, final=final))


def fits(warehouse: Warehouse, training_id: str) -> dict[str, Fit]:
    """The candidates fitted so far, by name."""
    with warehouse.transaction() as transaction:
        rows = transaction.execute(
            "SELECT model_name, params, notes, bundle_sha256, mlflow_run_id, seconds "
            "FROM models.fits WHERE training_id = :training_id ORDER BY model_name",
            training_id=training_id,
        )
    return {row.model_name: Fit(**dict(row._mapping)) for row in rows}


def write_fit(
    warehouse: Warehouse,
    *,
    training_id: str,
    fit: Fit,
    metrics: Mapping[str, Interval],
    keys: pa.Table,
    probability: pa.Array,
    customers_count: int,
) -> None:
    """Write a candidate's fit, predictions and metrics in one transaction; once.

    `keys` holds `as_of` and `customer_id` of each prediction; the metrics are those of
    `customers_count` of them.
    """
    count = keys.num_rows
    with warehouse.transaction() as transaction:
        is_new = transaction.insert_row(
            "models.fits",
            {"training_id": training_id, **asdict(fit), "fitted_at": clock.now()},
            on_conflict="DO NOTHING",
            returning="training_id",
        )
        if not is_new:
            return
        transaction.copy(
            "models.evaluation_predictions",
            pa.table(
                {
                    "training_id": pa.array([training_id] * count, pa.string()),
                    "model_name": pa.array([fit.model_name] * count, pa.string()),
                    "as_of": keys["as_of"].cast(pa.date32()),
                    "customer_id": keys["customer_id"].cast(pa.string()),
                    "churn_probability": probability,
                }
            ),
        )
        write_evaluations(transaction, training_id, fit, metrics, customers_count)


def predictions(
    warehouse: Warehouse,
    training: Training,
    names: Iterable[str],
    training_set: TrainingSet,
) -> Predictions:
    """What every candidate predicted for the evaluation days, beside the outcomes.

    Raises
    ------
    UsageError
        A candidate has not predicted each of those customers.
    """
    days = training.plan.evaluation
    customers = training_set.customers.take(pa.array(training_set.positions(days)))
    models = {}
    for name in names:
        stored = _PREDICTIONS.filter(
            _PREDICTIONS.training_id == training.training_id, _PREDICTIONS.model_name == name
        )
        rows = warehouse.read(stored.select("as_of", "customer_id", "churn_probability")).sort_by(
            [("as_of", "ascending"), ("customer_id", "ascending")]
        )
        if not rows["customer_id"].combine_chunks().cast(pa.string()).equals(customers):
            raise UsageError(
                f"Candidate {name} of training {training.training_id} has {rows.num_rows:,} "
                f"predictions, expected {len(customers):,} for the customers of the evaluation "
                "days. Run `retention train` again."
            )
        models[name] = rows["churn_probability"].to_numpy()
    return training_set.predictions(days, models)


def evaluations(warehouse: Warehouse, training_id: str) -> dict[str, dict[str, Interval]]:
    """What was measured of the candidates of a training, by model and metric; NaN where nothing was."""
    with warehouse.transaction() as transaction:
        rows = transaction.execute(
            "SELECT model_name, metric, value, lower, upper FROM models.evaluations "
            "WHERE training_id = :training_id ORDER BY model_name, metric",
            training_id=training_id,
        )
    values: dict[str, dict[str, Interval]] = {}
    for row in rows:
        ends = (row.value, row.lower, row.upper)
        interval = Interval(*(math.nan if each is None else each for each in ends))
        values.setdefault(row.model_name, {})[row.metric] = interval
    return values


def write_evaluations(
    transaction: Transaction,
    training_id: str,
    fit: Fit,
    values: Mapping[str, Interval],
    customers_count: int,
) -> None:
    """Write metrics of a candidate by name, those that are finite.

    A paired difference is named such as roc_auc_minus_recency.
    """
    rows = [
        {
            "training_id": training_id,
            "model_name": fit.model_name,
            "metric": metric,
            **interval._asdict(),
            "customers_count": customers_count,
            "mlflow_run_id": fit.mlflow_run_id,
        }
        for metric, interval in values.items()
        if interval.is_finite
    ]
    transaction.copy("models.evaluations", pa.Table.from_pylist(rows))


def lock_prepared(transaction: Transaction, training_id: str) -> bool:
    """Whether nobody has selected from a training yet; nobody else closes it until the end."""
    rows = transaction.execute(
        "SELECT 1 FROM models.trainings WHERE training_id = :training_id AND status = 'prepared' "
        "FOR UPDATE",
        training_id=training_id,
    )
    return bool(rows)


def close_training(
    transaction: Transaction,
    training_id: str,
    *,
    selected_model: str | None,
    verdict: str,
    reason: str,
    model_version: str | None,
) -> None:
    """Note the result of a training."""
    transaction.execute(
        "UPDATE models.trainings SET status = 'selected', selected_model = :selected_model, "
        "verdict = :verdict, reason = :reason, model_version = :model_version, "
        "finished_at = :now WHERE training_id = :training_id",
        training_id=training_id,
        selected_model=selected_model,
        verdict=verdict,
        reason=reason,
        model_version=model_version,
        now=clock.now(),
    )
