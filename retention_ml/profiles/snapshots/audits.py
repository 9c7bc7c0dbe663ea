"""What must hold before profiles are published: counted by the database from the rows written."""

from dataclasses import dataclass
from typing import Any

from retention_ml import clock
from retention_ml.clock import day_number
from retention_ml.profiles.snapshots.persona_audits import forecast_audits, persona_audits
from retention_ml.publication.audit import Audit, critical, none_of
from retention_ml.publication.publish import Manifest
from retention_ml.warehouse import Transaction

_FEWEST_CUSTOMERS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much may change.

    Parameters
    ----------
    changed_warning : float
        Share of customers with another stage than the day before that is remarkable.
    shrink_max : float
        By which share customers may be fewer than in the profiles published before.
    persona_changed_warning : float
        Share of customers with another persona than a month before that is remarkable.
    """

    changed_warning: float
    shrink_max: float
    persona_changed_warning: float


def audits(
    transaction: Transaction, manifest: Manifest, limits: Limits, timezone: str
) -> list[Audit]:
    """Every audit of a snapshot, in the order in which a reader should look at them."""
    return [
        *_everybody_has_a_stage(transaction, manifest, timezone),
        *_rows_are_sound(transaction, manifest),
        *_transitions_add_up(transaction, manifest),
        *_curves_are_sound(transaction, manifest),
        *persona_audits(transaction, manifest, limits.persona_changed_warning),
        *forecast_audits(transaction, manifest),
        _did_not_shrink(transaction, manifest, limits.shrink_max),
        _stages_are_steady(transaction, manifest, limits.changed_warning),
    ]


def _everybody_has_a_stage(
    transaction: Transaction, manifest: Manifest, timezone: str
) -> list[Audit]:
    population = _one(
        transaction,
        "SELECT count(*) AS customers_count, count(*) FILTER (WHERE has_order) AS buyers_count "
        "FROM (SELECT customer_id, bool_or(has_order) AS has_order FROM ("
        "SELECT customer_id, bool_or(orders_count > 0) AS has_order FROM ("
        "SELECT customer_id, event_day, sum(orders_count) AS orders_count, "
        "sum(events_count) AS events_count FROM features.customer_day "
        "WHERE event_day < :day AND known_from_day <= :day GROUP BY 1, 2) AS days "
        "WHERE orders_count > 0 OR events_count > 0 GROUP BY 1 UNION ALL "
        "SELECT customer_id, false FROM curated.customers WHERE registered_at < :midnight "
        "AND available_at <= :midnight AND (superseded_at IS NULL OR superseded_at > :midnight)"
        ") AS contacts GROUP BY 1) AS population",
        manifest,
        day=day_number(manifest.as_of),
        midnight=clock.midnight(manifest.as_of, timezone),
    )
    rows = _one(
        transaction,
        "SELECT count(*) AS customers_count, count(first_order_on) AS buyers_count, "
        "(SELECT coalesce(sum(customers_count), 0) FROM profiles.stage_daily "
        "WHERE snapshot_id = :id) AS staged_count "
        "FROM profiles.customer_daily WHERE snapshot_id = :id",
        manifest,
    )
    expected = (int(population["customers_count"]), int(population["buyers_count"]))
    observed = (int(rows["customers_count"]), int(rows["buyers_count"]))
    stated = (manifest.row["customers_count"], manifest.row["buyers_count"])
    abnormal = int(manifest.row["abnormal_count"])
    is_complete = (
        expected[0] == observed[0] + abnormal
        and 0 <= expected[1] - observed[1] <= abnormal
        and observed == stated
    )
    return [
        critical(
            "everybody_has_one_stage",
            is_complete and int(rows["staged_count"]) == observed[0],
            f"{expected[0]:,} customers are known, {expected[1]:,} of them with an order; rows of "
            f"{observed[0]:,} and {observed[1]:,}, the manifest says {stated[0]:,} and "
            f"{stated[1]:,}, and {abnormal:,} left out as abnormal; stages add up to {int(rows['staged_count']):,}",
        )
    ]


def _rows_are_sound(transaction: Transaction, manifest: Manifest) -> list[Audit]:
    rows = _one(
        transaction,
        "SELECT count(*) FILTER (WHERE as_of <> :as_of) AS other_days_count, "
        "count(*) FILTER (WHERE stage_since > as_of OR acquired_on >= as_of "
        "OR first_order_on >= as_of OR last_order_on >= as_of) AS ahead_count, "
        "count(*) FILTER (WHERE first_order_on > last_order_on OR acquired_on > first_order_on "
        "OR stage_since <= acquired_on) AS order_count, "
        "count(*) FILTER (WHERE (lifecycle_stage = 'visitor') <> (first_order_on IS NULL)) "
        "AS visitors_count, "
        "count(*) FILTER (WHERE first_order_on IS NOT NULL AND (rfm_group IS NULL "
        "OR purchase_interval_days IS NULL OR is_overdue IS NULL)) AS bare_count "
        "FROM profiles.customer_daily WHERE snapshot_id = :id",
        manifest,
    )
    return [
        none_of("rows_are_of_the_day", rows["other_days_count"], "rows of another day"),
        none_of("nothing_is_ahead", rows["ahead_count"], "rows with a day that was still to come"),
        none_of("days_are_in_order", rows["order_count"], "rows whose days contradict each other"),
        none_of(
            "visitors_have_no_order",
            rows["visitors_count"],
            "visitors with an order, or buyers without",
        ),
        none_of("buyers_have_a_rhythm", rows["bare_count"], "buyers without RFM or interval"),
    ]


def _transitions_add_up(transaction: Transaction, manifest: Manifest) -> list[Audit]:
    rows = _one(
        transaction,
        "WITH moves AS (SELECT * FROM profiles.transitions WHERE snapshot_id = :id), "
        "targets AS (SELECT period, to_stage AS lifecycle_stage, sum(customers_count) AS moved_count "
        "FROM moves WHERE to_stage <> 'none' GROUP BY 1, 2), "
        "sources AS (SELECT from_snapshot_id AS snapshot_id, period, from_stage AS lifecycle_stage, "
        "sum(customers_count) AS moved_count FROM moves WHERE from_stage <> 'none' "
        "AND from_snapshot_id IS NOT NULL GROUP BY 1, 2, 3), "
        "bases AS (SELECT DISTINCT period, from_as_of, from_snapshot_id AS snapshot_id FROM moves) "
        "SELECT (SELECT count(*) FROM bases CROSS JOIN profiles.stage_daily AS stage "
        "LEFT JOIN targets USING (period, lifecycle_stage) WHERE stage.snapshot_id = :id "
        "AND stage.customers_count <> coalesce(moved_count, 0)) AS targets_count, "
        "(SELECT count(*) FROM bases JOIN profiles.stage_daily AS stage USING (snapshot_id) "
        "LEFT JOIN sources USING (snapshot_id, period, lifecycle_stage) "
        "WHERE stage.customers_count <> coalesce(moved_count, 0)) AS sources_count, "
        "(SELECT count(*) FROM bases LEFT JOIN (profiles.published AS pointer "
        "JOIN profiles.snapshots AS earlier ON earlier.snapshot_id = pointer.snapshot_id "
        "AND earlier.customers_pruned_at IS NULL) ON pointer.as_of = bases.from_as_of "
        "WHERE bases.snapshot_id IS DISTINCT FROM pointer.snapshot_id) AS bases_count",
        manifest,
    )
    return [
        none_of(
            "transitions_end_in_the_stages", rows["targets_count"], "stages that do not add up"
        ),
        none_of(
            "transitions_begin_in_the_stages",
            rows["sources_count"],
            "stages of an earlier day that do not add up",
        ),
        none_of(
            "transitions_begin_with_what_readers_see",
            rows["bases_count"],
            "earlier days that were published anew since",
        ),
    ]


def _curves_are_sound(transaction: Transaction, manifest: Manifest) -> list[Audit]:
    rows = _one(
        transaction,
        "SELECT (SELECT coalesce(sum(customers_count), 0) FROM profiles.cohorts "
        "WHERE snapshot_id = :id AND period = 0) AS cohorts_count, "
        "(SELECT count(*) FROM profiles.cohorts WHERE snapshot_id = :id "
        "AND (ordered_later_count < ordered_count OR observed_count < ordered_later_count "
        "OR customers_count < observed_count OR at_risk_count < ordered_both_count "
        "OR is_incomplete <> (observed_count < customers_count))) AS crooked_count, "
        "(SELECT count(*) FROM (SELECT survival_share, lag(survival_share) OVER (PARTITION BY "
        "curve, population ORDER BY day) AS before FROM profiles.survival "
        "WHERE snapshot_id = :id) AS steps WHERE survival_share > before "
        "OR survival_share NOT BETWEEN 0 AND 1) AS rising_count",
        manifest,
    )
    buyers = int(manifest.row["buyers_count"])
    return [
        critical(
            "cohorts_hold_no_more_than_everybody",
            int(rows["cohorts_count"]) <= buyers,
            f"{int(rows['cohorts_count']):,} customers in cohorts of {buyers:,}",
        ),
        none_of("cohorts_are_nested", rows["crooked_count"], "cohorts with more than there are"),
        none_of("survival_does_not_rise", rows["rising_count"], "steps of a curve that rise"),
    ]


def _did_not_shrink(transaction: Transaction, manifest: Manifest, maximum: float) -> Audit:
    before = transaction.execute(
        "SELECT pointer.as_of, customers_count, abnormal_count FROM profiles.published AS pointer "
        "JOIN profiles.snapshots USING (snapshot_id) WHERE pointer.as_of <= :as_of "
        "ORDER BY pointer.as_of DESC LIMIT 1",
        as_of=manifest.as_of,
    )
    then = int(before[0].customers_count + before[0].abnormal_count) if before else 0
    if then < _FEWEST_CUSTOMERS:
        return critical("customers_did_not_shrink", True, "nothing to compare with")
    # Who is excluded is not lost: confirming an attack must not refuse every day that follows.
    now = int(manifest.row["customers_count"]) + int(manifest.row["abnormal_count"])
    return critical(
        "customers_did_not_shrink",
        now >= (1 - maximum) * then,
        f"{then:,} customers on {before[0].as_of}, now {now:,}, those left out as abnormal included",
    )


def _stages_are_steady(transaction: Transaction, manifest: Manifest, warning: float) -> Audit:
    rows = _one(
        transaction,
        "SELECT coalesce(sum(customers_count), 0) AS customers_count, "
        "coalesce(sum(customers_count) FILTER (WHERE from_stage <> to_stage), 0) AS moved_count "
        "FROM profiles.transitions WHERE snapshot_id = :id AND period = 'day' "
        "AND from_stage <> 'none'",
        manifest,
    )
    everybody, moved = int(rows["customers_count"]), int(rows["moved_count"])
    share = moved / everybody if everybody else 0.0
    return Audit(
        name="stages_are_steady",
        severity="warning",
        is_success=everybody < _FEWEST_CUSTOMERS or share <= warning,
        observed=f"{moved:,} of {everybody:,} customers changed their stage in a day ({share:.1%})",
    )


def _one(
    transaction: Transaction, sql: str, manifest: Manifest, **parameters: Any
) -> dict[str, Any]:
    values = {"id": manifest.snapshot_id, "as_of": manifest.as_of, **parameters}
    [row] = transaction.execute(
        sql, **{name: value for name, value in values.items() if f":{name}" in sql}
    )
    return dict(row._mapping)
