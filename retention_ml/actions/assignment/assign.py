"""The door `assign`: who gets which action on a day, decided and kept in one transaction.

Nothing leaves the house here: messages of a released day lie in the outbox, for `dispatch`.
"""

import time
from collections.abc import Mapping
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from retention_ml import clock
from retention_ml.actions.assignment import records
from retention_ml.actions.assignment.audits import audits, refusal
from retention_ml.actions.assignment.inputs import (
    DayInputs,
    audit_inputs,
    decide_day,
    load_codes,
    load_inputs,
    transaction_of,
)
from retention_ml.actions.assignment.policies import register
from retention_ml.actions.catalogue.last_good import catalogue_in_force
from retention_ml.actions.holdout.periods import ensure_following
from retention_ml.actions.release.release import Standing, release, set_status, standing
from retention_ml.errors import AssignmentRefused
from retention_ml.failpoints import failpoint
from retention_ml.receipts import Receipt
from retention_ml.settings import Settings
from retention_ml.warehouse import Transaction, Warehouse

LOCK = "actions.assign"


def assign(
    warehouse: Warehouse,
    *,
    settings: Settings,
    as_of: date,
    today: date | None = None,
    dry_run: bool = False,
) -> Receipt:
    """Decide the actions of a day; of today, enabled and approved, their messages are released.

    A day that was released, or waits for a person, stays as it was decided. A shadow day is decided
    again where scores, contacts, permissions, actions or settings are others now.

    Parameters
    ----------
    warehouse : Warehouse
    settings : Settings
    as_of : date
        The decision day; its scores must be published.
    today : date, optional
        The shop's day now; by default the clock's. Any other day is decided, but not released.
    dry_run : bool
        Whether to do all of it, and keep nothing.

    Returns
    -------
    Receipt
        read (active customers) = written (assigned) + left out (excluded), or duplicates.

    Raises
    ------
    NotReady
        No scores are published for the day.
    UsageError
        The holdout of the settings is not that of the period.
    SettingsError
        The action files have a mistake and there is no earlier catalogue.
    AssignmentRefused
        An audit failed. Nothing was kept.
    """
    started = time.perf_counter()
    now = clock.now()
    today = today or now.astimezone(ZoneInfo(settings.calendar.timezone)).date()
    details: dict[str, Any] = {"is_dry_run": dry_run}
    with warehouse.exclusive(LOCK):
        _assign(warehouse, settings, as_of, today, details, dry_run=dry_run)
    receipt = _receipt(details, as_of, time.perf_counter() - started)
    return receipt if dry_run else warehouse.record(receipt, settings.run_id)


def _assign(
    warehouse: Warehouse,
    settings: Settings,
    as_of: date,
    today: date,
    details: dict[str, Any],
    *,
    dry_run: bool,
) -> None:
    with warehouse.transaction() as transaction:
        before = _day(transaction, as_of)
    if before is not None and before["status"] != "shadow":
        inputs, inputs_digest = None, before["inputs_digest"]
    else:
        inputs = load_inputs(warehouse, settings, as_of, is_kept=not dry_run)
        inputs_digest = inputs.digest(settings)
    is_repeat = before is not None and before["inputs_digest"] == inputs_digest
    record = None if inputs is None or is_repeat else decide_day(inputs, settings, as_of)
    with transaction_of(warehouse, is_kept=not dry_run) as transaction:
        if dry_run and inputs is not None:  # which has not kept them
            load_codes(transaction, settings, inputs.catalogue)
        if inputs is not None and record is not None:
            _write(transaction, settings, inputs, record, inputs_digest, as_of)
        result = _release(transaction, settings, as_of, today, details)
        day = _day(transaction, as_of)
        assert day is not None
        details |= {"is_repeat": is_repeat, **_summary(transaction, day)}
        details["questions"] = list(result.questions)
        details["alert"] = inputs.alert if inputs else None
        failpoint("assign.before_commit")
    failpoint("assign.after_commit")


def _write(
    transaction: Transaction,
    settings: Settings,
    inputs: DayInputs,
    record: records.DayRecord,
    inputs_digest: str,
    as_of: date,
) -> None:
    """Write the day as a shadow and audit it."""
    register(transaction, inputs.policy, as_of=as_of, run_id=settings.run_id)
    records.write(
        transaction,
        record,
        inputs.catalogue,
        columns={
            "holdout_id": inputs.period.holdout_id if inputs.period else None,
            "status": "shadow",
            "reason": "Decided.",
            "budget_cents": settings.actions.budget_per_day * settings.calendar.minor_units,
            "fatigue_days": settings.actions.fatigue_days,
            "window_days": settings.churn.lead_days + settings.churn.horizon_days,
            "contacts_per_year_max": settings.actions.contacts_per_year_max,
            "quiet_after_order_days": settings.actions.quiet_after_order_days,
            "inputs_digest": inputs_digest,
        },
        minor_units=settings.calendar.minor_units,
    )
    failpoint("assign.after_rows")
    ensure_following(transaction, settings, as_of=as_of, run_id=settings.run_id)
    results = audits(transaction, audit_inputs(inputs, settings, as_of))
    why = refusal(results)
    if why:
        raise AssignmentRefused(
            f"The actions of {as_of} were not kept: {why}. Nothing was sent, and the tables are as "
            "they were. Please report this as a defect, with the audits that it names."
        )


def _release(
    transaction: Transaction,
    settings: Settings,
    as_of: date,
    today: date,
    details: dict[str, Any],
) -> Standing:
    """Release the day if it may be and was not, and say in `details` what was done."""
    day = _day(transaction, as_of)
    assert day is not None
    if day["status"] == "released":
        details["messages"] = {"enqueued": 0}
        return Standing(status="released", reason=str(day["reason"]))
    result = standing(transaction, settings, as_of=as_of, today=today)
    if result.status != "released":
        set_status(transaction, result, as_of, settings.run_id)
        details["messages"] = {"enqueued": 0}
        return result
    in_force = catalogue_in_force(transaction, settings.actions_folder)
    if in_force.catalogue.sha256 != day["catalogue_sha256"]:
        result = Standing(
            status="shadow",
            reason="The action files have changed since the day was decided: "
            f"`retention assign --as-of {as_of}` decides it again.",
        )
        set_status(transaction, result, as_of, settings.run_id)
        details["messages"] = {"enqueued": 0}
        return result
    details["messages"] = release(
        transaction, settings, in_force.catalogue, as_of=as_of, released_at=clock.now()
    )
    return result


def _day(transaction: Transaction, as_of: date) -> dict[str, Any] | None:
    rows = transaction.execute("SELECT * FROM actions.days WHERE as_of = :as_of", as_of=as_of)
    return dict(rows[0]._mapping) if rows else None


def _summary(transaction: Transaction, day: Mapping[str, Any]) -> dict[str, Any]:
    """What a reader of the receipt wants to know of the day."""
    as_of = day["as_of"]
    actions = transaction.execute(
        "SELECT action_id, count(*) AS customers_count FROM actions.assignments WHERE as_of = :as_of "
        "GROUP BY 1 ORDER BY 1",
        as_of=as_of,
    )
    excluded = transaction.execute(
        "SELECT reason, sum(customers_count) AS customers_count FROM actions.exclusions "
        "WHERE as_of = :as_of GROUP BY 1 ORDER BY 1",
        as_of=as_of,
    )
    names = (
        "status", "reason", "policy_id", "population_count", "assigned_count", "excluded_count",
        "holdout_count", "contacts_count", "explored_count", "capped_count", "budget_cents",
        "cost_cents", "money_price", "explore_share", "assignments_digest",
    )  # fmt: skip
    return {
        **{name: day[name] for name in names},
        "actions": {row.action_id: int(row.customers_count) for row in actions},
        "excluded": {row.reason: int(row.customers_count) for row in excluded},
    }


def _receipt(details: Mapping[str, Any], as_of: date, seconds: float) -> Receipt:
    is_repeat = bool(details["is_repeat"])
    read = int(details["population_count"])
    return Receipt(
        door="assign",
        as_of=as_of,
        read=read,
        written=0 if is_repeat else int(details["assigned_count"]),
        left_out=0 if is_repeat else int(details["excluded_count"]),
        duplicates=read if is_repeat else 0,
        seconds=seconds,
        details=details,
    )
