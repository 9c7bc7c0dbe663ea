"""Where tiers begin, as probabilities."""

from retention_ml.models.promotion.policy import configured_policy
from retention_ml.reports.site.days import PublishedDay
from retention_ml.reports.site.reading import Select
from retention_ml.scores.tiers import TierPolicy
from retention_ml.settings import Settings


def tier_bounds(select: Select, settings: Settings, day: PublishedDay) -> dict[str, float]:
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
