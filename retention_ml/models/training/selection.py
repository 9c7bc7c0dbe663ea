"""Selecting the best candidate: choice, final fit, comparison, registration, ledger, aliases."""

import time
from dataclasses import replace

from retention_ml.errors import UnfitModel
from retention_ml.failpoints import reach
from retention_ml.labels.definition import churn_definition
from retention_ml.models.bundle.bundle import Bundle
from retention_ml.models.bundle.starter import shipped
from retention_ml.models.evaluation.gate import Choice, Gate, beside, choose, first
from retention_ml.models.evaluation.offline_comparison import CANDIDATE, CHAMPION, Contest, keep
from retention_ml.models.promotion.aliases import settle_or_later
from retention_ml.models.promotion.challenger_slot import TrialBetween, seat_of
from retention_ml.models.promotion.decisions import (
    APPROVED,
    decisions,
    locked,
    standing,
    write_decision,
)
from retention_ml.models.promotion.reconcile import follow
from retention_ml.models.registry.mlflow_registry import ModelVersion, Registry, ServedModel
from retention_ml.models.training import ledger
from retention_ml.models.training.candidates import BASELINE
from retention_ml.models.training.comparison import compare, is_same, limits_of
from retention_ml.models.training.ledger import Fit, Training
from retention_ml.models.training.preparation import load_rows
from retention_ml.models.training.registration import Judged, final, register
from retention_ml.models.training.training_set import TrainingSet
from retention_ml.receipts import Receipt
from retention_ml.settings import Settings
from retention_ml.statistics.metrics import METRICS, Evaluation, Predictions, evaluate
from retention_ml.warehouse import Transaction, Warehouse

_ALIASES = ("champion", "challenger")


def select_best(
    warehouse: Warehouse,
    settings: Settings,
    training: Training,
    loaded: TrainingSet | None,
    trial_between: TrialBetween,
) -> Receipt:
    """The receipt of `train.select`; `loaded` spares reading the rows again."""
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
            _judge_and_register(
                warehouse, transaction, registry, settings, training, loaded, trial_between
            )
    reach("train.after_commit")
    settle_or_later(registry, warehouse)
    training = ledger.training(warehouse, training.training_id)
    sha256 = [
        decision.bundle_sha256
        for decision in decisions(warehouse, "champion")
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
            "bundle_sha256": sha256[-1] if sha256 else None,
        },
    )
    return warehouse.record(receipt, settings.run_id)


def _judge_and_register(
    warehouse: Warehouse,
    transaction: Transaction,
    registry: Registry,
    settings: Settings,
    training: Training,
    loaded: TrainingSet | None,
    trial_between: TrialBetween,
) -> None:
    fits = ledger.fits(warehouse, training.training_id)
    rows = loaded or load_rows(warehouse, settings, training)
    predicted = ledger.predictions(warehouse, training.training_id, list(fits), rows, training.plan)
    evaluation = evaluate(
        predicted, draws=settings.training.bootstrap_draws, seed=settings.training.seed
    )
    _write_evaluations(transaction, training, evaluation, fits, len(predicted.outcome))
    choice = choose(
        evaluation,
        baseline=BASELINE,
        churned=int(predicted.outcome.sum()),
        retained=int(len(predicted.outcome) - predicted.outcome.sum()),
        preferred=settings.training.champion_candidate,
    )
    said, version = first(choice, ()), None
    if choice.best is not None:
        ece = evaluation.values[choice.best]["ece"].value
        found = _judge(
            warehouse,
            registry,
            settings,
            training,
            rows,
            predicted,
            choice,
            fits[choice.best],
            ece,
            trial_between,
        )
        said = found.said
        _write_differences(transaction, training, found)
        if found.is_new:
            version = registry.version_of_training(training.training_id) or register(
                registry, settings, training, rows, evaluation, found
            )
            reach("train.after_register")
            if {each: standing(locked(transaction, each)) for each in _ALIASES} != found.before:
                said = _overtaken(said)
            _write_decisions(transaction, settings, training, found.chosen, said, version)
    ledger.close_training(
        transaction,
        training_id=training.training_id,
        selected_model=choice.best,
        verdict=said.verdict,
        reason=said.reason,
        model_version=version.version if version else None,
    )


def _judge(
    warehouse: Warehouse,
    registry: Registry,
    settings: Settings,
    training: Training,
    rows: TrainingSet,
    predicted: Predictions,
    choice: Choice,
    chosen: Fit,
    ece: float,
    trial_between: TrialBetween,
) -> Judged:
    """What becomes of the best candidate beside those who serve now."""
    serving: dict[str, ServedModel | None] = {
        alias: follow(registry, warehouse, alias) for alias in _ALIASES
    }
    before = {alias: standing(decisions(warehouse, alias)) for alias in _ALIASES}
    bundle = final(settings, training, chosen, rows)
    held = limits_of(settings, bundle, rows, training.as_of, predicted, ece)
    champion = serving["champion"]
    is_new = champion is None or not is_same(bundle, champion.bundle)
    contest: Contest | None = None
    if champion is None:
        scorer = _starter(warehouse, settings)
        challenger = serving["challenger"]
        seat = seat_of(warehouse, settings, scorer, challenger, trial_between) if scorer else None
        said = first(choice, held, seat=seat)
    else:
        contest = (
            compare(
                warehouse,
                settings,
                training,
                rows,
                predicted,
                name=chosen.model_name,
                champion=champion.bundle,
                held=held,
            )
            if is_new
            else keep("It is identical to the champion, so the champion stays.")
        )
        said = beside(
            choice,
            contest,
            held,
            seat=seat_of(
                warehouse, settings, champion.bundle, serving["challenger"], trial_between
            ),
            decides=settings.promotion.evidence,
            mode=settings.promotion.mode,
        )
    return Judged(
        chosen=chosen, bundle=bundle, said=said, contest=contest, is_new=is_new, before=before
    )


def _starter(warehouse: Warehouse, settings: Settings) -> Bundle | None:
    """The starter model where it is what scores: before the first champion, if it is allowed."""
    had_champion = any(each.verdict in APPROVED for each in decisions(warehouse, "champion"))
    if had_champion or not settings.scoring.starter:
        return None
    try:
        return shipped.starter(churn_definition(settings))
    except UnfitModel:  # nobody is scored with it, so nobody is on trial beside it
        return None


def _overtaken(said: Gate) -> Gate:
    return replace(
        said,
        verdict="keep",
        is_challenger=False,
        reason=f"{said.reason} But champion or challenger changed while it was judged, so it is "
        "registered without a part; the next training judges anew.",
    )


def _write_evaluations(
    transaction: Transaction,
    training: Training,
    evaluation: Evaluation,
    fits: dict[str, Fit],
    rows_count: int,
) -> None:
    """What every candidate gains over the recency rule."""
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


def _write_differences(transaction: Transaction, training: Training, found: Judged) -> None:
    """What the best candidate gains over the champion, where the two could be compared."""
    if found.contest is None or found.contest.evaluation is None:
        return
    evaluation, name = found.contest.evaluation, found.chosen.model_name
    ledger.write_evaluations(
        transaction,
        training.training_id,
        {
            (name, f"{metric}_minus_{CHAMPION}"): evaluation.difference(CANDIDATE, CHAMPION, metric)
            for metric in METRICS
        },
        found.contest.rows_count,
        {name: found.chosen.mlflow_run_id},
    )


def _write_decisions(
    transaction: Transaction,
    settings: Settings,
    training: Training,
    chosen: Fit,
    said: Gate,
    version: ModelVersion,
) -> None:
    """A ledger row for what was decided about the champion, and one if it takes the other seat."""
    seat = [("challenger", "promote")] if said.is_challenger else []
    for alias, verdict in (*seat, ("champion", said.verdict)):
        write_decision(
            transaction,
            settings=settings,
            alias=alias,
            model_name=chosen.model_name,
            version=version.version,
            bundle_sha256=version.tags["bundle_sha256"],
            verdict=verdict,
            decided_by="gate",
            reason=said.reason,
            evidence=dict(said.evidence),
            training_id=training.training_id,
        )
