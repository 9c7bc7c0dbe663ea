"""What was decided about one customer and why: a reading function."""

from datetime import date
from typing import Any

import numpy as np

from retention_ml.actions.assignment.eligibility import eligible, limits_of
from retention_ml.actions.assignment.population import load_population
from retention_ml.actions.catalogue.last_good import catalogue_in_force
from retention_ml.actions.holdout.membership import in_holdout
from retention_ml.actions.holdout.periods import period_on
from retention_ml.errors import NotReady
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse

_UNSCORED = "not active, or without a score"
_USED_UP = "quota, no_gain or budget"
_ASSIGNMENTS = """
SELECT assignment.as_of, assignment.action_id, assignment.propensity, assignment.propensities,
    assignment.is_holdout, assignment.is_explored, assignment.is_capped, assignment.tier,
    assignment.expected_effect, assignment.expected_margin_cents, assignment.cost_cents,
    assignment.policy_id, policy.kind AS policy_kind, assignment.experiment_id, day.status, day.reason AS status_reason,
    message.state AS message_state
FROM actions.assignments AS assignment
JOIN actions.days AS day ON day.as_of = assignment.as_of
JOIN actions.policies AS policy ON policy.policy_id = assignment.policy_id
LEFT JOIN actions.outbox AS message ON message.as_of = assignment.as_of
    AND message.customer_id = assignment.customer_id
WHERE assignment.customer_id = :customer_id AND assignment.as_of <= :as_of
ORDER BY assignment.as_of DESC LIMIT :days
"""


def explain(
    warehouse: Warehouse, customer_id: str, *, settings: Settings, as_of: date, days: int = 10
) -> dict[str, Any]:
    """The customer's newest assignments up to a day, and whether they are in its holdout.

    Who got no assignment on the newest decision day is asked once more why, by the actions and
    settings of now and what was known on that day: reasons are stored as counts only.

    Returns
    -------
    dict
        `holdout` (period and membership, None where there is no period), `assignments` (newest
        first), `decided_on` (the newest decision day up to `as_of`, None without one),
        `excluded` (the reason on that day, None where there was an assignment or no day).
    """
    with warehouse.transaction() as transaction:
        rows = transaction.execute(_ASSIGNMENTS, customer_id=customer_id, as_of=as_of, days=days)
        [(decided_on,)] = transaction.execute(
            "SELECT max(as_of) FROM actions.days WHERE as_of <= :as_of", as_of=as_of
        )
    assignments = [dict(row._mapping) for row in rows]
    excluded = None
    if decided_on is not None and not any(row["as_of"] == decided_on for row in assignments):
        excluded = _reason(warehouse, customer_id, settings, decided_on)
    return {
        "holdout": membership(warehouse, customer_id, as_of=as_of),
        "decided_on": decided_on,
        "assignments": assignments,
        "excluded": excluded,
    }


def membership(warehouse: Warehouse, customer_id: str, *, as_of: date) -> dict[str, Any] | None:
    """Whether a customer is in the holdout of a day, and its period; None where there is none."""
    with warehouse.transaction() as transaction:
        period = period_on(transaction, as_of)
    if period is None:
        return None
    [is_member] = in_holdout([customer_id], period.salt, period.share).tolist()
    return {
        "is_member": is_member,
        "began_on": period.began_on,
        "ends_on": period.ends_on,
        "share": period.share,
    }


def _reason(warehouse: Warehouse, customer_id: str, settings: Settings, as_of: date) -> str:
    """Why the customer could get no action on a day."""
    with warehouse.transaction() as transaction:
        catalogue = catalogue_in_force(transaction, settings.actions_folder).catalogue
    actions = list(catalogue.actions.values())
    try:
        population = load_population(
            warehouse,
            settings=settings,
            as_of=as_of,
            actions=actions,
            customer_id=customer_id,
        )
    except NotReady:
        return _UNSCORED
    if not population.customers.customer_ids:
        return _UNSCORED
    quotas = np.full(len(actions), np.inf)
    _, reason = eligible(
        population.customers, actions, quotas, limits_of(settings), settings.calendar.minor_units
    )
    return str(reason[0]) if reason[0] is not None else _USED_UP
