"""The door `approve`: a person agrees, or not, to what a day waits for."""

import time
from datetime import date

from retention_ml import clock
from retention_ml.actions.release.release import questions
from retention_ml.errors import UsageError
from retention_ml.receipts import DecisionReceipt
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse


def approve(
    warehouse: Warehouse,
    *,
    settings: Settings,
    as_of: date,
    by: str,
    reason: str = "",
    is_rejected: bool = False,
) -> DecisionReceipt:
    """Record the answer to everything that a day waits for; `assign` then releases it.

    Parameters
    ----------
    as_of : date
        The decision day.
    by : str
        The person.
    reason : str
        Why, in words.
    is_rejected : bool
        Whether they say no. A later answer replaces it.

    Raises
    ------
    UsageError
        Nobody is named, or the day waits for nobody.
    """
    started = time.perf_counter()
    if not by.strip():
        raise UsageError("Say who decides, with --by NAME. Nothing was recorded.")
    verdict = "reject" if is_rejected else "approve"
    with warehouse.transaction() as transaction:
        waiting = transaction.execute(
            "SELECT 1 FROM actions.days WHERE as_of = :as_of AND status = 'waiting'", as_of=as_of
        )
        asked = questions(transaction, settings, as_of)
        if not waiting or not asked:
            raise UsageError(
                f"The actions of {as_of} wait for nobody. `retention assign --as-of {as_of}` says "
                "how they stand."
            )
        for question in asked:
            transaction.insert_row(
                "actions.approvals",
                {
                    **question,
                    "verdict": verdict,
                    "decided_by": by,
                    "reason": reason,
                    "decided_at": clock.now(),
                    "run_id": settings.run_id,
                },
            )
    subjects = ", ".join(f"{each['subject']} {each['subject_id']}" for each in asked)
    return warehouse.record(
        DecisionReceipt(
            door="approve",
            as_of=as_of,
            seconds=time.perf_counter() - started,
            sentence=f"{by} {'rejects' if is_rejected else 'approves'} {subjects}.",
            details={"verdict": verdict, "subjects": asked},
        ),
        settings.run_id,
    )
