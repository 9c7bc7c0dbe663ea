"""The modelling ledgers in Postgres: trainings, fits, evaluations, predictions."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import ibis
import numpy as np
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
    transaction: Transaction,
    *,
    training_id: str,
    as_of: date,
    definition_hash: str,
    plan: Plan,
    data_digest: str,
    status: str,
    readiness: Mapping[str, Any],
    reason: str | None,
    run_id: str,
) -> None:
    """Write a prepared or failed training; one that was prepared before stays as it is."""
    transaction.execute(
        "INSERT INTO models.trainings AS training (training_id, as_of, definition_hash, cutoffs, "
        "evaluation_days, final_days, data_digest, status, reason, readiness, run_id, created_at) "
        "VALUES (:training_id, :as_of, :hash, :cutoffs, :evaluation, :final, :digest, :status, "
        ":reason, CAST(:readiness AS jsonb), :run_id, :now) "
        "ON CONFLICT (training_id) DO UPDATE SET status = excluded.status, "
        "reason = excluded.reason, readiness = excluded.readiness, run_id = excluded.run_id "
        "WHERE training.status = 'failed'",
        training_id=training_id,
        as_of=as_of,
        hash=definition_hash,
        cutoffs=list(plan.training),
        evaluation=list(plan.evaluation),
        final=list(plan.final),
        digest=data_digest,
        status=status,
        reason=reason,
        readiness=json.dumps(readiness),
        run_id=run_id,
        now=clock.now(),
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
    return Training(
        training_id=row.training_id,
        as_of=row.as_of,
        definition_hash=row.definition_hash,
        plan=Plan(
            training=tuple(row.cutoffs),
            evaluation=tuple(row.evaluation_days),
            final=tuple(row.final_days),
        ),
        data_digest=row.data_digest,
        status=row.status,
        selected_model=row.selected_model,
        verdict=row.verdict,
        reason=row.reason,
        model_version=row.model_version,
    )


def fits(warehouse: Warehouse, training_id: str) -> dict[str, Fit]:
    """The candidates fitted so far, by name."""
    with warehouse.transaction() as transaction:
        rows = transaction.execute(
            "SELECT model_name, params, notes, bundle_sha256, mlflow_run_id, seconds "
            "FROM models.fits WHERE training_id = :training_id ORDER BY model_name",
            training_id=training_id,
        )
    return {
        row.model_name: Fit(
            model_name=row.model_name,
            params=row.params,
            notes=row.notes,
            bundle_sha256=row.bundle_sha256,
            mlflow_run_id=row.mlflow_run_id,
            seconds=row.seconds,
        )
        for row in rows
    }


def write_fit(
    warehouse: Warehouse,
    *,
    training_id: str,
    fit: Fit,
    metrics: Mapping[str, Interval],
    keys: pa.Table,
    probability: pa.Array,
) -> None:
    """Write a candidate's fit, predictions and metrics in one transaction; once.

    `keys` holds `as_of` and `customer_id` of each prediction.
    """
    count = keys.num_rows
    with warehouse.transaction() as transaction:
        written = transaction.change(
            "INSERT INTO models.fits (training_id, model_name, params, notes, bundle_sha256, "
            "mlflow_run_id, seconds, fitted_at) VALUES (:training_id, :model_name, "
            "CAST(:params AS jsonb), CAST(:notes AS jsonb), :sha, :run, :seconds, :now) "
            "ON CONFLICT DO NOTHING",
            training_id=training_id,
            model_name=fit.model_name,
            params=json.dumps(dict(fit.params)),
            notes=json.dumps(dict(fit.notes)),
            sha=fit.bundle_sha256,
            run=fit.mlflow_run_id,
            seconds=fit.seconds,
            now=clock.now(),
        )
        if not written:
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
        write_evaluations(
            transaction,
            training_id,
            {(fit.model_name, metric): interval for metric, interval in metrics.items()},
            count,
            {fit.model_name: fit.mlflow_run_id},
        )


def predictions(
    warehouse: Warehouse,
    training: Training,
    names: Sequence[str],
    training_set: TrainingSet,
) -> Predictions:
    """What every candidate predicted for the evaluation days, beside the outcomes.

    Raises
    ------
    UsageError
        A candidate has not predicted each of those customers.
    """
    positions = training_set.positions(training.plan.evaluation)
    customers = training_set.customers.take(pa.array(positions))
    models = {}
    for name in names:
        stored = _PREDICTIONS.filter(
            _PREDICTIONS.training_id == training.training_id, _PREDICTIONS.model_name == name
        ).select("as_of", "customer_id", "churn_probability")
        rows = warehouse.read(stored).sort_by(
            [("as_of", "ascending"), ("customer_id", "ascending")]
        )
        is_same = rows.num_rows == len(positions) and rows["customer_id"].combine_chunks().cast(
            pa.string()
        ).equals(customers)
        if not is_same:
            raise UsageError(
                f"Candidate {name} of training {training.training_id} has {rows.num_rows:,} "
                f"predictions, expected {len(positions):,} for the customers of the evaluation "
                "days. Run `retention train` again."
            )
        models[name] = rows["churn_probability"].to_numpy()
    return Predictions(
        days=training_set.days[positions].astype(np.int64),
        groups=training_set.groups(positions),
        outcome=training_set.churned(training.plan.evaluation),
        models=models,
    )


def write_evaluations(
    transaction: Transaction,
    training_id: str,
    values: Mapping[tuple[str, str], Interval],
    customers_count: int,
    run_ids: Mapping[str, str],
) -> None:
    """Write metrics by model and name, those that are finite.

    A paired difference is named such as roc_auc_minus_recency.
    """
    values = {
        key: interval
        for key, interval in values.items()
        if np.isfinite([interval.value, interval.lower, interval.upper]).all()
    }
    transaction.copy(
        "models.evaluations",
        pa.table(
            {
                "training_id": pa.array([training_id] * len(values), pa.string()),
                "model_name": pa.array([model for model, _ in values], pa.string()),
                "metric": pa.array([metric for _, metric in values], pa.string()),
                **{
                    column: pa.array(
                        [getattr(interval, column) for interval in values.values()], pa.float64()
                    )
                    for column in ("value", "lower", "upper")
                },
                "customers_count": pa.array([customers_count] * len(values), pa.int64()),
                "mlflow_run_id": pa.array([run_ids[model] for model, _ in values], pa.string()),
            }
        ),
    )


def close_training(
    transaction: Transaction,
    *,
    training_id: str,
    selected_model: str | None,
    verdict: str,
    reason: str,
    model_version: str | None,
) -> None:
    """Note the result of a training."""
    transaction.execute(
        "UPDATE models.trainings SET status = 'selected', selected_model = :model, "
        "verdict = :verdict, reason = :reason, model_version = :version, finished_at = :now "
        "WHERE training_id = :training_id",
        training_id=training_id,
        model=selected_model,
        verdict=verdict,
        reason=reason,
        version=model_version,
        now=clock.now(),
    )
