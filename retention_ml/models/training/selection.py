"""Selecting the best candidate: choice, final fit, comparison, registration, ledger, aliases."""

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

import pyarrow as pa

from retention_ml.errors import RetentionError, UnfitModel, is_out_of_memory
from retention_ml.failpoints import failpoint
from retention_ml.labels.definition import churn_definition
from retention_ml.models.bundle.bundle import Bundle
from retention_ml.models.bundle.starter import shipped
from retention_ml.models.evaluation.fairness import fairness_check
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
    Decision,
    current_approval,
    decisions,
    lock_decisions,
    write_decision,
)
from retention_ml.models.registry.mlflow_registry import Registry
from retention_ml.models.registry.model_version import ModelVersion, ServedModel
from retention_ml.models.training import ledger
from retention_ml.models.training.candidates import BASELINE
from retention_ml.models.training.comparison import compare, fairness_of, is_same, limits_of
from retention_ml.models.training.data.customer_groups import customer_groups
from retention_ml.models.training.data.training_set import TrainingSet
from retention_ml.models.training.gate_errors import write_gate_error
from retention_ml.models.training.ledger import Fit, Training
from retention_ml.models.training.overview import try_show_training
from retention_ml.models.training.preparation import load_prepared
from retention_ml.models.training.registration import (
    SelectedModel,
    fit_final,
    register,
    try_show_verdict,
)
from retention_ml.receipts import DecisionReceipt
from retention_ml.settings import Settings
from retention_ml.statistics.bootstrap import Interval
from retention_ml.statistics.metrics import METRICS, Evaluation, Predictions, evaluate
from retention_ml.warehouse import Transaction, Warehouse

logger = logging.getLogger(__name__)

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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Result:
    """What a selection comes to; nothing of it is written yet.

    `selected` is None where there is no best candidate.
    """

    fits: Mapping[str, Fit]
    evaluation: Evaluation
    rows_count: int
    choice: Choice
    selected: SelectedModel | None

    @property
    def decision(self) -> GateDecision:
        """What becomes of the best candidate, or that there is none."""
        if self.selected is None:
            return gate_without_champion(self.choice, ())
        return self.selected.decision


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
    training_id = training.training_id
    if ledger.training(warehouse, training_id).status != "selected":
        training_set = training_set or load_prepared(warehouse, settings, training)
        selection = _Selection(
            warehouse=warehouse,
            registry=registry,
            settings=settings,
            training=training,
            training_set=training_set,
            trial_between=trial_between,
        )
        try:
            _select(selection)
        except Exception as error:  # a gate that does not work lets nobody through
            if not _is_defect(error):
                raise
            logger.exception("Selecting from training %s failed; the champion stays.", training_id)
            write_gate_error(warehouse, training_id, error, settings.run_id)
    failpoint("train.after_commit")
    try_sync_aliases(registry, warehouse)
    training = ledger.training(warehouse, training_id)
    try_show_verdict(registry, training)
    try_show_training(registry, warehouse, settings, training, training_set)
    verdict = training.verdict or "keep"
    history = decisions(warehouse, "champion")
    sha256 = [
        each.bundle_sha256 for each in history if each.model_version == training.model_version
    ]
    receipt = DecisionReceipt(
        door="models.select",
        as_of=training.as_of,
        sentence=f"{verdict}: {training.reason}",
        seconds=time.monotonic() - began,
        details={
            "training_id": training_id,
            "verdict": verdict,
            "reason": training.reason,
            "selected_model": training.selected_model,
            "model_version": training.model_version,
            "bundle_sha256": sha256[-1] if sha256 else None,
        },
    )
    return warehouse.record(receipt, settings.run_id)


def _is_defect(error: Exception) -> bool:
    """Whether neither warehouse, registry, data and request nor the machine caused an error.

    What they caused goes up, to be retried or answered.
    """
    return not isinstance(error, (RetentionError, OSError)) and not is_out_of_memory(error)


def _select(selection: _Selection) -> None:
    """Evaluate the candidates, register the best one, and write what was decided.

    No transaction is open while something is fitted or the registry is asked. Of two processes
    at once both evaluate; one registers and writes, the other finds that done.
    """
    warehouse, training_id = selection.warehouse, selection.training.training_id
    result = _evaluate(selection)
    with warehouse.exclusive(f"select:{training_id}"):
        if ledger.training(warehouse, training_id).status == "selected":
            return
        version = _version_of(selection, result) if result.selected else None
        with warehouse.transaction() as transaction:
            if ledger.lock_prepared(transaction, training_id):
                _write(transaction, selection, result, version)


def _evaluate(selection: _Selection) -> _Result:
    """The best candidate and what becomes of it: nothing is written."""
    warehouse, settings = selection.warehouse, selection.settings
    training, training_set = selection.training, selection.training_set
    fits = ledger.fits(warehouse, training.training_id)
    predictions = ledger.predictions(warehouse, training, fits, training_set)
    evaluation = evaluate(
        predictions, draws=settings.training.bootstrap_draws, seed=settings.training.seed
    )
    outcome = predictions.evaluated().outcome
    rows_count, churned = len(outcome), int(outcome.sum())
    choice = choose(
        evaluation,
        baseline=BASELINE,
        churned=churned,
        retained=rows_count - churned,
        preferred=settings.training.champion_candidate,
    )
    selected = None
    if choice.best is not None:
        ece = evaluation.values[choice.best]["ece"].value
        selected = _decide(selection, choice, fits[choice.best], predictions, ece)
    return _Result(
        fits=fits, evaluation=evaluation, rows_count=rows_count, choice=choice, selected=selected
    )


def _version_of(selection: _Selection, result: _Result) -> ModelVersion | None:
    """The version of the best candidate, registered now unless an earlier try did; None where it
    is the champion."""
    selected, training = result.selected, selection.training
    if selected is None or not selected.is_new:
        return None
    version = selection.registry.version_of_training(training.training_id, selected.bundle.sha256)
    if version is None:
        version = register(
            selection.registry,
            selection.settings,
            training,
            selection.training_set,
            result.evaluation,
            selected,
        )
    failpoint("train.after_register")
    return version


def _write(
    transaction: Transaction,
    selection: _Selection,
    result: _Result,
    version: ModelVersion | None,
) -> None:
    """Write what was measured and decided, and close the training."""
    training_id, evaluation = selection.training.training_id, result.evaluation
    for name in evaluation.values if BASELINE in evaluation.values else ():
        if name != BASELINE:
            differences = _differences(evaluation, name, BASELINE)
            ledger.write_evaluations(
                transaction, training_id, result.fits[name], differences, result.rows_count
            )
    decision, selected = result.decision, result.selected
    comparison = selected.comparison if selected else None
    if selected and comparison and comparison.evaluation:
        differences = _differences(comparison.evaluation, CANDIDATE, CHAMPION)
        ledger.write_evaluations(
            transaction,
            training_id,
            selected.fit,
            differences,
            comparison.evidence["predictions"],
        )
    if selected and version:
        decision = _write_decisions(
            transaction, selection.settings, selection.training, selected, version
        )
    ledger.close_training(
        transaction,
        training_id,
        selected_model=result.choice.best,
        verdict=decision.verdict,
        reason=decision.reason,
        model_version=version.version if version else None,
    )


def _differences(evaluation: Evaluation, name: str, other: str) -> dict[str, Interval]:
    """What a model gains over another, by metric."""
    return {
        f"{metric}_minus_{other}": evaluation.difference(name, other, metric) for metric in METRICS
    }


def _decide(
    selection: _Selection, choice: Choice, fit: Fit, predictions: Predictions, ece: float
) -> SelectedModel:
    """The best candidate fitted anew, and what becomes of it: nothing is written."""
    warehouse, settings = selection.warehouse, selection.settings
    training, training_set = selection.training, selection.training_set
    champion, challenger, approvals = _served_models(selection)
    bundle = fit_final(settings, training, fit, training_set)
    limits = limits_of(settings, bundle, training_set, training.as_of, predictions, ece)
    customers = training_set.customers.take(
        pa.array(training_set.positions(training.plan.evaluation))
    )
    attributes = customer_groups(warehouse, settings, training.as_of, customers)
    groups = fairness_of(
        settings, training, training_set, predictions, attributes, name=fit.model_name
    )
    scorer = champion.bundle if champion else _starter(warehouse, settings)
    slot = (
        find_slot(warehouse, settings, scorer, challenger, selection.trial_between)
        if scorer
        else None
    )
    comparison: OfflineComparison | None = None
    is_new = champion is None or not is_same(bundle, champion.bundle)
    if champion is None:
        decision = gate_without_champion(choice, [*limits, fairness_check(groups)], slot=slot)
    else:
        comparison = (
            compare(
                settings,
                training,
                training_set,
                predictions,
                attributes,
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
            limits if comparison else [*limits, fairness_check(groups)],
            slot=slot,
            decides=settings.promotion.evidence,
            mode=settings.promotion.mode,
        )
    return SelectedModel(
        fit=fit,
        bundle=bundle,
        decision=replace(decision, evidence={**decision.evidence, "fairness": groups.to_dict()}),
        comparison=comparison,
        is_new=is_new,
        approvals=approvals,
    )


def _served_models(
    selection: _Selection,
) -> tuple[ServedModel | None, ServedModel | None, dict[str, Decision | None]]:
    """Champion, challenger, and the approvals that held all the while they were loaded.

    Loading takes time and may itself note a decision, so it is done again after one.
    """
    approvals = _approvals(selection.warehouse)
    while True:
        champion, challenger = (
            load_served_model(selection.registry, selection.warehouse, alias) for alias in _ALIASES
        )
        before, approvals = approvals, _approvals(selection.warehouse)
        if approvals == before:
            return champion, challenger, approvals


def _approvals(warehouse: Warehouse) -> dict[str, Decision | None]:
    """The approvals that hold, by alias."""
    return {alias: current_approval(decisions(warehouse, alias)) for alias in _ALIASES}


def _starter(warehouse: Warehouse, settings: Settings) -> Bundle | None:
    """The starter model where it is what scores: before the first champion, if it is allowed."""
    had_champion = any(each.verdict in APPROVED for each in decisions(warehouse, "champion"))
    if had_champion or not settings.scoring.starter:
        return None
    try:
        return shipped.starter(churn_definition(settings), threads=settings.compute.threads)
    except UnfitModel:  # nobody is scored with it, so nobody is on trial against it
        return None


def _write_decisions(
    transaction: Transaction,
    settings: Settings,
    training: Training,
    selected: SelectedModel,
    version: ModelVersion,
) -> GateDecision:
    """Write what was decided about the champion, and of a new challenger; what holds now."""
    decision = selected.decision
    approvals = {alias: current_approval(lock_decisions(transaction, alias)) for alias in _ALIASES}
    if approvals != selected.approvals:
        decision = replace(
            decision,
            verdict="keep",
            reason=f"{decision.reason} But champion or challenger changed while it was evaluated, "
            "so it is registered without an alias; the next training evaluates anew.",
        )
    challenger = [("challenger", "promote")] if decision.is_challenger else []
    for alias, verdict in (*challenger, ("champion", decision.verdict)):
        write_decision(
            transaction,
            settings=settings,
            alias=alias,
            model_name=selected.fit.model_name,
            version=version.version,
            bundle_sha256=version.tags["bundle_sha256"],
            verdict=verdict,
            decided_by="gate",
            reason=decision.reason,
            evidence=dict(decision.evidence),
            training_id=training.training_id,
        )
    return decision
