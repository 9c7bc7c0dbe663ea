"""Which actions each customer may get, and the first reason for those who may get none.

The reasons are asked in one fixed order. Each takes actions away from customers; who loses the last
one is counted under that reason and no other.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from retention_ml.actions.catalogue.action import Action
from retention_ml.settings import Settings
from retention_ml.statistics.arrays import Bools, Floats, Ints

REASONS = (
    "abnormal", "unscored", "outside_rules", "no_permission", "suppressed", "no_address", "fatigue",
    "yearly_limit", "recent_order", "quota", "no_gain", "budget",
)  # fmt: skip
Texts = npt.NDArray[np.object_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How often a customer may be contacted, as in `[actions]` of the settings."""

    contacts_per_year_max: int
    quiet_after_order_days: int


def limits_of(settings: Settings) -> Limits:
    """The limits of the settings."""
    return Limits(
        contacts_per_year_max=settings.actions.contacts_per_year_max,
        quiet_after_order_days=settings.actions.quiet_after_order_days,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Customers:
    """Scored customers of a day and what is known of them; n rows, k actions, `none` the first.

    Parameters
    ----------
    customer_ids : list of str, length n
        In the order of their bytes.
    tier : array of object, shape (n,)
        Risk tiers.
    stage : array of object, shape (n,), optional
        Lifecycle stages; None where no action asks for them.
    churn_probability : array of float64, shape (n,)
    value_cents : array of float64, shape (n,)
        Expected value at risk, in smallest units of money.
    basket_cents : array of float64, shape (n,)
        What an order is expected to be worth.
    since_order_days : array of float64, shape (n,)
        Days since the last order; NaN if there was none.
    recent_contacts, year_contacts : array of int64, shape (n,)
        Contacts of any campaign within the days of fatigue, lots whose outcome window is open
        among them; and contacts within 365 days.
    is_permitted, is_suppressed, has_address : array of bool, shape (n, k)
        By action: permitted or in need of no permission; an address that bounced or whose owner
        complained; an address where the channel needs one.
    """

    customer_ids: list[str]
    tier: Texts
    stage: Texts | None
    churn_probability: Floats
    value_cents: Floats
    basket_cents: Floats
    since_order_days: Floats
    recent_contacts: Ints
    year_contacts: Ints
    is_permitted: Bools
    is_suppressed: Bools
    has_address: Bools


def eligible(
    customers: Customers, actions: Sequence[Action], quotas: Floats, limits: Limits,
    minor_units: int,
) -> tuple[Bools, Texts]:  # fmt: skip
    """Which actions each customer may get, and why none.

    Parameters
    ----------
    actions : sequence of Action, length k
        `none` first.
    quotas : array of float64, shape (k,)
        Contacts left today; infinite without a limit.

    Returns
    -------
    allowed : array of bool, shape (n, k)
        `none` is always allowed.
    reason : array of object, shape (n,)
        The reason that took the last action away, None where one is left.
    """
    n = len(customers.customer_ids)
    allowed = np.ones((n, len(actions)), dtype=np.bool_)
    reason = np.full(n, None, dtype=object)
    is_quiet = customers.since_order_days < limits.quiet_after_order_days  # false where never
    is_weary = customers.recent_contacts > 0
    steps: list[tuple[str, npt.NDArray[Any]]] = [
        ("outside_rules", _rules(customers, actions, minor_units)),
        ("no_permission", customers.is_permitted | customers.is_suppressed),
        ("suppressed", ~customers.is_suppressed),
        ("no_address", customers.has_address),
        ("fatigue", ~is_weary[:, None]),
        ("yearly_limit", (customers.year_contacts < limits.contacts_per_year_max)[:, None]),
        ("recent_order", ~is_quiet[:, None]),
        ("quota", (quotas >= 1)[None, :]),
    ]
    for name, mask in steps:
        had_one = allowed[:, 1:].any(axis=1)
        allowed[:, 1:] &= np.broadcast_to(mask, allowed.shape)[:, 1:]
        reason[had_one & ~allowed[:, 1:].any(axis=1)] = name
    if len(actions) == 1:
        reason[:] = "outside_rules"
    return allowed, reason


def _rules(customers: Customers, actions: Sequence[Action], minor_units: int) -> Bools:
    """Whether tier, stage and value are those of the action's rule, shape (n, k)."""
    columns = [
        np.isin(customers.tier.astype(str), list(action.rule.tiers))
        & _is_in_stage(customers, action)
        & (customers.value_cents >= action.rule.value_min * minor_units)
        for action in actions
    ]
    return np.column_stack(columns)


def _is_in_stage(customers: Customers, action: Action) -> Bools | np.bool_:
    """Whether each customer's stage is among those of the rule."""
    if action.rule.stages is None:
        return np.True_
    assert customers.stage is not None
    return np.isin(customers.stage.astype(str), action.rule.stages)
