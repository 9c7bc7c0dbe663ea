"""The door `decide`: the newest look at a trial becomes a decision in the ledger, once.

A challenger that won becomes champion, automatically or when a person approved; one that lost, or
whose time is over, makes room for the next.
"""

import time
from dataclasses import dataclass, replace
from datetime import date

from retention_ml.errors import UnfitModel
from retention_ml.labels.definition import churn_definition
from retention_ml.models.promotion.apply import try_sync_aliases
from retention_ml.models.promotion.decisions import (
    current_approval,
    decisions_of,
    retire_challenger,
)
from retention_ml.models.promotion.promote import (
    NO_CHAMPION,
    Promotable,
    Promotion,
    check_promotable,
    follow_promotion,
    record_promotion,
)
from retention_ml.models.registry.mlflow_registry import Registry
from retention_ml.outcomes.trial import trials
from retention_ml.outcomes.trial.answer import Answer
from retention_ml.outcomes.trial.answer_ledger import record_answer, record_keep
from retention_ml.outcomes.trial.next_step import Case, Step, next_step
from retention_ml.receipts import DecisionReceipt
from retention_ml.settings import Settings
from retention_ml.warehouse import Transaction, Warehouse

DECIDED_BY = "outcomes"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Winner:
    """A challenger that won, its files checked: it may serve, or `fault` says why not."""

    sha256: str
    promotable: Promotable | None = None
    fault: str = ""


def decide(
    warehouse: Warehouse,
    *,
    settings: Settings,
    as_of: date,
    approved_by: str | None = None,
    refused_by: str | None = None,
    remark: str = "",
    version: str | None = None,
) -> DecisionReceipt:
    """Carry out what the newest look at the open trial says.

    `details`: `verdict` (promote, keep, inconclusive), `acted`, `reason`, `trial_id`. Nothing is
    done where no trial is open, where a later day than `as_of` has been looked at, or where
    champion or challenger have changed. Repeated or concurrent calls decide once.

    Parameters
    ----------
    approved_by : str, optional
        The person who approved; without one nothing is promoted where `promotion.mode` is
        `approval`. A challenger that lost is retired in any case.
    refused_by : str, optional
        The person who turned the challenger down: the ledger keeps it and the challenger is
        retired, whatever the newest look says. `NOBODY` where no answer came in time: the ledger
        keeps it, and the trial continues.
    remark : str
        What the person added.
    version : str, optional
        The challenger that the person was asked about; the answer counts for no other. It counts
        even if later days have been looked at since: a yes if the newest look says the same,
        otherwise the ledger keeps it and nothing is promoted.

    Raises
    ------
    UsageError
        A name was given and is empty.
    RegistryError
        The winner's files are not at hand and the registry does not answer. Nothing was decided.
    """
    began = time.monotonic()
    answer = Answer(approved_by=approved_by, refused_by=refused_by, remark=remark, version=version)
    registry, needs_approval = Registry(settings), settings.promotion.mode == "approval"
    with warehouse.transaction() as transaction:
        case = _open_case(transaction, settings, as_of, answer)
    winner = _check_winner(warehouse, registry, case, needs_approval=needs_approval)
    with warehouse.transaction() as transaction:
        transaction.lock("outcomes:decide")
        # Read again under the lock: checking the winner's files took time.
        case = _open_case(transaction, settings, as_of, answer)
        step = next_step(case, needs_approval=needs_approval)
        step, promotion = _carry_out(transaction, settings, case, step, winner)
        if not step.acted:
            record_answer(transaction, settings, answer, step.reason)
    if promotion is not None and winner is not None and winner.promotable is not None:
        follow_promotion(warehouse, registry, winner.promotable, promotion, began)
    else:
        try_sync_aliases(registry, warehouse)
    receipt = DecisionReceipt(
        door="decide",
        as_of=as_of,
        sentence=f"{step.verdict}: {step.reason}",
        seconds=time.monotonic() - began,
        details={
            "verdict": step.verdict,
            "acted": step.acted,
            "reason": step.reason,
            "trial_id": case.trial.trial_id if case else None,
        },
    )
    return warehouse.record(receipt, settings.run_id)


def _open_case(
    transaction: Transaction, settings: Settings, as_of: date, answer: Answer
) -> Case | None:
    """The newest open trial of the churn definition in force, or None."""
    definition_hash = churn_definition(settings).hash
    running = trials.open_trials(transaction)
    trial = next((one for one in running[::-1] if one.definition_hash == definition_hash), None)
    if trial is None:
        return None
    challenger = current_approval(decisions_of(transaction, "challenger"))
    if challenger is not None and challenger.bundle_sha256 != trial.challenger_sha256:
        challenger = None
    return Case(
        trial=trial,
        look=trials.newest_look(transaction, trial.trial_id),
        champion=current_approval(decisions_of(transaction, "champion")),
        challenger=challenger,
        answer=answer,
        as_of=as_of,
    )


def _check_winner(
    warehouse: Warehouse, registry: Registry, case: Case | None, *, needs_approval: bool
) -> _Winner | None:
    """The challenger that is to become champion; None where nobody is.

    The registry is asked, so no transaction is open.
    """
    if case is None or next_step(case, needs_approval=needs_approval).action != "promote":
        return None
    trial, decided_by = case.trial, case.answer.approved_by or DECIDED_BY
    try:
        promotable = check_promotable(warehouse, registry, trial.challenger_version, decided_by)
    except UnfitModel as error:
        return _Winner(sha256=trial.challenger_sha256, fault=str(error))
    return _Winner(sha256=promotable.bundle.sha256, promotable=promotable)


def _carry_out(
    transaction: Transaction,
    settings: Settings,
    case: Case | None,
    step: Step,
    winner: _Winner | None,
) -> tuple[Step, Promotion | None]:
    """Write what a step asks for; the step as it was carried out, and the promotion if any."""
    if case is None:
        return step, None
    trial, acted, promotion = case.trial, False, None
    if step.action == "promote":
        step, promotion = _promote(transaction, settings, case, step.reason, winner)
        acted = step.acted
    elif step.action == "close":
        trials.close_as_champion(transaction, trial, reason=step.reason, ended_on=case.as_of)
    elif step.action in ("silence", "reject") and case.challenger is not None:
        who = str(case.answer.refused_by)
        acted = record_keep(transaction, settings, case.challenger, who, step.reason, case.evidence)
    if step.action in ("reject", "retire"):
        acted = True
        retire_challenger(
            transaction,
            settings=settings,
            bundle_sha256=trial.challenger_sha256,
            decided_by=DECIDED_BY,
            reason=step.reason,
            evidence=case.evidence,
        )
        trials.close(
            transaction,
            trial.trial_id,
            status=step.status,
            reason=step.reason,
            ended_on=case.decided_on,
        )
    return replace(step, acted=acted), promotion


def _promote(
    transaction: Transaction,
    settings: Settings,
    case: Case,
    reason: str,
    winner: _Winner | None,
) -> tuple[Step, Promotion | None]:
    """Make the challenger champion and end its trial; a version unfit to serve is to be retired.

    It waits where it was not this challenger whose files were checked.
    """
    trial = case.trial
    if winner is None or winner.sha256 != trial.challenger_sha256:
        changed = f"The trial changed while it was decided: the next run decides. {reason}"
        return Step(action="wait", reason=changed, verdict="promote"), None
    if winner.promotable is None:
        unfit = f"It won, but must not serve. {winner.fault}"
        return Step(action="retire", reason=unfit, verdict="keep", status="lost"), None
    promotion = record_promotion(
        transaction,
        settings,
        winner.promotable,
        decided_by=case.answer.approved_by or DECIDED_BY,
        reason=reason,
        evidence=case.evidence,
        instead_of=trial.champion_version if case.champion is not None else NO_CHAMPION,
    )
    if promotion.has_changed:
        trials.close(
            transaction, trial.trial_id, status="won", reason=reason, ended_on=case.decided_on
        )
    why = f"{promotion.sentence} {case.look.reason if case.look is not None else ''}"
    acted = promotion.has_changed
    return Step(action="promote", reason=why, verdict="promote", acted=acted), promotion
