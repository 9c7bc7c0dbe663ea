"""Fitting one candidate: fit, calibrate, evaluate on later days, log."""

import time
from collections.abc import Mapping
from datetime import date

import pyarrow as pa

from retention_ml.labels.definition import churn_definition
from retention_ml.models.bundle import timing
from retention_ml.models.bundle.bundle import Bundle
from retention_ml.models.registry.mlflow_registry import MODEL, Registry
from retention_ml.models.registry.provenance import git_sha
from retention_ml.models.training import ledger
from retention_ml.models.training.candidates import candidate
from retention_ml.models.training.data.sample import TrainingSample
from retention_ml.models.training.data.training_set import TrainingSet
from retention_ml.models.training.fitting import FitContext, FittedModel
from retention_ml.models.training.ledger import Fit, Training
from retention_ml.models.training.preparation import evaluation_start, load_prepared
from retention_ml.models.training.runs import run_contents
from retention_ml.receipts import Receipt
from retention_ml.settings import Settings
from retention_ml.statistics.bootstrap import Interval
from retention_ml.statistics.metrics import evaluate
from retention_ml.warehouse import Warehouse


def fit_candidate(
    warehouse: Warehouse,
    settings: Settings,
    training: Training,
    name: str,
    training_set: TrainingSet | None,
) -> Receipt:
    """The receipt of `train.fit`; `training_set` spares reading it again."""
    began = time.monotonic()
    candidate(name)  # one that there is not is refused before anything is read
    fit, count = ledger.fits(warehouse, training.training_id).get(name), 0
    more: dict[str, object] = {"repeated": True}
    if fit is None:
        training_set = training_set or load_prepared(warehouse, settings, training)
        fit, metrics = _fit(warehouse, settings, training, name, training_set, began)
        count = len(training_set.positions(training.plan.evaluation))
        more = {"metrics": {metric: round(metrics[metric].value, 4) for metric in metrics}}
    receipt = Receipt(
        door="models.fit",
        as_of=training.as_of,
        read=count,
        written=count,
        seconds=time.monotonic() - began,
        details={
            "training_id": training.training_id,
            "candidate": fit.model_name,
            "bundle_sha256": fit.bundle_sha256,
            "mlflow_run_id": fit.mlflow_run_id,
            "fit_seconds": fit.seconds,
            "params": dict(fit.params),
            **{note: value for note, value in fit.notes.items() if note != "drivers"},
            **more,
        },
    )
    return warehouse.record(receipt, settings.run_id)


def _fit(
    warehouse: Warehouse,
    settings: Settings,
    training: Training,
    name: str,
    training_set: TrainingSet,
    began: float,
) -> tuple[Fit, Mapping[str, Interval]]:
    """Fit, evaluate, log and write a candidate; its metrics on the evaluation days."""
    sample = training_sample(settings, training, training_set)
    context = FitContext.of(settings.training, settings.compute.threads)
    model = candidate(name).fit(sample, context)
    seconds = time.monotonic() - began
    bundle = bundle_of(settings, training, name, model, training.plan.training, sample)
    table = training_set.table(training.plan.evaluation)
    probability = bundle.predict(table)
    predictions = training_set.predictions(training.plan.evaluation, {name: probability})
    evaluation = evaluate(
        predictions,
        draws=settings.training.bootstrap_draws,
        seed=settings.training.seed,
    )
    contents, drivers = run_contents(
        name, model, evaluation, probability, training_set, training, sample
    )
    registry = Registry(settings)
    run_id = registry.log_candidate(
        training_id=training.training_id,
        model_name=name,
        tags=tags_of(settings, training, bundle, name),
        **contents,
    )
    registry.log_model(bundle, run_id=run_id, name=MODEL, has_metrics=True)
    fit = Fit(
        model_name=name,
        params=model.params,
        notes={**model.notes, "drivers": drivers},
        bundle_sha256=bundle.sha256,
        mlflow_run_id=run_id,
        seconds=round(seconds, 3),
    )
    ledger.write_fit(
        warehouse,
        training_id=training.training_id,
        fit=fit,
        metrics=evaluation.values[name],
        keys=table,
        probability=pa.array(probability),
        customers_count=len(predictions.evaluated().outcome),
    )
    return fit, evaluation.values[name]


def training_sample(
    settings: Settings, training: Training, training_set: TrainingSet
) -> TrainingSample:
    """What candidates are trained on: nothing from `evaluation_start` on."""
    return training_set.sample(
        training.plan.training,
        known_until=evaluation_start(settings, training.plan),
        current=min(training.plan.evaluation),
    )


def bundle_of(
    settings: Settings,
    training: Training,
    name: str,
    model: FittedModel,
    days: tuple[date, ...],
    sample: TrainingSample,
) -> Bundle:
    """The bundle of a model fitted on a `sample` of `days`, with its definition and `timing`."""
    definition = churn_definition(settings)
    order_timing = None
    if sample.histories is not None:
        order_timing = timing.fit(
            sample.histories, lead_days=sample.lead_days, horizon_days=sample.horizon_days
        ).to_dict()
    return model.to_bundle(
        name,
        threads=settings.compute.threads,
        definition=definition.to_dict(),
        definition_hash=definition.hash,
        as_of=str(training.as_of),
        cutoffs=[str(day) for day in days],
        data_digest=training.data_digest,
        training_id=training.training_id,
        timing=order_timing,
    )


def tags_of(settings: Settings, training: Training, bundle: Bundle, name: str) -> dict[str, str]:
    """The tags of a run or version."""
    return {
        "as_of": str(training.as_of),
        "data_digest": training.data_digest,
        "bundle_sha256": bundle.sha256,
        "git_sha": git_sha(),
        "churn_definition": churn_definition(settings).hash,
        "training_id": training.training_id,
        "model_name": name,
    }
