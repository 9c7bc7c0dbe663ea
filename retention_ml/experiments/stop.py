"""The door `stop`: a person ends an experiment."""

import time
from datetime import date

from retention_ml.errors import UsageError
from retention_ml.experiments import ledger
from retention_ml.experiments.ledger import OPEN, PLANNED, STOPPED
from retention_ml.receipts import DecisionReceipt
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse


def stop(
    warehouse: Warehouse,
    *,
    settings: Settings,
    as_of: date,
    experiment_id: str,
    by: str,
    reason: str,
) -> DecisionReceipt:
    """End an open or planned experiment without a verdict; an ended one is left as it is.

    Parameters
    ----------
    as_of : date
        The first day on which it decides no more.
    by, reason : str
        Who, and why; both are stored.
    """
    started = time.perf_counter()
    if not by.strip() or not reason.strip():
        raise UsageError(
            "Who stops the experiment, or why, is missing; expected both. Use --by and --reason."
        )
    with warehouse.transaction() as transaction:
        transaction.lock(ledger.LOCK)
        one = ledger.find(transaction, experiment_id)
        if one.began_on is not None and as_of < one.began_on:
            raise UsageError(
                f"Experiment {experiment_id} began on {one.began_on}; {as_of} is before that. "
                "Name a day from then on."
            )
        is_new = one.state in (PLANNED, OPEN)
        if is_new:
            ledger.move(
                transaction,
                experiment_id,
                STOPPED,
                since=as_of,
                reason=reason,
                by=by,
                run_id=settings.run_id,
            )
    sentence = (
        f"Experiment {experiment_id} is stopped from {as_of} on: {reason}"
        if is_new
        else f"Experiment {experiment_id} had ended: {one.state} on {one.ended_on}."
    )
    return warehouse.record(
        DecisionReceipt(
            door="stop",
            as_of=as_of,
            seconds=time.perf_counter() - started,
            sentence=sentence,
            details={"experiment_id": experiment_id, "is_new": is_new},
        ),
        settings.run_id,
    )
