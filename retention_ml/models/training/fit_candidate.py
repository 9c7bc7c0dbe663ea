"""Trying one candidate: fit, calibrate, evaluate on later days, log."""

import time
from datetime import date

import numpy as np
import pyarrow as pa

from retention_ml.labels.definition import churn_definition
from retention_ml.models.bundle import timing
from retention_ml.models.bundle.bundle import Bundle
from retention_ml.models.registry.mlflow_registry import Registry
from retention_ml.models.registry.provenance import git_sha
from retention_ml.models.training import ledger, runs
from retention_ml.models.training.candidates import candidate
from retention_ml.models.training.fitting import FittedModel
from retention_ml.models.training.ledger import Fit, Training
from retention_ml.models.training.preparation import judged_from, load_rows
from retention_ml.models.training.sample import Rows
from retention_ml.models.training.training_set import TrainingSet
from retention_ml.receipts import Receipt
from retention_ml.settings import Settings
from retention_ml.statistics.metrics import Predictions, evaluate
from retention_ml.warehouse import Warehouse


def fit_candidate(
    warehouse: Warehouse,
    settings: Settings,
    training: Training,
    name: str,
    loaded: TrainingSet | None,
) -> Receipt:
    """The receipt of `train.fit`; `loaded` spares reading the rows again."""
    began = time.monotonic()
    way = candidate(name)
    known = ledger.fits(warehouse, training.training_id).get(name)
    if known is not None:
        return _fit_receipt(warehouse, settings, training, known, 0, began, {"repeated": True})
    rows = loaded or load_rows(warehouse, settings, training)
    learnt = learnt_of(settings, training, rows)
    model = way.fit(
        learnt,
        seed=settings.training.seed,
        threads=settings.compute.threads,
        trials=settings.training.tuning_trials,
        seconds=settings.training.tuning_seconds,
    )
    fitted_in = time.monotonic() - began
    bundle = bundle_of(settings, training, name, model, training.plan.training, learnt)
    judged = rows.table(training.plan.evaluation)
    probability = bundle.predict(judged)
    at = rows.positions(training.plan.evaluation)
    evaluation = evaluate(
        Predictions(
            days=rows.days[at].astype(np.int64),
            groups=rows.groups(at),
            outcome=rows.outcome(training.plan.evaluation),
            models={name: probability},
        ),
        draws=settings.training.bootstrap_draws,
        seed=settings.training.seed,
    )
    shown = runs.show(
        name,
        model,
        evaluation,
        probability,
        rows,
        training,
        churn_definition(settings),
        (len(learnt.matured()), float(learnt.matured().outcome.mean())),
    )
    run = Registry(settings).log_candidate(
        training_id=training.training_id,
        model_name=name,
        params=shown.params,
        metrics=shown.metrics,
        texts=shown.texts,
        figures=shown.figures,
        tags=tags_of(settings, training, bundle, name),
    )
    done = Fit(
        model_name=name,
        params=model.params,
        notes={**model.notes, "drivers": shown.drivers},
        bundle_sha256=bundle.sha256,
        mlflow_run_id=run,
        seconds=round(fitted_in, 3),
    )
    ledger.write_fit(
        warehouse,
        training_id=training.training_id,
        fit=done,
        metrics=evaluation.values[name],
        keys=judged,
        probability=pa.array(probability),
    )
    metrics = {metric: round(own.value, 4) for metric, own in evaluation.values[name].items()}
    return _fit_receipt(warehouse, settings, training, done, len(at), began, {"metrics": metrics})


def learnt_of(settings: Settings, training: Training, rows: TrainingSet) -> Rows:
    """What candidates learn from before they are judged: nothing from the first judged day on."""
    until = judged_from(settings, training.plan)
    first = min(training.plan.evaluation)
    return rows.rows(training.plan.training, known_until=until, current=first)


def _fit_receipt(
    warehouse: Warehouse,
    settings: Settings,
    training: Training,
    done: Fit,
    count: int,
    began: float,
    more: dict[str, object],
) -> Receipt:
    notes = {key: value for key, value in done.notes.items() if key != "drivers"}
    receipt = Receipt(
        door="models.fit",
        as_of=training.as_of,
        read=count,
        written=count,
        seconds=time.monotonic() - began,
        details={
            "training_id": training.training_id,
            "candidate": done.model_name,
            "bundle_sha256": done.bundle_sha256,
            "mlflow_run_id": done.mlflow_run_id,
            "fit_seconds": done.seconds,
            "params": dict(done.params),
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
    rows: Rows,
) -> Bundle:
    """The bundle of a model fitted on `rows` of `days`, with what it stands for and `timing`."""
    definition = churn_definition(settings)
    told = (
        None
        if rows.histories is None
        else timing.fit(
            rows.histories, lead_days=rows.lead_days, horizon_days=rows.horizon_days
        ).to_dict()
    )
    return model.to_bundle(
        name,
        definition=definition.to_dict(),
        definition_hash=definition.hash,
        as_of=str(training.as_of),
        cutoffs=[str(day) for day in days],
        data_digest=training.data_digest,
        training_id=training.training_id,
        timing=told,
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
