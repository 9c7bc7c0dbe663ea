"""Whether what was decided for a day may leave the house, and the messages that then do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Literal

from retention_ml import clock
from retention_ml.actions.catalogue.catalogue import Catalogue
from retention_ml.actions.outbox.outbox import enqueue
from retention_ml.actions.release.messages import messages
from retention_ml.settings import Settings
from retention_ml.warehouse import Transaction, Warehouse

Status = Literal["shadow", "waiting", "released"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The status of a day and why, in words; `questions` are what a person has to answer."""

    status: Status
    reason: str
    questions: Sequence[Mapping[str, str]] = ()


def standing(transaction: Transaction, settings: Settings, *, as_of: date, today: date) -> Standing:
    """Whether the decision of a day, as it stands in the tables, may leave the house.

    Parameters
    ----------
    as_of : date
        The decision day.
    today : date
        The shop's day now.
    """
    why = _why_shadow(transaction, settings, as_of, today)
    if why:
        return Standing(status="shadow", reason=why)
    asked = questions(transaction, settings, as_of)
    if not asked:
        return Standing(status="released", reason="Enabled, of today, and approved as needed.")
    what = ", ".join(f"{each['subject']} {each['subject_id']}" for each in asked)
    return Standing(
        status="waiting",
        reason=f"[actions] approval = {settings.actions.approval!r}: a person must agree to {what}.",
        questions=asked,
    )


def release(
    transaction: Transaction,
    settings: Settings,
    catalogue: Catalogue,
    *,
    as_of: date,
    released_at: datetime,
) -> dict[str, int]:
    """Put the messages of a day into the outbox; how many there are, and why others are not.

    A message that cannot be written is left out: the customer stays assigned, as intended.
    """
    lead = timedelta(hours=settings.actions.send_within_hours)
    written, refused = messages(
        transaction,
        settings,
        catalogue,
        as_of=as_of,
        not_before=min(clock.midnight(as_of, settings.calendar.timezone), released_at),
        expires_at=released_at + lead,
        given_at=released_at,
    )
    enqueued = enqueue(transaction, written, run_id=settings.run_id)
    transaction.execute(
        "UPDATE actions.days SET status = 'released', released_at = :at, reason = :reason, "
        "run_id = :run_id WHERE as_of = :as_of",
        at=released_at,
        reason="Enabled, of today, and approved as needed.",
        run_id=settings.run_id,
        as_of=as_of,
    )
    return {"enqueued": enqueued, **refused}


def released_until(warehouse: Warehouse) -> date | None:
    """The newest day that left the house; None before the first."""
    with warehouse.transaction() as transaction:
        [(newest,)] = transaction.execute(
            "SELECT max(as_of) FROM actions.days WHERE status = 'released'"
        )
    return newest if newest is None else date.fromisoformat(str(newest))


def set_status(transaction: Transaction, result: Standing, as_of: date, run_id: str) -> None:
    """Store that a day is not released, and why."""
    transaction.execute(
        "UPDATE actions.days SET status = :status, reason = :reason, run_id = :run_id "
        "WHERE as_of = :as_of AND status <> 'released'",
        status=result.status,
        reason=result.reason,
        run_id=run_id,
        as_of=as_of,
    )


def _why_shadow(
    transaction: Transaction, settings: Settings, as_of: date, today: date
) -> str | None:
    """Why nothing may leave, whoever agrees; None if it may."""
    if not settings.actions.enabled:
        return "[actions] enabled is false."
    if as_of != today:
        past = "past" if as_of < today else "future"
        return f"The day is in the {past}: today is {today}."
    [(newest,)] = transaction.execute(
        "SELECT max(as_of) FROM actions.days WHERE status = 'released'"
    )
    if newest is not None and newest > as_of:
        return f"{newest} was released already: the clock went back."
    [(has_holdout,)] = transaction.execute(
        "SELECT holdout_id IS NOT NULL FROM actions.days WHERE as_of = :as_of", as_of=as_of
    )
    if settings.holdout.share > 0 and not has_holdout:
        return (
            "No holdout has begun: it is drawn before the first score of its period, "
            "and begins tomorrow."
        )
    return None


def questions(transaction: Transaction, settings: Settings, as_of: date) -> list[Mapping[str, str]]:
    """What a person has to agree to and has not, as subject, subject_id and version."""
    approval = settings.actions.approval
    if approval == "never":
        return []
    if approval == "always":
        subjects = (
            "SELECT 'day' AS subject, CAST(as_of AS text) AS subject_id, "
            "assignments_digest AS version FROM actions.days WHERE as_of = :as_of"
        )
    else:
        subjects = (
            "SELECT 'policy' AS subject, policy_id AS subject_id, CAST(version AS text) AS version "
            "FROM actions.policies WHERE policy_id = (SELECT policy_id FROM actions.days "
            "WHERE as_of = :as_of) UNION ALL "
            "SELECT 'action', action_id, version_sha256 FROM actions.catalogue "
            "WHERE version_sha256 = ANY (SELECT jsonb_path_query(document, "
            "'$.actions.*.version_sha256') #>> '{}' FROM actions.catalogues WHERE "
            "catalogue_sha256 = (SELECT catalogue_sha256 FROM actions.days WHERE as_of = :as_of)) "
            "AND action_id IN (SELECT action_id FROM actions.assignments "
            "WHERE as_of = :as_of AND action_id <> 'none')"
        )
    rows: Sequence[Any] = transaction.execute(
        f"SELECT subject, subject_id, version FROM ({subjects}) AS asked "
        "WHERE coalesce((SELECT verdict FROM actions.approvals AS answer "
        "WHERE (answer.subject, answer.subject_id, answer.version) = "
        "(asked.subject, asked.subject_id, asked.version) "
        "ORDER BY approval_id DESC LIMIT 1), '') <> 'approve' ORDER BY 1 DESC, 2",
        as_of=as_of,
    )
    return [dict(row._mapping) for row in rows]
