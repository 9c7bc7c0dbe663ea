"""Customers that are none, for a screen: reading functions."""

from collections.abc import Sequence

from retention_ml.reports.read import Row, select
from retention_ml.warehouse import Warehouse

COLUMNS = ("customer", "kind", "status", "excluded", "score", "evidence")


def abnormal_customers(warehouse: Warehouse, *, limit: int | None = None) -> list[Row]:
    """Abnormal customers of the latest day that was looked at, the most probable first."""
    return select(
        warehouse,
        "SELECT * FROM reports.abnormal_customers ORDER BY score DESC, customer_id LIMIT :limit",
        limit=limit,
    )


def notes(warehouse: Warehouse) -> list[str]:
    """What is to be said of the latest day: an alert, and rules that are off."""
    rows = select(
        warehouse,
        "SELECT DISTINCT alert, caveat FROM reports.abnormal_daily "
        "WHERE as_of = (SELECT max(as_of) FROM reports.abnormal_daily)",
    )
    return [text for row in rows for text in (row["alert"], row["caveat"]) if text]


def table(rows: Sequence[Row]) -> list[tuple[object, ...]]:
    """A line per customer, under `COLUMNS`."""
    return [
        (
            row["customer_id"],
            row["kind"],
            row["status"],
            "yes" if row["is_excluded"] else "no",
            f"{row['score']:.3f}",
            row["evidence"],
        )
        for row in rows
    ]
