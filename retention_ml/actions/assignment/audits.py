"""What must hold before a day is kept: counted by the database from the rows that were written."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import ibis

from retention_ml import clock
from retention_ml.actions.assignment.history import contact_counts
from retention_ml.actions.assignment.lots import lot_salt
from retention_ml.actions.catalogue.action import Action
from retention_ml.actions.holdout.membership import P_VALUE_MIN, in_holdout_sql
from retention_ml.actions.permissions import permitted
from retention_ml.statistics.arrays import Floats
from retention_ml.statistics.lots import place_sql
from retention_ml.statistics.sample_ratio import Arms, mismatch_p_value
from retention_ml.warehouse import Transaction

_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """One result: its name, whether it holds, and what was observed, in words."""

    name: str
    is_success: bool
    observed: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditInputs:
    """What the rows of a day are compared with.

    Parameters
    ----------
    as_of : date
    timezone : str
    policy_id : str
    actions : sequence of Action, length k
        `none` first.
    quotas : array of float64, shape (k,)
        Contacts of the day by action.
    fatigue_days, window_days, contacts_per_year_max : int
        As in `[actions]` of the settings.
    dependence_p_value : float
        Of the holdout's shares in the two arms of the challenger's trial; 1 where there is no arm.
    """

    as_of: date
    timezone: str
    policy_id: str
    actions: Sequence[Action]
    quotas: Floats
    fatigue_days: int
    window_days: int
    contacts_per_year_max: int
    dependence_p_value: float


def audits(transaction: Transaction, inputs: AuditInputs) -> list[Audit]:
    """Every audit of a day, in the order in which a reader should look at them."""
    day = _row(transaction, "SELECT * FROM actions.days WHERE as_of = :as_of", inputs.as_of)
    return [
        *_rows_account(transaction, inputs, day),
        *_propensities(transaction, inputs),
        *_lots(transaction, inputs, day),
        *_holdout(transaction, inputs, day),
        *_limits(transaction, inputs, day),
        *_contacts(transaction, inputs),
    ]


def refusal(results: Sequence[Audit]) -> str | None:
    """Why a day must not be kept, in words; None if it may. No audits at all count as a failure."""
    if not results:
        return "no audit ran"
    return "; ".join(f"{a.name}: {a.observed}" for a in results if not a.is_success) or None


def _rows_account(
    transaction: Transaction, inputs: AuditInputs, day: dict[str, Any]
) -> list[Audit]:
    counted = _row(
        transaction,
        "SELECT (SELECT population_count FROM scores.snapshots WHERE snapshot_id = :id) "
        "AS population_count, (SELECT count(*) FROM actions.assignments WHERE as_of = :as_of) "
        "AS assigned_count, (SELECT coalesce(sum(customers_count), 0) FROM actions.exclusions "
        "WHERE as_of = :as_of) AS excluded_count, (SELECT count(*) FROM actions.assignments "
        "LEFT JOIN scores.customer_daily AS score ON score.snapshot_id = :id "
        "AND score.customer_id = assignments.customer_id "
        "WHERE assignments.as_of = :as_of AND score.customer_id IS NULL) AS unscored_count, "
        "(SELECT snapshot_id FROM scores.published WHERE as_of = :as_of) AS published_id",
        inputs.as_of,
        id=day["snapshot_id"],
    )
    assigned, excluded = int(counted["assigned_count"]), int(counted["excluded_count"])
    return [
        Audit(
            name="rows_account",
            is_success=counted["population_count"] == assigned + excluded
            and (day["assigned_count"], day["excluded_count"]) == (assigned, excluded),
            observed=f"{counted['population_count']:,} active customers, {assigned:,} assigned + "
            f"{excluded:,} excluded",
        ),
        Audit(
            name="scores_are_those_published",
            is_success=counted["published_id"] == day["snapshot_id"],
            observed=f"snapshot {day['snapshot_id']}, published is {counted['published_id']}",
        ),
        Audit(
            name="everybody_is_scored",
            is_success=counted["unscored_count"] == 0,
            observed=f"{counted['unscored_count']:,} assigned customers without a score",
        ),
    ]


def _propensities(transaction: Transaction, inputs: AuditInputs) -> list[Audit]:
    """There are few different propensities, so they are added up once each."""
    counted = _row(
        transaction,
        "SELECT coalesce(sum(rows_count) FILTER (WHERE abs(total - 1) > :rounding "
        "OR least < 0), 0) AS wrong_sum, coalesce(sum(rows_count) FILTER (WHERE CAST("
        "propensities ->> action_id AS double precision) IS DISTINCT FROM propensity), 0) "
        "AS wrong_action FROM (SELECT propensities, action_id, propensity, count(*) AS rows_count "
        "FROM actions.assignments WHERE as_of = :as_of GROUP BY 1, 2, 3) AS patterns, "
        "LATERAL (SELECT sum(CAST(value AS double precision)) AS total, "
        "min(CAST(value AS double precision)) AS least FROM jsonb_each_text(propensities)) AS sums",
        inputs.as_of,
        rounding=_ROUNDING,
    )
    return [
        Audit(
            name="propensities_sum_to_one",
            is_success=counted["wrong_sum"] == 0 and counted["wrong_action"] == 0,
            observed=f"{counted['wrong_sum']:,} rows whose propensities are not 1 together, "
            f"{counted['wrong_action']:,} whose action has another one",
        )
    ]


def _lots(transaction: Transaction, inputs: AuditInputs, day: dict[str, Any]) -> list[Audit]:
    """All but those of experiments: their strata and salts are the designs'."""
    counted = _row(
        transaction,
        f"SELECT count(*) FILTER (WHERE lot <> {place_sql(':salt', 'customer_id')}) AS other_lot, "
        "count(*) FILTER (WHERE is_explored AND lot >= :share) AS wrongly_explored, "
        "count(*) FILTER (WHERE NOT is_explored AND NOT is_holdout AND NOT is_capped "
        "AND lot < :share) AS wrongly_chosen FROM actions.assignments "
        "WHERE as_of = :as_of AND experiment_id IS NULL",
        inputs.as_of,
        salt=lot_salt(inputs.policy_id, inputs.as_of),
        share=day["explore_share"],
    )
    return [
        Audit(
            name="lots_drawn_again_are_equal",
            is_success=not any(counted.values()),
            observed=f"{counted['other_lot']:,} other lots, {counted['wrongly_explored']:,} "
            f"explored above and {counted['wrongly_chosen']:,} not explored below the share of "
            f"{day['explore_share']:.4f}",
        )
    ]


def _holdout(transaction: Transaction, inputs: AuditInputs, day: dict[str, Any]) -> list[Audit]:
    member = in_holdout_sql("holdout.salt", "holdout.share", "assignment.customer_id")
    counted = _row(
        transaction,
        "SELECT count(*) FILTER (WHERE is_holdout <> is_member) AS misdrawn, "
        "count(*) FILTER (WHERE is_member AND action_id <> 'none') AS contacted FROM ("
        f"SELECT is_holdout, action_id, coalesce({member}, false) AS is_member "
        "FROM actions.assignments AS assignment LEFT JOIN actions.holdouts AS holdout "
        "ON assignment.as_of >= holdout.began_on AND (holdout.ends_on IS NULL "
        "OR assignment.as_of < holdout.ends_on) WHERE assignment.as_of = :as_of "
        "OFFSET 0) AS membership",  # computed once a row
        inputs.as_of,
    )
    return [
        Audit(
            name="holdout_drawn_again_is_equal",
            is_success=counted["misdrawn"] == 0,
            observed=f"{counted['misdrawn']:,} customers drawn otherwise",
        ),
        Audit(
            name="holdout_is_left_alone",
            is_success=counted["contacted"] == 0,
            observed=f"{counted['contacted']:,} customers of the holdout with an action",
        ),
        _holdout_share(transaction, inputs, day["snapshot_id"]),
        Audit(
            name="holdout_is_independent_of_the_trial",
            is_success=inputs.dependence_p_value >= P_VALUE_MIN,
            observed=f"p = {inputs.dependence_p_value:.2g}",
        ),
    ]


def _holdout_share(transaction: Transaction, inputs: AuditInputs, snapshot_id: int) -> Audit:
    """Of everybody scored, before the first contact of the period.

    Not of those assigned: who was contacted rests and is not among them, the holdout always is. And
    not later: contacts change who is still active.
    """
    member = in_holdout_sql("holdout.salt", "holdout.share", "score.customer_id")
    counted = _row(
        transaction,
        "SELECT count(*) AS customers_count, max(holdout.share) AS share, "
        f"count(*) FILTER (WHERE {member}) AS members_count FROM actions.holdouts AS holdout "
        "JOIN scores.customer_daily AS score ON score.snapshot_id = :id "
        "WHERE holdout.began_on <= :as_of "
        "AND (holdout.ends_on IS NULL OR holdout.ends_on > :as_of) AND NOT EXISTS ("
        "SELECT 1 FROM actions.days AS earlier WHERE earlier.status = 'released' "
        "AND earlier.as_of >= holdout.began_on AND earlier.as_of < :as_of)",
        inputs.as_of,
        id=snapshot_id,
    )
    arms = Arms(arm_count=counted["members_count"], customers_count=counted["customers_count"])
    p_value = mismatch_p_value(arms, counted["share"] or 0.0)
    return Audit(
        name="holdout_has_its_share",
        is_success=p_value >= P_VALUE_MIN,
        observed=f"{arms.arm_count:,} of {arms.customers_count:,} customers, p = {p_value:.2g}",
    )


def _limits(transaction: Transaction, inputs: AuditInputs, day: dict[str, Any]) -> list[Audit]:
    rows = transaction.execute(
        "SELECT action_id, count(*) AS contacts, sum(cost_cents) AS cost_cents "
        "FROM actions.assignments WHERE as_of = :as_of AND action_id <> 'none' GROUP BY 1",
        as_of=inputs.as_of,
    )
    quota_of = {
        action.action_id: quota for action, quota in zip(inputs.actions, inputs.quotas, strict=True)
    }
    spent = float(sum(row.cost_cents for row in rows))
    crowded = [row.action_id for row in rows if row.contacts > quota_of.get(row.action_id, 0)]
    return [
        Audit(
            name="budget_is_kept",
            is_success=spent <= day["budget_cents"] * (1 + _ROUNDING)
            and abs(spent - day["cost_cents"]) <= _ROUNDING * max(1.0, spent),
            observed=f"{spent:,.2f} of {day['budget_cents']:,.2f}",
        ),
        Audit(
            name="quotas_are_kept",
            is_success=not crowded,
            observed=f"more than allowed: {', '.join(sorted(crowded)) or 'none'}",
        ),
    ]


def _contacts(transaction: Transaction, inputs: AuditInputs) -> list[Audit]:
    assignments = ibis.table(
        {"as_of": "date", "customer_id": "string", "action_id": "string"},
        name="assignments",
        database="actions",
    )
    contacted = assignments.filter(
        assignments.as_of == ibis.literal(inputs.as_of), assignments.action_id != "none"
    ).select("customer_id", "action_id")
    before = contact_counts(
        inputs.as_of,
        inputs.timezone,
        fatigue_days=inputs.fatigue_days,
        window_days=inputs.window_days,
    )
    weary = contacted.join(before, "customer_id").filter(
        (before.recent_contacts > 0) | (before.year_contacts >= inputs.contacts_per_year_max)
    )
    tired = _count(transaction, weary)
    forbidden = _count_forbidden(transaction, inputs, contacted)
    return [
        Audit(
            name="fatigue_is_kept",
            is_success=tired == 0,
            observed=f"{tired:,} customers contacted again too soon or too often",
        ),
        Audit(
            name="everybody_permitted_it",
            is_success=forbidden == 0,
            observed=f"{forbidden:,} customers contacted without a permission",
        ),
    ]


def _count_forbidden(transaction: Transaction, inputs: AuditInputs, contacted: ibis.Table) -> int:
    """Customers with an action that needs a permission which they have not given."""
    needs = [
        action
        for action in inputs.actions
        if action.permission_channel is not None and action.rule.needs_permission
    ]
    if not needs:
        return 0
    is_action = [contacted.action_id == action.action_id for action in needs]
    channels = [action.permission_channel for action in needs]
    purposes = [action.rule.purpose for action in needs]
    asked = contacted.filter(
        contacted.action_id.isin([action.action_id for action in needs])
    ).select(
        "customer_id",
        channel=ibis.cases(*zip(is_action, channels, strict=True)),
        purpose=ibis.cases(*zip(is_action, purposes, strict=True)),
    )
    grants = permitted(clock.midnight(inputs.as_of, inputs.timezone))
    return _count(transaction, asked.anti_join(grants, ["customer_id", "channel", "purpose"]))


def _count(transaction: Transaction, rows: ibis.Table) -> int:
    [(count,)] = transaction.select(rows.aggregate(rows_count=rows.count()))
    return int(count)


def _row(transaction: Transaction, sql: str, as_of: date, **parameters: Any) -> dict[str, Any]:
    [row] = transaction.execute(sql, as_of=as_of, **parameters)
    return dict(row._mapping)
