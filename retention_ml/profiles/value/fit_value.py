"""The door `fit_value`: when due, what past days teach about value is learnt and kept."""

import time
from datetime import date, timedelta
from typing import Any

from retention_ml import __version__
from retention_ml.abnormal.excluded import excluded_customers
from retention_ml.failpoints import failpoint
from retention_ml.features.roll_up import roll_up
from retention_ml.profiles.histories import read_log
from retention_ml.profiles.value.fit import ValueFit
from retention_ml.profiles.value.fits import first_after, newest_fit, store
from retention_ml.profiles.value.learning import Learning, learn
from retention_ml.receipts import DecisionReceipt
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse

LOCK = "profiles.fit_value"


def fit_value(warehouse: Warehouse, *, settings: Settings, as_of: date) -> DecisionReceipt:
    """Learn from the past days that had matured at the start of a day, unless a fit is young enough.

    A fit counts from its day on until the next one. A day before that of a fit learns nothing: an
    old day made anew comes out as it did. A shop too young to learn from is no error; the
    sentence says so, and its values come from the process alone.

    Returns
    -------
    DecisionReceipt
        `details`: `is_new`, `value_fit_id`, `fit_sha256`, `learned_share`, `errors`.
    """
    started = time.perf_counter()
    horizon_days = settings.profiles.value_horizon_days
    with warehouse.exclusive(LOCK):
        with warehouse.transaction() as transaction:
            before = newest_fit(transaction, as_of, horizon_days)
            newer = first_after(transaction, as_of, horizon_days)
        due_on = (
            before.as_of + timedelta(days=settings.profiles.value_fit_days) if before else as_of
        )
        details: dict[str, Any] = {"is_new": False, "value_fit_id": None, "fit_sha256": None}
        if before:
            details |= {"value_fit_id": before.value_fit_id, "fit_sha256": before.fit_sha256}
        if newer is not None:
            sentence = (
                f"Nothing was learnt about value: a fit of {newer} exists, and a day before it "
                "comes out as it did."
            )
        elif due_on > as_of:
            sentence = f"Not due: value is learnt again on {due_on}. {before.reason}"
        else:
            sentence, details = _fit(warehouse, settings, as_of)
    failpoint("fit_value.after_commit")
    return warehouse.record(
        DecisionReceipt(
            door="fit_value",
            as_of=as_of,
            seconds=time.perf_counter() - started,
            sentence=sentence,
            details=details,
        ),
        settings.run_id,
    )


def _fit(warehouse: Warehouse, settings: Settings, as_of: date) -> tuple[str, dict[str, Any]]:
    roll_up(warehouse, settings=settings)
    log = read_log(warehouse, as_of, settings.calendar.timezone)
    log = log.without(excluded_customers(warehouse, as_of))
    learning = Learning(
        horizon_days=settings.profiles.value_horizon_days,
        learn_days=settings.profiles.value_learn_days,
        seed=settings.training.seed,
        threads=settings.compute.threads,
    )
    fit = learn(log, as_of, learning)
    if fit is None:
        return (
            f"Nothing can be learnt about value at {as_of}: no past day has {learning.horizon_days} "
            f"days after it and {learning.history_days_min} days of orders before it, with enough "
            "customers who brought something. Values come from the process of buying and spending alone.",
            {"is_new": False, "value_fit_id": None, "fit_sha256": None},
        )
    reason = _reason(fit)
    with warehouse.transaction() as transaction:
        value_fit_id = store(
            transaction,
            fit,
            {
                "evaluated_on": fit.learn_days[0],
                "reason": reason,
                "evidence": {"errors": dict(fit.errors), "customers_count": fit.customers_count},
                "library_version": __version__,
            },
            settings.run_id,
        )
        failpoint("fit_value.before_commit")
    return reason, {
        "is_new": True,
        "value_fit_id": value_fit_id,
        "fit_sha256": fit.sha256,
        "learned_share": fit.learned_share,
        "errors": dict(fit.errors),
    }


def _reason(fit: ValueFit) -> str:
    process, blend = fit.errors["process"], fit.errors.get("blend")
    newest = fit.learn_days[0]
    if blend is None:
        return (
            f"Values come from the process of buying and spending alone: {len(fit.learn_days)} past "
            f"days can be learnt from, trees need three. How sure one can be comes from {newest}."
        )
    compared = f"{blend:.3f} of the mean with trees, {process:.3f} without"
    if fit.trees is None:
        return (
            f"The process alone was nearer to what customers brought from {newest} on: {compared}."
        )
    return f"Trees join the process: off by {compared}, from {newest} on, at equal totals."
