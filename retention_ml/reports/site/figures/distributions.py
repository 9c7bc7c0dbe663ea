"""How the features that changed most are distributed, on a day and four weeks before it."""

from datetime import date

from retention_ml.reports.site.days import PublishedDay
from retention_ml.reports.site.reading import Row, Select


def distributions(select: Select, day: PublishedDay | None) -> tuple[date | None, list[Row]]:
    """The earlier day, and rows by column and bucket, as they were when drift was measured.

    A bucket is a tenth of the customers of the earlier day, as far as values differ. Nothing where
    there is no earlier day, or where drift was not measured.
    """
    if day is None:
        return None, []
    stored = select(
        "SELECT name, reference_as_of, edges, reference_counts, counts FROM outcomes.distributions "
        "WHERE snapshot_id = :snapshot ORDER BY place",
        snapshot=day.snapshot_id,
    )
    then_on = stored[0]["reference_as_of"] if stored else None
    return then_on, [row for column in stored for row in _buckets(column)]


def _buckets(column: Row) -> list[Row]:
    edges = column["edges"]
    labels = [*(f"{edge:.4g}" for edge in edges), f"above {edges[-1]:.4g}"]
    then_count = sum(column["reference_counts"]) or 1
    now_count = sum(column["counts"]) or 1
    return [
        {
            "column_name": column["name"],
            "label": label,
            "then_share": then / then_count,
            "now_share": now / now_count,
        }
        for label, then, now in zip(
            labels, column["reference_counts"], column["counts"], strict=True
        )
        if then or now
    ]
