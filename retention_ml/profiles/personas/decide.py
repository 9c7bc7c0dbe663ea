"""Which personas count on a day: those in force, or new ones where that has to be decided."""

from dataclasses import dataclass
from datetime import date

import numpy as np

from retention_ml.errors import UnfitModel, UsageError
from retention_ml.failpoints import failpoint
from retention_ml.profiles.histories import Histories
from retention_ml.profiles.personas import ledger
from retention_ml.profiles.personas.behaviour import behaviour, behaviour_a_month_ago
from retention_ml.profiles.personas.fit import PersonaFit, fit_personas
from retention_ml.profiles.personas.ledger import Decision, Trigger
from retention_ml.statistics.arrays import Floats, Ints
from retention_ml.statistics.distances import psi
from retention_ml.warehouse import Transaction, Warehouse

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
    rules: PersonaRules,
    *,
    run_id: str,
    request: Request | None = None,
) -> Decision:
    """The personas of a day; a decision is written to the ledger where one is made.

    Parameters
    ----------
    histories : Histories
        Of the day.
    request : Request, optional
        Decide anew, whatever is in force.

    Raises
    ------
    UsageError
        New personas are asked for a day before the newest that was published.
    UnfitModel
        Stored personas are not those that were decided.
    """
    as_of = histories.as_of
    with warehouse.transaction() as transaction:
        newest = ledger.newest_published(transaction)
        # Who asks for new ones may do so because the old ones cannot be read.
        current = ledger.in_force(transaction, as_of) if request is None else None
    traits = behaviour(histories, lapsed_days=rules.lapsed_days)
    is_newest = newest is None or as_of >= newest
    if request is not None and not is_newest:
        raise UsageError(
            f"Personas cannot be decided anew from {as_of} on: profiles up to {newest} are "
            f"published, and their customers would have had others. Choose {newest} or later."
        )
    drift = drift_of(current.fit, traits) if current is not None else None
    trigger, reason = _occasion(current, drift, as_of, rules, is_newest, request)
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
) -> tuple[Trigger | None, str]:
    """What asks for a decision, and the reason in words; None where nothing does."""
    if request is not None:
        return "request", request.reason
    if current is None:
        return "first", "no personas were in force"
    age = (as_of - current.as_of).days
    if not is_newest or age < rules.steady_days:
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
        fit = fit_personas(
            *behaviours,
            stability_min=rules.stability_min,
            change_max=rules.change_max,
            count=rules.count,
            previous=neighbour.fit if neighbour else None,
            next_id=next_id,
        )
        with warehouse.transaction() as transaction:
            transaction.lock(_LOCK)
            if trigger != "request":
                current = ledger.in_force(transaction, as_of)
                if current is not None and (before is None or current.fit_id != before.fit_id):
                    return current
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
    """The decision whose personas are continued: that in force, else the first of a later day."""
    try:
        return ledger.in_force(transaction, as_of) or ledger.first_after(transaction, as_of)
    except UnfitModel:
        return None  # nothing can be continued that is not what was decided
