"""Preparing a training: its days, features, labels, readiness and id."""

import hashlib
import json
import logging
import time
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from retention_ml import __version__
from retention_ml.errors import AccountingError, NotReady
from retention_ml.features.catalogue import CATALOGUE
from retention_ml.features.roll_up import roll_up
from retention_ml.labels import cutoffs
from retention_ml.labels.cutoffs import Plan
from retention_ml.labels.definition import churn_definition
from retention_ml.labels.maturity import (
    feed,
    mature,
    most_orders_of_one_customer,
    newest_known,
)
from retention_ml.models.training import ledger, readiness
from retention_ml.models.training.candidates import candidate
from retention_ml.models.training.data.shares import Shares, build_features, decide_shares
from retention_ml.models.training.data.training_data import load_training_set
from retention_ml.models.training.data.training_set import TrainingSet
from retention_ml.models.training.gate_errors import gate_errors
from retention_ml.models.training.ledger import Training
from retention_ml.receipts import Receipt
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse

logger = logging.getLogger(__name__)


def prepare_training(
    warehouse: Warehouse, settings: Settings, as_of: date
) -> tuple[Receipt, TrainingSet]:
    """The receipt of `train.prepare`, and the training set so that it need not be read again."""
    began = time.monotonic()
    for name in settings.training.candidates:
        candidate(name)  # one that there is not is refused before anything is computed
    plan, lines = _plan(warehouse, settings, as_of)
    if plan is None:
        nothing = Plan(training=(), evaluation=(), final=())
        raise _not_ready(as_of, _record(warehouse, settings, as_of, nothing, lines, ""))
    roll_up(warehouse, settings=settings)
    shares = _shares(warehouse, settings, as_of, plan)
    built = build_features(warehouse, settings=settings, shares=[shares])
    # The maturity ledger holds the outcomes of whole days.
    matured = [day for day in shares.whole_days if day <= max(plan.evaluation)]
    if matured:
        mature(warehouse, settings=settings, days=matured, known_as_of=as_of)
    training_set = _load(warehouse, settings, as_of, plan, shares)
    until = evaluation_start(settings, plan)
    train = training_set.sample(plan.training, known_until=until).matured().churned
    lines += readiness.of_customers(
        training_set.populations[max(plan.days)],
        train,
        training_set.predictions(plan.evaluation, {}).evaluated().outcome,
        settings.readiness,
    )
    contacts = _contacts(training_set, plan)
    report = _record(warehouse, settings, as_of, plan, lines, training_set.digest, contacts)
    if not report.is_ready:
        raise _not_ready(as_of, report)
    receipt = Receipt(
        door="models.prepare",
        as_of=as_of,
        read=len(training_set.days),
        written=len(training_set.days),
        seconds=time.monotonic() - began,
        details={
            "training_id": training_id_of(settings, as_of, training_set.digest),
            "candidates": list(settings.training.candidates),
            "training_days": [str(day) for day in plan.training],
            "evaluation_days": [str(day) for day in plan.evaluation],
            "final_days": [str(day) for day in plan.final],
            "notes": list(plan.notes),
            "feature_days_built": len(built),
            "training_share": shares.training,
            "evaluation_share": shares.evaluation,
            "churned": int(train.sum()),
            "retained": int((1 - train).sum()),
            "data_digest": training_set.digest,
            "readiness": str(report),
            **({"contacts": contacts} if contacts else {}),
        },
    )
    return warehouse.record(receipt, settings.run_id), training_set


def prepare_again(warehouse: Warehouse, settings: Settings, as_of: date) -> Receipt | None:
    """The receipt of a recent training whose candidates could not be compared, or None.

    None too where settings, library or data have changed since: then a new one is made.
    """
    began = time.monotonic()
    after = as_of - timedelta(days=settings.training.every_days)
    for waiting in reversed(gate_errors(warehouse, after=after, until=as_of)):
        training = ledger.training(warehouse, waiting.training_id)
        if training.training_id != training_id_of(settings, training.as_of, training.data_digest):
            continue
        try:
            load_prepared(warehouse, settings, training)
        except (NotReady, AccountingError) as error:
            logger.warning("Training %s is not compared again. %s", training.training_id, error)
            continue
        receipt = Receipt(
            door="models.prepare",
            as_of=as_of,
            read=0,
            written=0,
            seconds=time.monotonic() - began,
            details={
                "training_id": training.training_id,
                "candidates": list(settings.training.candidates),
                "training_as_of": str(training.as_of),
                "compared_again_after": f"{waiting.error} in {waiting.place}",
            },
        )
        return warehouse.record(receipt, settings.run_id)
    return None


def load_prepared(warehouse: Warehouse, settings: Settings, training: Training) -> TrainingSet:
    """The training set of a prepared training, unchanged since.

    Raises
    ------
    NotReady
        It changed.
    """
    shares = _shares(warehouse, settings, training.as_of, training.plan)
    training_set = _load(warehouse, settings, training.as_of, training.plan, shares)
    if training_set.digest != training.data_digest:
        raise NotReady(
            f"The rows of training {training.training_id} have the digest "
            f"{training_set.digest[:12]}, it was prepared on {training.data_digest[:12]}: data or "
            "settings changed in between. Nothing was fitted. Run "
            f"`retention train --as-of {training.as_of}` again."
        )
    return training_set


def evaluation_start(settings: Settings, plan: Plan) -> date:
    """The first evaluation day less the embargo: candidates learn nothing from this day on."""
    return min(plan.evaluation) - timedelta(days=settings.churn.embargo_days)


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


def _plan(
    warehouse: Warehouse, settings: Settings, as_of: date
) -> tuple[Plan | None, list[readiness.Line]]:
    """The days of the training, None if there are too few, and how ready the orders are."""
    definition = churn_definition(settings)
    coverage = feed(warehouse, timezone=definition.timezone, known_as_of=as_of)
    plan = None
    if coverage:
        plan = cutoffs.plan(
            definition,
            newest=newest_known(coverage, settings, as_of),
            data_begins_on=coverage.begins_on,
            cutoff_count=settings.training.cutoff_count,
            cutoff_every_days=settings.training.cutoff_every_days,
            evaluation_count=settings.training.evaluation_count,
            embargo_days=settings.churn.embargo_days,
        )
    lines = readiness.of_feed(
        coverage,
        plan,
        definition=definition,
        demands=settings.readiness,
        most_orders_of_one=most_orders_of_one_customer(
            warehouse, timezone=definition.timezone, known_as_of=as_of
        ),
        settled_on=as_of - timedelta(days=settings.churn.settle_days),
        cutoff_every_days=settings.training.cutoff_every_days,
        embargo_days=settings.churn.embargo_days,
        feature_window_days=max(feature.window_days or 0 for feature in CATALOGUE),
    )
    return plan, lines


def _shares(warehouse: Warehouse, settings: Settings, as_of: date, plan: Plan) -> Shares:
    return decide_shares(
        warehouse,
        settings=settings,
        as_of=as_of,
        training_days=plan.days,
        evaluation_days=[*plan.evaluation, as_of],
    )


def _load(
    warehouse: Warehouse, settings: Settings, as_of: date, plan: Plan, shares: Shares
) -> TrainingSet:
    return load_training_set(
        warehouse,
        settings=settings,
        as_of=as_of,
        shares=shares,
        evaluation_start=evaluation_start(settings, plan),
    )


def _contacts(training_set: TrainingSet, plan: Plan) -> dict[str, Any] | None:
    """What own contacts do to the training and evaluation days; None where there were none."""
    both = {"training": plan.training, "evaluation": plan.evaluation}
    by_use = {name: training_set.representation(days) for name, days in both.items()}
    return {name: each.to_dict() for name, each in by_use.items() if each} or None


def _record(
    warehouse: Warehouse,
    settings: Settings,
    as_of: date,
    plan: Plan,
    lines: Sequence[readiness.Line],
    data_digest: str,
    contacts: Mapping[str, Any] | None = None,
) -> readiness.Report:
    """Write the training to the ledger, as failed where the data is not ready; the report."""
    report = readiness.Report(tuple(lines))
    ledger.write_training(
        warehouse,
        training_id=training_id_of(settings, as_of, data_digest),
        as_of=as_of,
        definition_hash=churn_definition(settings).hash,
        plan=plan,
        data_digest=data_digest,
        readiness=report.to_dict(),
        contacts=contacts,
        failure=None if report.is_ready else f"not ready: {report.missing}.",
        run_id=settings.run_id,
    )
    return report


def _not_ready(as_of: date, report: readiness.Report) -> NotReady:
    return NotReady(
        f"The data known on {as_of} cannot carry a model yet: {report.missing}. "
        f"No model was trained.\n\n{report}"
    )
