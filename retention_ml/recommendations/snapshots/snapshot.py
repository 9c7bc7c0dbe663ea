"""The lists of a day in the database: which rows go into which table."""

from collections.abc import Mapping

import pyarrow as pa

from retention_ml.publication.snapshots import Snapshots
from retention_ml.recommendations.snapshots.day_lists import DayLists

SNAPSHOTS = Snapshots(
    schema="recommendations",
    tables={
        "lists": "recommendations.customer_daily",
        "products": "recommendations.product_daily",
        "filtered": "recommendations.filtered",
        "exclusions": "recommendations.exclusions",
    },
    of_day=("lists", "products"),
)


def tables_of(rows: DayLists) -> Mapping[str, pa.Table]:
    """The rows of a day by the names of `SNAPSHOTS.tables`."""
    return {name: getattr(rows, name) for name in SNAPSHOTS.tables}
