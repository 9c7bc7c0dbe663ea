"""Selecting the best candidate: gate, final fit, registration, aliases, ledger."""

import time

from retention_ml.failpoints import reach
from retention_ml.models import ledger
from retention_ml.models.candidates import BASELINE, candidate
from retention_ml.models.card import card
from retention_ml.models.definition import churn_definition
from retention_ml.models.following import decisions, write_decision
from retention_ml.models.gate import Gate, decide
from retention_ml.models.ledger import Fit, Training
from retention_ml.models.metrics import METRICS, Evaluation, evaluate
from retention_ml.models.preparation import load_rows
from retention_ml.models.registry import ModelVersion, Registry
from retention_ml.models.training_set import TrainingSet
from retention_ml.models.trial import bundle_of, learnt_of, tags_of
from retention_ml.receipts import Receipt
from retention_ml.settings import Settings
from retention_ml.warehouse import Transaction, Warehouse

_DESCRIPTION_MAX = 4_900


def select_best(
    warehouse: Warehouse, settings: Settings, training: Training, loaded: TrainingSet | None
) -> Receipt:
    """The receipt of `train.select`; `loaded` spares reading the rows again."""
    began = time.monotonic()
    with warehouse.transaction() as transaction:
        transaction.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))",
            key=f"select:{training.training_id}",
        )
        # Read under the lock: another process may have finished meanwhile.
        training = ledger.training(warehouse, training.training_id)
        if training.status != "selected":
            _judge_and_register(warehouse, transaction, settings, training, loaded)
    training = ledger.training(warehouse, training.training_id)
    sha256 = [
        decision.bundle_sha256
        for decision in decisions(warehouse, "challenger")
        if decision.model_version == training.model_version
    ]
    count = len(ledger.fits(warehouse, training.training_id))
    receipt = Receipt(
        door="models.select",
        as_of=training.as_of,
        read=count,
        written=count,
        seconds=time.monotonic() - began,
        details={
            "training_id": training.training_id,
            "verdict": training.verdict,
            "reason": training.reason,
            "selected_model": training.selected_model,
            "model_version": training.model_version,
            "bundle_sha256": sha256[0] if sha256 else None,
        },
    )
    return warehouse.record(receipt, settings.run_id)


def _judge_and_register(
    warehouse: Warehouse,
    transaction: Transaction,
    settings: Settings,
    training: Training,
    loaded: TrainingSet | None,
) -> None:
    registry = Registry(settings)
    fits = ledger.fits(warehouse, training.training_id)
    rows = loaded or load_rows(warehouse, settings, training)
    judged = ledger.predictions(warehouse, training.training_id, list(fits), rows, training.plan)
    evaluation = evaluate(
        judged, draws=settings.training.bootstrap_draws, seed=settings.training.seed
    )
    champion = registry.version_at("champion")
    standing = (
        champion is not None
        and champion.tags.get("churn_definition") == training.definition_hash
        # Where a run died after moving the alias, its own version is no rival of its own.
        and champion.tags.get("training_id") != training.training_id
    )
    said = decide(
        evaluation,
        baseline=BASELINE,
        churned=int(judged.outcome.sum()),
        retained=int(len(judged.outcome) - judged.outcome.sum()),
        has_champion=standing,
        preferred=settings.training.champion_candidate,
    )
    ledger.write_evaluations(
        transaction,
        training.training_id,
        {
            (name, f"{metric}_minus_{BASELINE}"): evaluation.difference(name, BASELINE, metric)
            for name in evaluation.values
            for metric in METRICS
            if BASELINE in evaluation.values and name != BASELINE
        },
        len(judged.outcome),
        {name: fit.mlflow_run_id for name, fit in fits.items()},
    )
    version: ModelVersion | None = None
    if said.best is not None and said.is_challenger:
        version = registry.version_of_training(training.training_id) or _register(
            registry, settings, training, fits[said.best], rows, evaluation, said
        )
        reach("train.after_register")
        registry.point("challenger", version.version)
        if said.verdict == "promote":
            registry.point("champion", version.version)
        reach("train.after_alias")
        _write_decisions(transaction, training, said, version)
    ledger.close_training(
        transaction,
        training_id=training.training_id,
        selected_model=said.best,
        verdict=said.verdict,
        reason=said.reason,
        model_version=version.version if version else None,
    )


def _register(
    registry: Registry,
    settings: Settings,
    training: Training,
    chosen: Fit,
    rows: TrainingSet,
    evaluation: Evaluation,
    said: Gate,
) -> ModelVersion:
    """Fit the chosen candidate anew on the newest matured days, with the settings it chose."""
    name = chosen.model_name
    newest = rows.rows(training.plan.final, current=training.as_of)
    model = candidate(name).fit(
        newest,
        seed=settings.training.seed,
        threads=settings.compute.threads,
        params=chosen.params or None,
    )
    bundle = bundle_of(settings, training, name, model, training.plan.final, newest)
    learnt = learnt_of(settings, training, rows).matured()
    text = card(
        model_name=name,
        training_id=training.training_id,
        definition=churn_definition(settings),
        plan=training.plan,
        rows_count=len(learnt),
        churn_rate=float(learnt.outcome.mean()),
        values=evaluation.values,
        drivers=[(driver[0], driver[1], driver[2]) for driver in chosen.notes.get("drivers", [])],
        differences={
            other: evaluation.difference(other, BASELINE, "roc_auc")
            for other in evaluation.values
            if other != BASELINE
        },
        verdict=said.reason,
    )
    bundle.write(registry.folder / bundle.sha256)
    return registry.register(
        bundle,
        run_id=chosen.mlflow_run_id,
        tags=tags_of(settings, training, bundle, name),
        description=text[:_DESCRIPTION_MAX],
    )


def _write_decisions(
    transaction: Transaction, training: Training, said: Gate, version: ModelVersion
) -> None:
    """One ledger row for the challenger, and one for what was decided about the champion."""
    for alias, verdict in (("challenger", "promote"), ("champion", said.verdict)):
        write_decision(
            transaction,
            alias=alias,
            model_name=str(said.best),
            version=version.version,
            bundle_sha256=version.tags["bundle_sha256"],
            verdict=verdict,
            decided_by="gate",
            reason=said.reason,
            evidence=dict(said.evidence),
            training_id=training.training_id,
        )
