"""Customers and value per tier of published days."""

from collections.abc import Sequence

from retention_ml.reports.site.days import PublishedDay
from retention_ml.reports.site.reading import Row, Select


def tier_totals(select: Select, days: Sequence[PublishedDay]) -> list[Row]:
    """`as_of`, `risk_tier`, `customers_count`, `value`, `mean_probability`; also of empty tiers.

    In order of time, the tier most at risk first.
    """
    return select(
        "SELECT as_of, risk_tier, customers_count, expected_value_at_risk AS value, "
        "mean_churn_probability AS mean_probability FROM reports.risk_tier_daily "
        "WHERE snapshot_id = ANY(:snapshots) ORDER BY as_of, tier_rank",
        snapshots=[day.snapshot_id for day in days],
    )


def customers_in(select: Select, day: PublishedDay, tier: str) -> int:
    """Scored customers of a day in a tier, in all where that is empty."""
    [row] = select(
        "SELECT coalesce(sum(customers_count), 0)::bigint AS customers_count "
        "FROM scores.tier_totals WHERE snapshot_id = :snapshot AND (:tier = '' OR risk_tier = :tier)",
        snapshot=day.snapshot_id,
        tier=tier,
    )
    return int(row["customers_count"])
