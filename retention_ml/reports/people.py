"""Personas and the activity ahead for a screen: reading functions, and their tables."""

from collections.abc import Sequence
from datetime import date

from retention_ml.reports.read import Row, select
from retention_ml.warehouse import Warehouse

Table = tuple[str, tuple[str, ...], list[tuple[object, ...]]]

_PERSONA_COLUMNS = (
    "persona", "customers", "share", "silent days", "purchase days", "brought", "per day",
    "revenue in 28 days",
)  # fmt: skip
_FORECAST_COLUMNS = ("", "expected", "from", "to", "off on average")
_WORDS = {"orders": "orders", "revenue": "revenue", "active_customers": "customers on one day"}


def personas(warehouse: Warehouse, as_of: date | None = None) -> list[Row]:
    """The personas of a published day (the latest by default), in the order of their numbers."""
    return select(
        warehouse,
        "SELECT * FROM reports.personas WHERE as_of = coalesce(CAST(:as_of AS date), "
        "(SELECT max(as_of) FROM reports.personas)) ORDER BY persona_id",
        as_of=as_of,
    )


def activity(warehouse: Warehouse, as_of: date | None = None) -> list[Row]:
    """The forecast of a published day by metric: all days together, or a mean day's customers.

    Past errors are those of totals: customers of days have none, as they do not add up.
    """
    return select(
        warehouse,
        "SELECT as_of, metric, max(days_ahead) AS days_ahead, "
        "bool_or(uses_year_before) AS uses_year_before, "
        "max(past_error_share) FILTER (WHERE days_ahead = 0) AS past_error_share, "
        "coalesce(max(expected) FILTER (WHERE days_ahead = 0), avg(expected)) AS expected, "
        "coalesce(max(lower) FILTER (WHERE days_ahead = 0), avg(lower)) AS lower, "
        "coalesce(max(upper) FILTER (WHERE days_ahead = 0), avg(upper)) AS upper "
        "FROM reports.activity_forecast WHERE as_of = coalesce(CAST(:as_of AS date), "
        "(SELECT max(as_of) FROM reports.activity_forecast)) GROUP BY 1, 2 ORDER BY 2",
        as_of=as_of,
    )


def tables(warehouse: Warehouse, currency: str, as_of: date | None = None) -> list[Table]:
    """The tables of both, those that have lines."""
    groups, ahead = personas(warehouse, as_of), activity(warehouse, as_of)
    shown = []
    if groups:
        shown.append(persona_table(groups, currency))
    if ahead:
        shown.append(activity_table(ahead, currency))
    return shown


def persona_table(rows: Sequence[Row], currency: str) -> Table:
    """A line per persona; figures are medians of its customers."""
    title = (
        f"Personas on {rows[0]['as_of']}, medians of their customers (amounts in {currency}); "
        f"decided for {rows[0]['decided_as_of']} by {rows[0]['decided_by']}"
    )
    lines: list[tuple[object, ...]] = [
        (
            row["persona_name"],
            row["customers_count"],
            f"{row['customers_share'] or 0:.1%}",
            _number(row["median_silent_days"]),
            _number(row["median_purchase_days"]),
            _number(row["median_revenue"], 2),
            _number(row["median_day_revenue"], 2),
            f"{row['revenue_28d']:,.2f}",
        )
        for row in rows
    ]
    return title, _PERSONA_COLUMNS, lines


def activity_table(rows: Sequence[Row], currency: str) -> Table:
    """A line per metric: totals, and for customers a single day, as the days are on average."""
    days = max(row["days_ahead"] for row in rows)
    shaped = [_WORDS[row["metric"]].split()[0] for row in rows if row["uses_year_before"]]
    which = "" if len(shaped) == len(rows) else f"{', '.join(shaped)} "
    how = f", {which}shaped like a year before" if shaped else ""
    title = f"Expected in the {days} days from {rows[0]['as_of']} on (amounts in {currency}){how}"
    lines: list[tuple[object, ...]] = [
        (
            _WORDS[row["metric"]],
            *(f"{row[name]:,.0f}" for name in ("expected", "lower", "upper")),
            "–" if row["past_error_share"] is None else f"{row['past_error_share']:.1%}",
        )
        for row in rows
    ]
    return title, _FORECAST_COLUMNS, lines


def _number(value: float | None, digits: int = 0) -> str:
    return "–" if value is None else f"{value:,.{digits}f}"
