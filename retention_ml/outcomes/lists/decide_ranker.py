"""The door `decide_ranker`: the newest look at the trial of two rankers becomes a decision, once."""

import time
from dataclasses import replace
from datetime import date, timedelta

from retention_ml.errors import UnfitModel
from retention_ml.failpoints import failpoint
from retention_ml.models.promotion.decisions import (
    lock_decisions,
    retire_challenger,
    write_decision,
)
from retention_ml.outcomes.lists.ranker_trial import definition_hash
from retention_ml.outcomes.trial import trials
from retention_ml.outcomes.trial.answer import Answer
from retention_ml.outcomes.trial.decide import DECIDED_BY
from retention_ml.outcomes.trial.next_step import Case, Step, next_step
from retention_ml.receipts import DecisionReceipt
from retention_ml.recommendations.fitting.ledger import CHALLENGER, CHAMPION, load_ranker, serving
from retention_ml.recommendations.fitting.registration import show_rankers
from retention_ml.recommendations.ranker import MODEL_NAME
from retention_ml.settings import Settings
from retention_ml.warehouse import Transaction, Warehouse


def decide_ranker(warehouse: Warehouse, *, settings: Settings, as_of: date) -> DecisionReceipt:
    """Carry out what the newest look at the rankers' trial says; decided again, nothing happens.

    What is decided counts from the next day on: the lists of `as_of` may be published already.
    Where `promotion.mode` is `approval`, a challenger that won waits for `retention promote`.

    Returns
    -------
    DecisionReceipt
        `details`: `verdict` (promote, keep, inconclusive), `acted`, `reason`, `trial_id`.
    """
    started = time.perf_counter()
    with warehouse.transaction() as transaction:
        for alias in (CHAMPION, CHALLENGER):
            lock_decisions(transaction, alias)
        case = _open_case(transaction, settings, as_of)
        step = next_step(case, needs_approval=settings.promotion.mode == "approval")
        if case is not None:
            step = _carry_out(transaction, settings, case, step)
        failpoint("decide_ranker.before_commit")
    failpoint("decide_ranker.after_commit")
    if step.acted:
        show_rankers(warehouse, settings)
    receipt = DecisionReceipt(
        door="decide_ranker",
        as_of=as_of,
        sentence=f"{step.verdict}: {step.reason}",
        seconds=time.perf_counter() - started,
        details={
            "verdict": step.verdict,
            "acted": step.acted,
            "reason": step.reason,
            "trial_id": case.trial.trial_id if case else None,
        },
    )
    return warehouse.record(receipt, settings.run_id)


def _open_case(transaction: Transaction, settings: Settings, as_of: date) -> Case | None:
    """The newest open trial of rankers with what its decision depends on, or None."""
    window = definition_hash(settings)
    running = trials.open_trials(transaction, MODEL_NAME)
    trial = next((one for one in running[::-1] if one.definition_hash == window), None)
    if trial is None:
        return None
    challenger = serving(transaction, as_of, CHALLENGER)
    if challenger is not None and challenger.bundle_sha256 != trial.challenger_sha256:
        challenger = None
    return Case(
        trial=trial,
        look=trials.newest_look(transaction, trial.trial_id),
        champion=serving(transaction, as_of),
        challenger=challenger,
        answer=Answer(),
        as_of=as_of,
    )


def _carry_out(transaction: Transaction, settings: Settings, case: Case, step: Step) -> Step:
    """Write what a step asks for; the step as it was carried out."""
    trial, counts_from = case.trial, case.as_of + timedelta(days=1)
    if step.action == "promote":
        try:
            load_ranker(transaction, trial.challenger_sha256, settings.compute.threads)
        except UnfitModel as error:
            reason = f"It won, but must not make lists. {error}"
            step = Step(action="retire", reason=reason, verdict="keep", status="lost")
    if step.action == "close":
        trials.close_as_champion(transaction, trial, reason=step.reason, ended_on=case.as_of)
        return step
    if step.action == "promote":
        write_decision(
            transaction,
            settings=settings,
            alias=CHAMPION,
            model_name=MODEL_NAME,
            version=trial.challenger_version,
            bundle_sha256=trial.challenger_sha256,
            verdict="promote",
            decided_by=DECIDED_BY,
            reason=step.reason,
            evidence=case.evidence,
            as_of=counts_from,
        )
    elif step.action == "retire":
        retire_challenger(
            transaction,
            settings,
            trial.challenger_sha256,
            DECIDED_BY,
            step.reason,
            case.evidence,
            alias=CHALLENGER,
            as_of=counts_from,
        )
    else:
        return step
    trials.close(
        transaction,
        trial.trial_id,
        status=step.status or "won",
        reason=step.reason,
        ended_on=case.as_of,
    )
    return replace(step, acted=True)
