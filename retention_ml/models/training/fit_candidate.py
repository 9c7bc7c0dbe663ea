"""Fitting one candidate: fit, calibrate, evaluate on later days, log."""

import time
from datetime import date

import numpy as np
import pyarrow as pa

from retention_ml.labels.definition import churn_definition
from retention_ml.models.bundle import timing
from retention_ml.models.bundle.bundle import Bundle
from retention_ml.models.registry.mlflow_registry import Registry
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
from retention_ml.statistics.arrays import Floats
from retention_ml.statistics.metrics import Evaluation, Predictions, evaluate
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
    learner = candidate(name)
    earlier = ledger.fits(warehouse, training.training_id).get(name)
    if earlier is not None:
        return _fit_receipt(warehouse, settings, training, earlier, 0, began, {"repeated": True})
    training_set = training_set or load_prepared(warehouse, settings, training)
    sample = training_sample(settings, training, training_set)
    model = learner.fit(
        sample,
        FitContext(
            seed=settings.training.seed,
            threads=settings.compute.threads,
            tuning_trials=settings.training.tuning_trials,
            tuning_seconds=settings.training.tuning_seconds,
        ),
    )
    seconds = time.monotonic() - began
    bundle = bundle_of(settings, training, name, model, training.plan.training, sample)
    table = training_set.table(training.plan.evaluation)
    probability = bundle.predict(table)
    evaluation = _evaluate(settings, training, training_set, name, probability)
    contents = run_contents(
        name, model, evaluation, probability, training_set, training, sample.matured()
    )
    run_id = Registry(settings).log_candidate(
        training_id=training.training_id,
        model_name=name,
        params=contents.params,
        metrics=contents.metrics,
        texts=contents.texts,
        figures=contents.figures,
        tags=tags_of(settings, training, bundle, name),
    )
    fit = Fit(
        model_name=name,
        params=model.params,
        notes={**model.notes, "drivers": contents.drivers},
        bundle_sha256=bundle.sha256,
        mlflow_run_id=run_id,
        seconds=round(seconds, 3),
    )
    metrics = evaluation.values[name]
    ledger.write_fit(
        warehouse,
        training_id=training.training_id,
        fit=fit,
        metrics=metrics,
        keys=table,
        probability=pa.array(probability),
    )
    rounded = {metric: round(interval.value, 4) for metric, interval in metrics.items()}
    count = table.num_rows
    return _fit_receipt(warehouse, settings, training, fit, count, began, {"metrics": rounded})


def training_sample(
    settings: Settings, training: Training, training_set: TrainingSet
) -> TrainingSample:
    """What candidates are trained on: nothing from `evaluation_start` on."""
    return training_set.sample(
        training.plan.training,
        known_until=evaluation_start(settings, training.plan),
        current=min(training.plan.evaluation),
    )


def _evaluate(
    settings: Settings,
    training: Training,
    training_set: TrainingSet,
    name: str,
    probability: Floats,
) -> Evaluation:
    """The metrics of a candidate on the evaluation days, with intervals."""
    positions = training_set.positions(training.plan.evaluation)
    return evaluate(
        Predictions(
            days=training_set.days[positions].astype(np.int64),
            groups=training_set.groups(positions),
            outcome=training_set.churned(training.plan.evaluation),
            models={name: probability},
        ),
        draws=settings.training.bootstrap_draws,
        seed=settings.training.seed,
    )


def _fit_receipt(
    warehouse: Warehouse,
    settings: Settings,
    training: Training,
    fit: Fit,
    count: int,
    began: float,
    more: dict[str, object],
) -> Receipt:
    notes = {key: value for key, value in fit.notes.items() if key != "drivers"}
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
            **notes,
            **more,
        },
    )
    return warehouse.record(receipt, settings.run_id)


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
    order_timing = (
        timing.fit(
            sample.histories, lead_days=sample.lead_days, horizon_days=sample.horizon_days
        ).to_dict()
        if sample.histories is not None
        else None
    )
    return model.to_bundle(
        name,
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
