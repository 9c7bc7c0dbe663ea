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
