"""Who stands first in a list of customers, as it is stored with their scores."""

from collections.abc import Sequence

from retention_ml.reports.site.days import PublishedDay
from retention_ml.reports.site.reading import Select
from retention_ml.scores.summaries.leading import LEADING_MAX


def leading_ids(
    select: Select, day: PublishedDay, *, tiers: Sequence[str], ordered_by: str, last: int
) -> list[str]:
    """Customers among whom the first `last` of those tiers are, in no order.

    Empty where that is not stored: of days that were scored before it was kept, and for places
    beyond those that are. The list is then sorted whole.

    Parameters
    ----------
    ordered_by : str
        `value` or `probability`, as in `scores.leading_customers`.
    last : int
        The last place that is shown.
    """
    if last > LEADING_MAX:
        return []
    rows = select(
        "SELECT customer_id FROM scores.leading_customers WHERE snapshot_id = :snapshot "
        "AND ordered_by = :ordered_by AND risk_tier = ANY(:tiers) AND place <= :last",
        snapshot=day.snapshot_id,
        ordered_by=ordered_by,
        tiers=list(tiers),
        last=last,
    )
    return [str(row["customer_id"]) for row in rows]
