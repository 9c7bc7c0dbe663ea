"""Selecting the best candidate: choice, final fit, comparison, registration, ledger, aliases."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

from retention_ml.errors import UnfitModel
from retention_ml.failpoints import failpoint
from retention_ml.labels.definition import churn_definition
from retention_ml.models.bundle.bundle import Bundle
from retention_ml.models.bundle.starter import shipped
from retention_ml.models.evaluation.gate import (
    Choice,
    GateDecision,
    choose,
    gate_with_champion,
    gate_without_champion,
)
from retention_ml.models.evaluation.offline_comparison import (
    CANDIDATE,
    CHAMPION,
    OfflineComparison,
    keep_champion,
)
from retention_ml.models.promotion.apply import load_served_model, try_sync_aliases
from retention_ml.models.promotion.challenger_slot import TrialBetween, find_slot
from retention_ml.models.promotion.decisions import (
    APPROVED,
    current_approval,
    decisions,
    lock_decisions,
    write_decision,
)
from retention_ml.models.registry.mlflow_registry import ModelVersion, Registry
from retention_ml.models.training import ledger
from retention_ml.models.training.candidates import BASELINE
from retention_ml.models.training.comparison import compare, is_same, limits_of
from retention_ml.models.training.data.training_set import TrainingSet
from retention_ml.models.training.ledger import Fit, Training
from retention_ml.models.training.preparation import load_prepared
from retention_ml.models.training.registration import SelectedModel, fit_final, register
from retention_ml.receipts import DecisionReceipt
from retention_ml.settings import Settings
from retention_ml.statistics.metrics import METRICS, Evaluation, Predictions, evaluate
from retention_ml.warehouse import Transaction, Warehouse

_ALIASES = ("champion", "challenger")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Selection:
    """A training that is being selected from, and where it is read and written."""

    warehouse: Warehouse
    registry: Registry
    settings: Settings
    training: Training
    training_set: TrainingSet
    trial_between: TrialBetween


def select_best(
    warehouse: Warehouse,
    settings: Settings,
    training: Training,
    training_set: TrainingSet | None,
    trial_between: TrialBetween,
) -> DecisionReceipt:
    """The receipt of `train.select`; `training_set` spares reading it again."""
    began = time.monotonic()
    registry = Registry(settings)
    with warehouse.transaction() as transaction:
        transaction.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))",
            key=f"select:{training.training_id}",
        )
        # Read under the lock: another process may have finished meanwhile.
        training = ledger.training(warehouse, training.training_id)
        if training.status != "selected":
            selection = _Selection(
                warehouse=warehouse,
                registry=registry,
                settings=settings,
                training=training,
                training_set=training_set or load_prepared(warehouse, settings, training),
                trial_between=trial_between,
            )
            _select(selection, transaction)
    failpoint("train.after_commit")
    try_sync_aliases(registry, warehouse)
    training = ledger.training(warehouse, training.training_id)
    sha256 = [
        decision.bundle_sha256
        for decision in decisions(warehouse, "champion")
        if decision.model_version == training.model_version
    ]
    receipt = DecisionReceipt(
        door="models.select",
        as_of=training.as_of,
        sentence=f"{training.verdict}: {training.reason}",
        seconds=time.monotonic() - began,
        details={
            "training_id": training.training_id,
            "verdict": training.verdict,
            "reason": training.reason,
            "selected_model": training.selected_model,
            "model_version": training.model_version,
            "bundle_sha256": sha256[-1] if sha256 else None,
        },
    )
    return warehouse.record(receipt, settings.run_id)


def _select(selection: _Selection, transaction: Transaction) -> None:
    """Evaluate the candidates, register the best one, and write what was decided."""
    settings, training = selection.settings, selection.training
    fits = ledger.fits(selection.warehouse, training.training_id)
    predictions = ledger.predictions(
        selection.warehouse, training, list(fits), selection.training_set
    )
    evaluation = evaluate(
        predictions, draws=settings.training.bootstrap_draws, seed=settings.training.seed
    )
    _write_evaluations(transaction, training, evaluation, fits, len(predictions.outcome))
    churned = int(predictions.outcome.sum())
    choice = choose(
        evaluation,
        baseline=BASELINE,
        churned=churned,
        retained=len(predictions.outcome) - churned,
        preferred=settings.training.champion_candidate,
    )
    decision, version = gate_without_champion(choice, ()), None
    if choice.best is not None:
        ece = evaluation.values[choice.best]["ece"].value
        selected = _decide(selection, choice, fits[choice.best], predictions, ece)
        decision = selected.decision
        _write_differences(transaction, training, selected)
        if selected.is_new:
            version = _register(selection, evaluation, selected)
            if _approvals_now(transaction) != selected.approvals:
                decision = _overtaken(decision)
            _write_decisions(transaction, settings, training, selected.fit, decision, version)
    ledger.close_training(
        transaction,
        training_id=training.training_id,
        selected_model=choice.best,
        verdict=decision.verdict,
        reason=decision.reason,
        model_version=version.version if version else None,
    )


def _decide(
    selection: _Selection, choice: Choice, fit: Fit, predictions: Predictions, ece: float
) -> SelectedModel:
    """The best candidate fitted anew, and what becomes of it: nothing is written."""
    warehouse, settings, training = selection.warehouse, selection.settings, selection.training
    champion, challenger = (
        load_served_model(selection.registry, warehouse, alias) for alias in _ALIASES
    )
    approvals = {alias: current_approval(decisions(warehouse, alias)) for alias in _ALIASES}
    bundle = fit_final(settings, training, fit, selection.training_set)
    limits = limits_of(settings, bundle, selection.training_set, training.as_of, predictions, ece)
    scorer = champion.bundle if champion else _starter(warehouse, settings)
    slot = (
        find_slot(warehouse, settings, scorer, challenger, selection.trial_between)
        if scorer
        else None
    )
    is_new = champion is None or not is_same(bundle, champion.bundle)
    comparison: OfflineComparison | None = None
    if champion is None:
        decision = gate_without_champion(choice, limits, slot=slot)
    else:
        comparison = (
            compare(
                warehouse,
                settings,
                training,
                selection.training_set,
                predictions,
                name=fit.model_name,
                champion=champion.bundle,
                limits=limits,
            )
            if is_new
            else keep_champion("It is identical to the champion, so the champion stays.")
        )
        decision = gate_with_champion(
            choice,
            comparison,
            limits,
            slot=slot,
            decides=settings.promotion.evidence,
            mode=settings.promotion.mode,
        )
    return SelectedModel(
        fit=fit,
        bundle=bundle,
        decision=decision,
        comparison=comparison,
        is_new=is_new,
        approvals=approvals,
    )


def _starter(warehouse: Warehouse, settings: Settings) -> Bundle | None:
    """The starter model where it is what scores: before the first champion, if it is allowed."""
    had_champion = any(each.verdict in APPROVED for each in decisions(warehouse, "champion"))
    if had_champion or not settings.scoring.starter:
        return None
    try:
        return shipped.starter(churn_definition(settings))
    except UnfitModel:  # nobody is scored with it, so nobody is on trial against it
        return None


def _register(
    selection: _Selection, evaluation: Evaluation, selected: SelectedModel
) -> ModelVersion:
    """The version of the training, registered unless an earlier run did it."""
    registry, training = selection.registry, selection.training
    version = registry.version_of_training(training.training_id) or register(
        registry, selection.settings, training, selection.training_set, evaluation, selected
    )
    failpoint("train.after_register")
    return version


def _approvals_now(transaction: Transaction) -> Mapping[str, object]:
    """The approvals that hold, by alias, locked against other decisions."""
    return {alias: current_approval(lock_decisions(transaction, alias)) for alias in _ALIASES}


def _overtaken(decision: GateDecision) -> GateDecision:
    return replace(
        decision,
        verdict="keep",
        is_challenger=False,
        reason=f"{decision.reason} But champion or challenger changed while it was evaluated, so "
        "it is registered without an alias; the next training evaluates anew.",
    )


def _write_evaluations(
    transaction: Transaction,
    training: Training,
    evaluation: Evaluation,
    fits: Mapping[str, Fit],
    rows_count: int,
) -> None:
    """What every candidate gains over the recency baseline."""
    ledger.write_evaluations(
        transaction,
        training.training_id,
        {
            (name, f"{metric}_minus_{BASELINE}"): evaluation.difference(name, BASELINE, metric)
            for name in evaluation.values
            for metric in METRICS
            if BASELINE in evaluation.values and name != BASELINE
        },
        rows_count,
        {name: fit.mlflow_run_id for name, fit in fits.items()},
    )


def _write_differences(
    transaction: Transaction, training: Training, selected: SelectedModel
) -> None:
    """What the best candidate gains over the champion, where the two could be compared."""
    comparison, name = selected.comparison, selected.fit.model_name
    if comparison is None or comparison.evaluation is None:
        return
    difference = comparison.evaluation.difference
    ledger.write_evaluations(
        transaction,
        training.training_id,
        {
            (name, f"{metric}_minus_{CHAMPION}"): difference(CANDIDATE, CHAMPION, metric)
            for metric in METRICS
        },
        comparison.rows_count,
        {name: selected.fit.mlflow_run_id},
    )


def _write_decisions(
    transaction: Transaction,
    settings: Settings,
    training: Training,
    fit: Fit,
    decision: GateDecision,
    version: ModelVersion,
) -> None:
    """A ledger row for what was decided about the champion, one more for a new challenger."""
    challenger = [("challenger", "promote")] if decision.is_challenger else []
    for alias, verdict in (*challenger, ("champion", decision.verdict)):
        write_decision(
            transaction,
            settings=settings,
            alias=alias,
            model_name=fit.model_name,
            version=version.version,
            bundle_sha256=version.tags["bundle_sha256"],
            verdict=verdict,
            decided_by="gate",
            reason=decision.reason,
            evidence=dict(decision.evidence),
            training_id=training.training_id,
        )
