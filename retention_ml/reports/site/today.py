"""The rows of the page Today."""

from retention_ml.models.promotion.policy import configured_policy
from retention_ml.pages import today
from retention_ml.reports.site.days import PublishedDay, until
from retention_ml.reports.site.look import Look
from retention_ml.reports.site.reading import Row, Select
from retention_ml.reports.site.tier_totals import tier_totals
from retention_ml.scores.tiers import TierPolicy
from retention_ml.settings import Settings

_SHOWN = 10


def today_page(look: Look) -> str:
    """The page of the day of a look; what needs a person is as of now."""
    return today.page(look.frame, _rows(look, look.day) if look.day else today.TodayRows())


def _rows(look: Look, day: PublishedDay) -> today.TodayRows:
    select = look.select
    return today.TodayRows(
        freshness=_freshness(select),
        tiers=tier_totals(select, look.warehouse_name, until(look.days, day)),
        bins=select(
            "SELECT least(floor(20 * churn_probability), 19)::int AS place, risk_tier, "
            "count(*) AS customers_count FROM reports.customer_risk_history "
            "WHERE snapshot_id = :snapshot GROUP BY 1, 2",
            snapshot=day.snapshot_id,
        ),
        bounds=_bounds(select, look.settings, day),
        contacts=select(
            "SELECT customer_id, risk_tier, churn_probability, expected_value_at_risk, reason_1, "
            "'–' AS contact FROM reports.customer_risk_history WHERE snapshot_id = :snapshot "
            "AND risk_tier IN ('critical', 'high') "
            "ORDER BY expected_value_at_risk DESC, customer_id LIMIT :limit",
            snapshot=day.snapshot_id,
            limit=_SHOWN,
        ),
        alerts=select(
            "SELECT as_of, kind, subject, severity, sentence, runbook FROM reports.alerts "
            "WHERE cleared_at IS NULL ORDER BY severity, as_of DESC, alert_id DESC LIMIT :limit",
            limit=_SHOWN,
        ),
        files=select(
            "SELECT source, file_name, status, reason, unusable_since FROM reports.unusable_files "
            "ORDER BY landed_at DESC, source, file_name LIMIT :limit",
            limit=_SHOWN,
        ),
    )


def _freshness(select: Select) -> Row | None:
    rows = select(
        "SELECT * FROM reports.pipeline_freshness WHERE subject = 'publication' AND name = 'scores'"
    )
    if not rows:
        return None
    newest = rows[0]
    sentence = f"The newest scores are of {newest['newest_as_of']}."
    return {"verdict": "waiting", "sentence": sentence, **newest}


def _bounds(select: Select, settings: Settings, day: PublishedDay) -> dict[str, float]:
    """Probabilities from which on tiers begin; empty where they go by rank.

    The snapshot keeps the digest of its policy; the policy itself is that of the settings, or one
    that was approved with a model.
    """
    if day.tiers_by not in (None, "probability"):
        return {}
    approved = select(
        "SELECT DISTINCT policy FROM models.promotions WHERE policy IS NOT NULL "
        "AND alias IN ('champion', 'challenger')"
    )
    for policy in (configured_policy(settings), *(row["policy"] for row in approved)):
        tiers = TierPolicy(**policy)
        if tiers.sha256 == day.policy_sha256:
            return {name: float(policy[name]) for name in ("medium", "high", "critical")}
    return {}
