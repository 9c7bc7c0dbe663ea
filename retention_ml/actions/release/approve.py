"""The door `approve`: a person agrees, or not, to what a day waits for."""

import time
from collections.abc import Mapping, Sequence
from datetime import date, datetime

from retention_ml import clock
from retention_ml.actions.release.release import questions
from retention_ml.errors import UsageError
from retention_ml.receipts import DecisionReceipt
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse

_NEWER = (
    "SELECT 1 FROM actions.approvals WHERE (subject, subject_id, version) = "
    "(:subject, :subject_id, :version) AND decided_at > :at LIMIT 1"
)


def approve(
    warehouse: Warehouse,
    *,
    settings: Settings,
    as_of: date,
    by: str,
    reason: str = "",
    is_rejected: bool = False,
    answered_at: datetime | None = None,
) -> DecisionReceipt:
    """Record the answer to everything that a day waits for; `assign` then releases it.

    An answer that was given before another one and is recorded after it does not replace it.

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
    answered_at : datetime, optional
        When they answered; by default now.

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
        decided_at = answered_at or clock.now()
        newer = [one for one in asked if transaction.execute(_NEWER, **one, at=decided_at)]
        recorded = [one for one in asked if one not in newer]
        for question in recorded:
            transaction.insert_row(
                "actions.approvals",
                {
                    **question,
                    "verdict": verdict,
                    "decided_by": by,
                    "reason": reason,
                    "decided_at": decided_at,
                    "run_id": settings.run_id,
                },
            )
    return warehouse.record(
        DecisionReceipt(
            door="approve",
            as_of=as_of,
            seconds=time.perf_counter() - started,
            sentence=_sentence(by, verdict, recorded, newer),
            details={"verdict": verdict, "subjects": recorded},
        ),
        settings.run_id,
    )


def _sentence(
    by: str, verdict: str, recorded: Sequence[Mapping[str, str]], newer: Sequence[Mapping[str, str]]
) -> str:
    parts = []
    if recorded:
        parts.append(f"{by} {verdict}s {_subjects(recorded)}.")
    if newer:
        parts.append(f"The answer of {by} is older than another one to {_subjects(newer)}.")
    return " ".join(parts)


def _subjects(asked: Sequence[Mapping[str, str]]) -> str:
    return ", ".join(f"{each['subject']} {each['subject_id']}" for each in asked)
