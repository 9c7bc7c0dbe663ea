"""The door `fit_value`: when due, what past days teach about value is learnt and kept."""

import time
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from retention_ml import __version__
from retention_ml.abnormal.excluded import excluded_customers
from retention_ml.failpoints import failpoint
from retention_ml.features.roll_up import roll_up
from retention_ml.profiles.histories import read_log
from retention_ml.profiles.value.fit import ValueFit
from retention_ml.profiles.value.fits import (
    fault_in,
    first_after,
    newest_fit,
    newest_published,
    store,
)
from retention_ml.profiles.value.learning import BUYERS_MIN, Learning, learn
from retention_ml.receipts import DecisionReceipt
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse

LOCK = "profiles.fit_value"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Standing:
    """What stands on a day: the fit that counts, why it cannot be used, and what came later."""

    before: Any
    fault: str | None
    newer_fit_on: date | None
    published_on: date | None

    def why_not(self, as_of: date, fit_days: int) -> str | None:
        """Why nothing is to be learnt on the day; None where something is."""
        before = self.before
        if self.newer_fit_on is not None:
            return (
                f"Nothing was learnt about value: a fit of {self.newer_fit_on} exists, and a day "
                "before it comes out as it did."
            )
        if before and self.fault and before.as_of == as_of:
            return (
                f"{self.fault} A day is learnt from once: value is learnt again on "
                f"{as_of + timedelta(days=1)}."
            )
        due_on = before.as_of + timedelta(days=fit_days) if before and not self.fault else as_of
        if due_on > as_of:
            return f"Not due: value is learnt again on {due_on}. {before.reason}"
        if self.published_on is not None and self.published_on > as_of:
            return (
                f"Nothing was learnt about value: profiles up to {self.published_on} are published, "
                "and a fit from a day before would change them if they were made again. It is "
                f"learnt on {self.published_on} or later."
            )
        return None

    def details(self) -> dict[str, Any]:
        """The fit that stays in force where nothing is learnt."""
        usable = self.before if self.before and not self.fault else None
        return {
            "is_new": False,
            "value_fit_id": usable.value_fit_id if usable else None,
            "fit_sha256": usable.fit_sha256 if usable else None,
        }


def fit_value(warehouse: Warehouse, *, settings: Settings, as_of: date) -> DecisionReceipt:
    """Learn from the past days that had matured at the start of a day, unless a fit is young enough.

    A fit counts from its day on until the next one. A day before that of a fit, or before the
    newest published profiles, learns nothing: an old day made anew comes out as it did. A fit that
    cannot be read is due again on the next day. A shop too young to learn from is no error; the
    sentence says so, and what was learnt before stays in force.

    Returns
    -------
    DecisionReceipt
        `details`: `is_new`, `value_fit_id`, `fit_sha256`, `learned_share`, `errors`; where nothing
        was learnt, the fit that stays in force.
    """
    started = time.perf_counter()
    horizon_days = settings.profiles.value_horizon_days
    with warehouse.exclusive(LOCK):
        with warehouse.transaction() as transaction:
            before = newest_fit(transaction, as_of, horizon_days)
            standing = _Standing(
                before=before,
                fault=fault_in(before) if before else None,
                newer_fit_on=first_after(transaction, as_of, horizon_days),
                published_on=newest_published(transaction),
            )
        why_not = standing.why_not(as_of, settings.profiles.value_fit_days)
        if why_not is None:
            sentence, details = _fit(warehouse, settings, as_of, standing)
        else:
            sentence, details = why_not, standing.details()
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


def _fit(
    warehouse: Warehouse, settings: Settings, as_of: date, standing: _Standing
) -> tuple[str, dict[str, Any]]:
    roll_up(warehouse, settings=settings)
    log = read_log(warehouse, as_of, settings.calendar.timezone)
    log = log.without(excluded_customers(warehouse, as_of))
    learning = Learning(
        horizon_days=settings.profiles.value_horizon_days,
        learn_days=settings.profiles.value_learn_days,
        gap_days_max=settings.readiness.gap_days_max,
        fit_days=settings.profiles.value_fit_days,
        seed=settings.training.seed,
        threads=settings.compute.threads,
    )
    fit = learn(log, as_of, learning)
    if fit is None:
        return _nothing(as_of, learning, standing), standing.details()
    reason = _reason(fit)
    with warehouse.transaction() as transaction:
        # Nobody publishes until this is stored: what was published while it was learnt counts.
        transaction.execute("LOCK TABLE profiles.published IN SHARE MODE")
        meanwhile = replace(standing, published_on=newest_published(transaction))
        if (why_not := meanwhile.why_not(as_of, learning.fit_days)) is not None:
            return why_not, standing.details()
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
    message = (
        f"The fit of {standing.before.as_of} cannot be used and gives way to this one. {reason}"
        if standing.fault
        else reason
    )
    return message, {
        "is_new": True,
        "value_fit_id": value_fit_id,
        "fit_sha256": fit.sha256,
        "learned_share": fit.learned_share,
        "errors": dict(fit.errors),
    }


def _nothing(as_of: date, learning: Learning, standing: _Standing) -> str:
    if standing.before is None:
        instead = "Values come from the process of buying and spending alone."
    elif standing.fault:
        instead = (
            f"The fit of {standing.before.as_of} cannot be used: values come from the process of "
            "buying and spending alone."
        )
    else:
        instead = f"The fit of {standing.before.as_of} stays in force."
    return (
        f"Nothing can be learnt about value at {as_of}: no past day has {learning.horizon_days} days "
        f"after it and {learning.history_days_min} days of orders before it, known on that day and "
        f"without a pause of more than {learning.gap_days_max} days, with at least {BUYERS_MIN} "
        f"customers who brought something. {instead}"
    )


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
