"""Preparing a training: its days, features, labels, readiness and id."""

import hashlib
import json
import time
from datetime import date, timedelta

from retention_ml import __version__
from retention_ml.errors import NotReady
from retention_ml.features.build import ensure
from retention_ml.features.catalogue import CATALOGUE
from retention_ml.labels.cutoffs import Plan, plan
from retention_ml.labels.definition import churn_definition
from retention_ml.labels.maturity import feed, mature, newest_known
from retention_ml.models.training import ledger, readiness
from retention_ml.models.training.ledger import Training
from retention_ml.models.training.training_data import gather
from retention_ml.models.training.training_set import TrainingSet
from retention_ml.receipts import Receipt
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse


def prepared(warehouse: Warehouse, settings: Settings, as_of: date) -> tuple[Receipt, TrainingSet]:
    """The receipt of `train.prepare`, and the rows so that they need not be read again."""

    began = time.monotonic()
    definition = churn_definition(settings)
    covered = feed(warehouse, timezone=definition.timezone, known_as_of=as_of)
    chosen = (
        None
        if covered is None
        else plan(
            definition,
            newest=newest_known(covered, settings, as_of),
            data_begins_on=covered.begins_on,
            cutoff_count=settings.training.cutoff_count,
            cutoff_every_days=settings.training.cutoff_every_days,
            evaluation_count=settings.training.evaluation_count,
            embargo_days=settings.churn.embargo_days,
        )
    )
    lines = readiness.of_feed(
        covered,
        chosen,
        definition=definition,
        demands=settings.readiness,
        settled_on=as_of - timedelta(days=settings.churn.settle_days),
        cutoff_every_days=settings.training.cutoff_every_days,
        embargo_days=settings.churn.embargo_days,
        feature_window_days=max(feature.window_days or 0 for feature in CATALOGUE),
    )
    if chosen is None:
        raise _refusal(
            warehouse, settings, as_of, Plan(training=(), evaluation=(), final=()), lines
        )
    built = ensure(warehouse, settings=settings, days=[*chosen.days, as_of])
    matured = [day for day in chosen.days if day <= max(chosen.evaluation)]
    labels = mature(warehouse, settings=settings, days=matured, known_as_of=as_of)
    rows = _gathered(warehouse, settings, as_of, chosen)
    counts = _counts(settings, rows, chosen)
    report = readiness.report([*lines, *readiness.of_customers(counts, settings.readiness)])
    if not report.is_ready:
        raise _refusal(warehouse, settings, as_of, chosen, list(report.lines), rows.digest)
    training_id = training_id_of(settings, as_of, rows.digest)
    with warehouse.transaction() as transaction:
        ledger.write_training(
            transaction,
            training_id=training_id,
            as_of=as_of,
            definition_hash=definition.hash,
            plan=chosen,
            data_digest=rows.digest,
            status="prepared",
            readiness=report.to_dict(),
            reason=None,
            run_id=settings.run_id,
        )
    receipt = Receipt(
        door="models.prepare",
        as_of=as_of,
        read=labels.num_rows,
        written=labels.num_rows,
        seconds=time.monotonic() - began,
        details={
            "training_id": training_id,
            "candidates": list(settings.training.candidates),
            "training_days": [str(day) for day in chosen.training],
            "evaluation_days": [str(day) for day in chosen.evaluation],
            "final_days": [str(day) for day in chosen.final],
            "notes": list(chosen.notes),
            "feature_days_built": len(built),
            "churned": counts.churned,
            "retained": counts.retained,
            "data_digest": rows.digest,
            "readiness": str(report),
        },
    )
    return warehouse.record(receipt, settings.run_id), rows


def _gathered(warehouse: Warehouse, settings: Settings, as_of: date, chosen: Plan) -> TrainingSet:
    return gather(
        warehouse,
        settings=settings,
        as_of=as_of,
        days=chosen.days,
        whole_days=[*chosen.evaluation, as_of],
        judged_from=judged_from(settings, chosen),
    )


def judged_from(settings: Settings, chosen: Plan) -> date:
    """The day from which on nothing is learnt before the candidates are judged."""
    return min(chosen.evaluation) - timedelta(days=settings.churn.embargo_days)


def training_id_of(settings: Settings, as_of: date, data_digest: str) -> str:
    """The day and the digest of everything that decides the result."""
    decisive = {
        "as_of": str(as_of),
        "definition": churn_definition(settings).canonical,
        "churn": settings.churn.model_dump(mode="json"),
        "training": settings.training.model_dump(mode="json", exclude={"every_days"}),
        "data": data_digest,
        "library": __version__,
    }
    text = json.dumps(decisive, sort_keys=True)
    return f"{as_of:%Y%m%d}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def _counts(settings: Settings, rows: TrainingSet, chosen: Plan) -> readiness.Counts:
    learnt = rows.rows(chosen.training, known_until=judged_from(settings, chosen)).matured().outcome
    judged = rows.outcome(chosen.evaluation)
    return readiness.Counts(
        active=rows.populations[max(chosen.days)],
        churned=int(learnt.sum()),
        retained=int(len(learnt) - learnt.sum()),
        judged_churned=int(judged.sum()),
        judged_retained=int(len(judged) - judged.sum()),
    )


def _refusal(
    warehouse: Warehouse,
    settings: Settings,
    as_of: date,
    chosen: Plan,
    lines: list[readiness.Line],
    data_digest: str = "",
) -> NotReady:
    """Store the report of a refused training, and the error to raise."""
    report = readiness.report(lines)
    missing = [line.what for line in lines if line.verdict == "missing"]
    with warehouse.transaction() as transaction:
        ledger.write_training(
            transaction,
            training_id=training_id_of(settings, as_of, data_digest),
            as_of=as_of,
            definition_hash=churn_definition(settings).hash,
            plan=chosen,
            data_digest=data_digest,
            status="failed",
            readiness=report.to_dict(),
            reason=f"not ready: {', '.join(missing)}.",
            run_id=settings.run_id,
        )
    return NotReady(
        f"The data known on {as_of} cannot carry a model yet: {', '.join(missing)}. "
        f"No model was trained.\n\n{report}"
    )


def load_rows(warehouse: Warehouse, settings: Settings, training: Training) -> TrainingSet:
    """The rows of a prepared training, unchanged since.

    Raises
    ------
    NotReady
        They changed.
    """
    rows = _gathered(warehouse, settings, training.as_of, training.plan)
    if rows.digest != training.data_digest:
        raise NotReady(
            f"The rows of training {training.training_id} have the digest {rows.digest[:12]}, it "
            f"was prepared on {training.data_digest[:12]}: data or settings changed in between. "
            f"Nothing was fitted. Run `retention train --as-of {training.as_of}` again."
        )
    return rows
