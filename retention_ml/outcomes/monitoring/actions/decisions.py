"""Action files with a mistake, coupons that run out, and days that wait for a person."""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

from retention_ml.actions.catalogue.catalogue import Catalogue
from retention_ml.actions.catalogue.coupons import codes_left, is_set_up
from retention_ml.actions.catalogue.last_good import catalogue_in_force
from retention_ml.actions.release.release import questions
from retention_ml.errors import SettingsError
from retention_ml.outcomes.monitoring.alerts import Alert
from retention_ml.settings import Settings
from retention_ml.warehouse import Transaction

# A pool is named when it lasts for fewer decision days than this, at the pace of the last seven.
_DAYS_LEFT_MIN = 7
_NEARLY, _EMPTY = 1, 2

_PACE = (
    "SELECT count(*) AS codes_count, count(DISTINCT as_of) AS days_count FROM actions.coupons "
    "WHERE pool = :pool AND as_of > :after AND as_of <= :as_of"
)
_REJECTED = (
    "SELECT 1 FROM (SELECT verdict, decided_at FROM actions.approvals WHERE (subject, subject_id, "
    "version) = (:subject, :subject_id, :version) ORDER BY approval_id DESC LIMIT 1) AS newest "
    "WHERE verdict = 'reject' AND decided_at >= :assigned_at"
)


def decision_alerts(
    transaction: Transaction, settings: Settings, *, as_of: date
) -> Iterator[Alert]:
    """An alert for everything about the decisions of a day that may need a person."""
    try:
        in_force = catalogue_in_force(transaction, settings.actions_folder)
    except SettingsError as error:
        if settings.actions.enabled:
            yield _mistake(str(error), "critical")
    else:
        if in_force.alert:
            yield _mistake(in_force.alert, "warning")
        if settings.actions.enabled:
            yield from _coupons(transaction, in_force.catalogue, settings.actions_folder, as_of)
    yield from _waiting(transaction, settings, as_of)


def _mistake(sentence: str, severity: str) -> Alert:
    return Alert(
        kind="action_files",
        subject="actions",
        severity="critical" if severity == "critical" else "warning",
        sentence=sentence,
        evidence={"mark": sentence},
    )


def _coupons(
    transaction: Transaction, catalogue: Catalogue, folder: Path, as_of: date
) -> Iterator[Alert]:
    """An alert for every pool of an action in force that is empty, or nearly.

    One that never held a code, and has no file, is not set up: `retention actions check` says so.
    """
    pools: dict[str, list[str]] = {}
    for action in catalogue.contacts.values():
        if action.coupons:
            pools.setdefault(action.coupons, []).append(action.action_id)
    after = as_of - timedelta(days=_DAYS_LEFT_MIN)
    for pool, actions in sorted(pools.items()):
        left = codes_left(transaction, pool)
        if not left and not is_set_up(transaction, folder, pool):
            continue
        [usage] = transaction.execute(_PACE, pool=pool, after=after, as_of=as_of)
        pace = usage.codes_count / usage.days_count if usage.days_count else 0.0
        if left and left >= _DAYS_LEFT_MIN * pace:
            continue
        names = " and ".join(actions)
        state = (
            f"has {left:,} {'code' if left == 1 else 'codes'} left, enough for "
            f"{left / pace:.1f} days like the last ones; then {names} is closed"
            if left
            else f"has no code left: {names} is closed"
        )
        yield Alert(
            kind="coupon_pool",
            subject=pool,
            severity="warning",
            sentence=f"The coupon pool {pool} {state}. Put more codes into "
            f"actions/coupons/{pool}.txt; the next `assign` reads them.",
            evidence={
                "left": left,
                "given_per_day": round(pace, 2),
                "level": _NEARLY if left else _EMPTY,
            },
        )


def _waiting(transaction: Transaction, settings: Settings, as_of: date) -> Iterator[Alert]:
    """An alert if the day waits for an answer; one that was rejected waits for nobody."""
    waiting = transaction.execute(
        "SELECT reason, contacts_count, assigned_at FROM actions.days "
        "WHERE as_of = :as_of AND status = 'waiting'",
        as_of=as_of,
    )
    for day in waiting:
        asked = questions(transaction, settings, as_of)
        answers = [
            transaction.execute(_REJECTED, **each, assigned_at=day.assigned_at) for each in asked
        ]
        if asked and all(answers):
            continue
        yield Alert(
            kind="waiting_approval",
            subject="actions",
            severity="warning",
            sentence=f"The {day.contacts_count:,} contacts of {as_of} wait for an answer. "
            f"{day.reason} Answer under Required Actions in Airflow, or with `retention actions "
            f"approve --as-of {as_of} --by NAME`. Once the day is over nothing of it is sent.",
            evidence={"mark": str(as_of), "contacts_count": int(day.contacts_count)},
        )
