"""Which personas count on a day: those in force, or new ones where that has to be decided."""

import logging
from dataclasses import dataclass
from datetime import date

import numpy as np

from retention_ml.errors import UnfitModel, UsageError
from retention_ml.failpoints import failpoint
from retention_ml.profiles.histories import Histories
from retention_ml.profiles.personas import ledger
from retention_ml.profiles.personas.behaviour import behaviour_a_month_ago
from retention_ml.profiles.personas.fit import (
    PersonaFit,
    fit_personas,
    no_personas,
    what_is_missing,
)
from retention_ml.profiles.personas.ledger import Decision, Trigger
from retention_ml.statistics.arrays import Floats, Ints
from retention_ml.statistics.distances import psi
from retention_ml.warehouse import Transaction, Warehouse

logger = logging.getLogger(__name__)

_LOCK = "profiles.persona_fits"
_PLATFORM = "platform"


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonaRules:
    """When personas are decided anew, and how many there are.

    Parameters
    ----------
    count : int
        0: the most stable number.
    stability_min, change_max : float
        See `fit.fit_personas`.
    drift_max : float
        Population stability index of the personas' shares against those at the fit.
    steady_days : int
        For so long after a decision none follows by itself.
    lapsed_days : int
        A longer pause is no rhythm.
    """

    count: int
    stability_min: float
    change_max: float
    drift_max: float
    steady_days: int
    lapsed_days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A person asks for new personas."""

    decided_by: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DayFit:
    """The personas of a day.

    Parameters
    ----------
    fit_id : int or None
        The decision they come from; None where it cannot be read.
    caveat : str or None
        Why there are none, in words; None where there are.
    """

    fit_id: int | None
    fit: PersonaFit
    caveat: str | None


def request_of(decided_by: str | None, reason: str | None) -> Request:
    """The request of a person.

    Raises
    ------
    UsageError
        It does not say who asks, or why.
    """
    if not decided_by or not reason:
        raise UsageError(
            "New personas change what customers are called in every report. Say who decides and "
            "why: --by NAME --reason TEXT."
        )
    return Request(decided_by=decided_by, reason=reason)


def personas_of_day(
    warehouse: Warehouse,
    histories: Histories,
    traits: Floats,
    rules: PersonaRules,
    *,
    run_id: str,
    request: Request | None = None,
) -> DayFit:
    """The personas of a day; a decision is written to the ledger where one is made.

    Where those in force were changed in the database, the day has none.

    Parameters
    ----------
    histories : Histories
        Of the day.
    traits : array of float64, shape (b, 7)
        Of its buyers, see `behaviour`.
    request : Request, optional
        Decide anew, whatever is in force.

    Raises
    ------
    UsageError
        New personas are asked for a day before the newest that was published.
    """
    try:
        decision = _decision_of_day(warehouse, histories, traits, rules, run_id, request)
    except UnfitModel as error:
        logger.warning("%s", error)
        with warehouse.transaction() as transaction:
            newest = ledger.newest_published(transaction) or histories.as_of
        return DayFit(
            fit_id=None,
            fit=no_personas(str(error)),
            caveat=f"There are no personas. {error} Decide anew: `retention profile --as-of "
            f"{max(newest, histories.as_of)} --refit-personas --by NAME --reason TEXT`.",
        )
    return DayFit(fit_id=decision.fit_id, fit=decision.fit, caveat=decision.caveat)


def _decision_of_day(
    warehouse: Warehouse,
    histories: Histories,
    traits: Floats,
    rules: PersonaRules,
    run_id: str,
    request: Request | None,
) -> Decision:
    as_of = histories.as_of
    with warehouse.transaction() as transaction:
        newest = ledger.newest_published(transaction)
        # Who asks for new ones may do so because the old ones cannot be read.
        current = _counted(transaction, as_of) if request is None else None
    is_newest = newest is None or as_of >= newest
    if request is not None and not is_newest:
        raise _behind_readers(as_of, newest)
    drift = drift_of(current.fit, traits) if current is not None else None
    trigger, reason = _occasion(current, drift, as_of, rules, is_newest, request, traits)
    if trigger is None:
        assert current is not None
        return current
    month_ago = behaviour_a_month_ago(histories, lapsed_days=rules.lapsed_days)
    return _decide(
        warehouse, as_of, (traits, month_ago), rules,
        trigger=trigger, reason=reason, drift=drift, run_id=run_id, before=current,
        decided_by=request.decided_by if request else _PLATFORM,
    )  # fmt: skip


def drift_of(fit: PersonaFit, traits: Floats) -> float | None:
    """How far the shares of personas are from those at the fit (PSI); None without personas."""
    if not fit.personas:
        return None
    now = np.bincount(fit.assign(traits), minlength=len(fit.personas))
    return psi(np.array([one.customers_count for one in fit.personas]), now)


def _occasion(
    current: Decision | None,
    drift: float | None,
    as_of: date,
    rules: PersonaRules,
    is_newest: bool,
    request: Request | None,
    traits: Floats,
) -> tuple[Trigger | None, str]:
    """What asks for a decision, and the reason in words; None where nothing does."""
    if request is not None:
        return "request", request.reason
    if current is None:
        return "first", "no personas were in force"
    age = (as_of - current.as_of).days
    if not is_newest or age < 0:
        return None, ""
    # That customers were too few or too alike is nothing to wait for, unlike an unstable division.
    could_try = bool(current.fit.personas or current.fit.tried)
    if not could_try and what_is_missing(traits, rules.count) is None:
        return "schedule", f"what personas lacked on {current.as_of} is there"
    if age < rules.steady_days:
        return None, ""
    if drift is None:
        return "schedule", f"there were no personas, and {age} days have passed"
    if drift > rules.drift_max:
        return "drift", (
            f"shares of the personas have moved by {drift:.2f} (population stability index) in "
            f"{age} days; at most {rules.drift_max:.2f} is accepted"
        )
    return None, ""


def _decide(
    warehouse: Warehouse,
    as_of: date,
    behaviours: tuple[Floats, tuple[Ints, Floats]],
    rules: PersonaRules,
    *,
    trigger: Trigger,
    reason: str,
    drift: float | None,
    run_id: str,
    before: Decision | None,
    decided_by: str,
) -> Decision:
    """Fit, outside a transaction, and write unless another run has decided meanwhile."""
    while True:
        with warehouse.transaction() as transaction:
            neighbour = before or _neighbour(transaction, as_of)
            next_id = ledger.next_persona_id(transaction)
            used_names = ledger.persona_names(transaction)
        fit = fit_personas(
            *behaviours,
            stability_min=rules.stability_min,
            change_max=rules.change_max,
            count=rules.count,
            previous=neighbour.fit if neighbour else None,
            next_id=next_id,
            used_names=used_names,
        )
        with warehouse.transaction() as transaction:
            transaction.lock(_LOCK)
            newest = ledger.newest_published(transaction)
            is_behind = newest is not None and as_of < newest  # a later day was published meanwhile
            if trigger == "request":
                if is_behind:
                    raise _behind_readers(as_of, newest)
                current = _neighbour(transaction, as_of)
                if current is not None and _is_same(current, as_of, trigger, fit):
                    return current
            else:
                current = _counted(transaction, as_of)
                if current is not None and (before is None or current.fit_id != before.fit_id):
                    return current
                if before is not None and is_behind:
                    return before
            if ledger.next_persona_id(transaction) != next_id:
                continue  # another run has numbered new personas
            fit_id = ledger.record(
                transaction, fit,
                as_of=as_of, trigger=trigger, decided_by=decided_by, reason=reason, drift=drift,
                run_id=run_id,
            )  # fmt: skip
            failpoint("decide_personas.before_commit")
        return Decision(fit_id=fit_id, as_of=as_of, trigger=trigger, fit=fit)


def _neighbour(transaction: Transaction, as_of: date) -> Decision | None:
    """The decision whose personas are continued: the one that counts, if it can be read."""
    try:
        return _counted(transaction, as_of)
    except UnfitModel:
        return None  # nothing can be continued that is not what was decided


def _counted(transaction: Transaction, as_of: date) -> Decision | None:
    """The decision that counts on a day: the one in force, else the first of a later day."""
    return ledger.in_force(transaction, as_of) or ledger.first_after(transaction, as_of)


def _is_same(current: Decision, as_of: date, trigger: Trigger, fit: PersonaFit) -> bool:
    """Whether a decision is one made before, which was asked for again."""
    return (
        (current.as_of, current.trigger) == (as_of, trigger)
        and current.fit.digest == fit.digest
        and current.fit.why_none == fit.why_none
    )


def _behind_readers(as_of: date, newest: date | None) -> UsageError:
    return UsageError(
        f"Personas cannot be decided anew from {as_of} on: profiles up to {newest} are "
        f"published, and their customers would have had others. Choose {newest} or later."
    )
