"""The door `decide_ranker`: the newest look at the trial of two rankers becomes a decision, once."""

import time
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

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
from retention_ml.outcomes.trial.answer_ledger import record_answer, record_keep
from retention_ml.outcomes.trial.decide import DECIDED_BY
from retention_ml.outcomes.trial.next_step import Case, Step, next_step
from retention_ml.receipts import DecisionReceipt
from retention_ml.recommendations.fitting.ledger import CHALLENGER, CHAMPION, load_ranker, serving
from retention_ml.recommendations.fitting.registration import show_rankers
from retention_ml.recommendations.ranker import MODEL_NAME
from retention_ml.settings import Settings
from retention_ml.warehouse import Transaction, Warehouse

_FIGURES = (
    "scored_days_count", "customers_count", "mean_difference", "lower", "upper", "e_better",
    "e_worse",
)  # fmt: skip


def decide_ranker(
    warehouse: Warehouse,
    *,
    settings: Settings,
    as_of: date,
    approved_by: str | None = None,
    refused_by: str | None = None,
    remark: str = "",
    version: str | None = None,
) -> DecisionReceipt:
    """Carry out what the newest look at the rankers' trial says; decided again, nothing happens.

    What is decided counts from the next day on: the lists of `as_of` may be published already. A
    person's answer counts from the day after the newest published lists.

    Parameters
    ----------
    approved_by, refused_by, remark, version : str, optional
        What a person answered, as for churn models: see `trial.decide`. Where `promotion.mode` is
        `approval`, a challenger that won waits for one, or for `retention promote`.

    Returns
    -------
    DecisionReceipt
        `details`: `verdict` (promote, keep, inconclusive), `acted`, `reason`, `trial_id`,
        `waits_for_approval`, and of a trial that was open `champion_version`,
        `challenger_version` and `trial`: its first day and the figures of its newest look.

    Raises
    ------
    UsageError
        A name was given and is empty.
    """
    started = time.perf_counter()
    answer = Answer(approved_by=approved_by, refused_by=refused_by, remark=remark, version=version)
    with warehouse.transaction() as transaction:
        for alias in (CHAMPION, CHALLENGER):
            lock_decisions(transaction, alias)
        case = _open_case(transaction, settings, as_of, answer)
        step = next_step(case, needs_approval=settings.promotion.mode == "approval")
        counts_from = _counts_from(transaction, case.decided_on if case else as_of, answer)
        if case is not None:
            step = _carry_out(transaction, settings, case, step, counts_from)
        if not step.acted:
            record_answer(
                transaction, settings, answer, step.reason, alias=CHAMPION, as_of=counts_from
            )
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
            "waits_for_approval": _waits_for_approval(case, step),
            **(_about(case) if case else {}),
        },
    )
    return warehouse.record(receipt, settings.run_id)


def _about(case: Case) -> dict[str, Any]:
    """What a person who is asked needs to know."""
    trial, look = case.trial, case.look
    return {
        "champion_version": trial.champion_version,
        "challenger_version": trial.challenger_version,
        "trial": {
            "began_on": str(trial.began_on),
            **({name: look.figures[name] for name in _FIGURES} if look else {}),
        },
    }


def _waits_for_approval(case: Case | None, step: Step) -> bool:
    has_challenger = case is not None and case.challenger is not None
    return has_challenger and step.action == "wait" and step.verdict == "promote"


def _counts_from(transaction: Transaction, decided_on: date, answer: Answer) -> date:
    """The first day whose lists a decision may change; lists went on while a person was asked."""
    if answer.was_asked:
        rows = transaction.execute("SELECT max(as_of) FROM recommendations.published")
        decided_on = max(decided_on, rows[0][0] or decided_on)
    return decided_on + timedelta(days=1)


def _open_case(
    transaction: Transaction, settings: Settings, as_of: date, answer: Answer
) -> Case | None:
    """The newest open trial of rankers with what its decision depends on, or None."""
    window = definition_hash(settings)
    running = trials.open_trials(transaction, MODEL_NAME)
    trial = next((one for one in running[::-1] if one.definition_hash == window), None)
    if trial is None:
        return None
    on = date.max if answer.was_asked else as_of  # an answer meets what was decided meanwhile
    challenger = serving(transaction, on, CHALLENGER)
    if challenger is not None and challenger.bundle_sha256 != trial.challenger_sha256:
        challenger = None
    return Case(
        trial=trial,
        look=trials.newest_look(transaction, trial.trial_id),
        champion=serving(transaction, on),
        challenger=challenger,
        answer=answer,
        as_of=as_of,
    )


def _carry_out(
    transaction: Transaction, settings: Settings, case: Case, step: Step, counts_from: date
) -> Step:
    """Write what a step asks for; the step as it was carried out."""
    trial, acted = case.trial, True
    if step.action == "promote":
        try:
            load_ranker(transaction, trial.challenger_sha256, settings.compute.threads)
        except UnfitModel as error:
            reason = f"It won, but must not make lists. {error}"
            step = Step(action="retire", reason=reason, verdict="keep", status="lost")
    if step.action == "close":
        trials.close_as_champion(transaction, trial, reason=step.reason, ended_on=case.as_of)
        return step
    if step.action in ("silence", "reject") and case.challenger is not None:
        acted = record_keep(
            transaction,
            settings,
            case.challenger,
            str(case.answer.refused_by),
            step.reason,
            case.evidence,
            alias=CHAMPION,
            as_of=counts_from,
        )
    if step.action == "promote":
        write_decision(
            transaction,
            settings=settings,
            alias=CHAMPION,
            model_name=MODEL_NAME,
            version=trial.challenger_version,
            bundle_sha256=trial.challenger_sha256,
            verdict="promote",
            decided_by=case.answer.approved_by or DECIDED_BY,
            reason=step.reason,
            evidence=case.evidence,
            as_of=counts_from,
        )
    elif step.action in ("reject", "retire"):
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
        return replace(step, acted=acted and step.action == "silence")
    trials.close(
        transaction,
        trial.trial_id,
        status=step.status or "won",
        reason=step.reason,
        ended_on=case.decided_on,
    )
    return replace(step, acted=True)
