"""What must hold of personas and of the forecast before profiles are published."""

from datetime import timedelta

from retention_ml.profiles.forecast.activity import NO_ACTIVITY, NO_REVENUE
from retention_ml.profiles.forecast.series import CUSTOMERS, METRICS, REVENUE
from retention_ml.publication.audit import Audit, none_of
from retention_ml.publication.publish import Manifest
from retention_ml.warehouse import Transaction

_MONTH_DAYS = 30
_FEWEST_CUSTOMERS = 50


def persona_audits(
    transaction: Transaction, manifest: Manifest, changed_warning: float
) -> list[Audit]:
    """Personas are those in force, everybody has one, and few have another than a month ago."""
    [row] = transaction.execute(
        "SELECT (SELECT count(*) FROM profiles.customer_daily AS profile "
        "JOIN profiles.snapshots USING (snapshot_id) LEFT JOIN profiles.persona_fits AS fit "
        "ON fit.fit_id = persona_fit_id WHERE snapshot_id = :id AND (first_order_on IS NULL "
        "OR coalesce(personas_count, 0) = 0) <> (persona_id IS NULL)) AS bare_count, "
        "(SELECT count(*) FROM (SELECT persona_id, count(*) AS members_count "
        "FROM profiles.customer_daily WHERE snapshot_id = :id AND persona_id IS NOT NULL "
        "GROUP BY 1) AS members FULL JOIN (SELECT * FROM profiles.personas "
        "WHERE snapshot_id = :id) AS persona USING (persona_id) "
        "WHERE coalesce(members_count, 0) IS DISTINCT FROM customers_count) AS sums_count, "
        "(SELECT count(*) FROM profiles.snapshots WHERE snapshot_id = :id "
        # Empty: those in force cannot be read, and nobody has any.
        "AND persona_fit_id <> coalesce((SELECT fit_id FROM profiles.persona_fits "
        "WHERE as_of <= :as_of ORDER BY as_of DESC, fit_id DESC LIMIT 1), "
        "(SELECT fit_id FROM profiles.persona_fits WHERE as_of > :as_of "
        "ORDER BY as_of, fit_id LIMIT 1))) AS overtaken_count",
        id=manifest.snapshot_id,
        as_of=manifest.as_of,
    )
    return [
        none_of(
            "buyers_have_a_persona", row.bare_count, "buyers without a persona, or others with one"
        ),
        none_of("personas_add_up", row.sums_count, "personas that do not add up"),
        none_of(
            "personas_are_those_in_force",
            row.overtaken_count,
            "snapshots with other personas than those decided for the day since",
        ),
        _personas_are_steady(transaction, manifest, changed_warning),
    ]


def _personas_are_steady(transaction: Transaction, manifest: Manifest, warning: float) -> Audit:
    [row] = transaction.execute(
        "SELECT count(*) AS customers_count, "
        "count(*) FILTER (WHERE profile.persona_id <> earlier.persona_id) AS moved_count "
        "FROM profiles.customer_daily AS profile JOIN profiles.customer_daily AS earlier "
        "USING (customer_id) WHERE profile.snapshot_id = :id AND earlier.snapshot_id = "
        "(SELECT snapshot_id FROM profiles.published WHERE as_of = :before) "
        "AND profile.persona_id IS NOT NULL AND earlier.persona_id IS NOT NULL",
        id=manifest.snapshot_id,
        before=manifest.as_of - timedelta(days=_MONTH_DAYS),
    )
    share = row.moved_count / row.customers_count if row.customers_count else 0.0
    return Audit(
        name="personas_are_steady",
        severity="warning",
        is_success=row.customers_count < _FEWEST_CUSTOMERS or share <= warning,
        observed=f"{row.moved_count:,} of {row.customers_count:,} customers have another persona "
        f"than {_MONTH_DAYS} days before ({share:.1%})",
    )


def forecast_audits(transaction: Transaction, manifest: Manifest) -> list[Audit]:
    """Days ahead follow each other from the day itself on, with their totals, for every metric.

    What is not forecast is missing whole, and the caveat of the snapshot says so.
    """
    [row] = transaction.execute(
        "WITH ahead AS (SELECT metric, count(*) FILTER (WHERE days_ahead > 0) AS days_count, "
        "count(*) FILTER (WHERE days_ahead = 0) AS totals_count, max(days_ahead) AS last_day, "
        "bool_and(as_of = :as_of AND (days_ahead = 0 OR forecast_on = as_of + days_ahead - 1)) "
        "AS is_dated, max(max(days_ahead)) OVER () AS horizon "
        "FROM profiles.forecasts WHERE snapshot_id = :id GROUP BY 1) "
        "SELECT (SELECT count(*) FROM ahead WHERE NOT is_dated OR days_count = 0 "
        "OR days_count <> last_day OR last_day <> horizon) AS odd_count, "
        "(SELECT count(*) FROM ahead WHERE totals_count <> (metric <> :customers)::integer) "
        "AS totals_count, "
        "(SELECT count(*) FROM unnest(CAST(:metrics AS text[])) AS metric, profiles.snapshots "
        "WHERE snapshot_id = :id AND metric NOT IN (SELECT metric FROM ahead) AND NOT ("
        "strpos(coalesce(caveat, ''), :no_activity) > 0 AND NOT EXISTS (SELECT FROM ahead) "
        "OR strpos(coalesce(caveat, ''), :no_revenue) > 0 AND metric = :revenue)) AS missing_count",
        id=manifest.snapshot_id,
        as_of=manifest.as_of,
        customers=CUSTOMERS,
        revenue=REVENUE,
        metrics=list(METRICS),
        no_activity=NO_ACTIVITY,
        no_revenue=NO_REVENUE,
    )
    return [
        none_of("days_ahead_follow_each_other", row.odd_count, "metrics with holes"),
        none_of(
            "totals_ahead_are_there",
            row.totals_count,
            "metrics without a total of all days ahead, or with one that they must not have",
        ),
        none_of(
            "missing_forecasts_are_explained",
            row.missing_count,
            "metrics without a forecast of which the caveat says nothing",
        ),
    ]
