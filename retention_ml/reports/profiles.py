"""Stages and cohorts of customers for a screen: reading functions, and the heat map as text."""

from collections.abc import Sequence
from datetime import date

from retention_ml.reports.read import Row, select
from retention_ml.warehouse import Warehouse

STAGE_COLUMNS = ("stage", "customers", "share", "came", "left", "revenue in 28 days")
VALUE_COLUMNS = ("value tier", "customers", "expected", "a customer", "share", "brought so far")
_SHADES = " ░▒▓█"
_PERIODS_SHOWN, _COHORTS_SHOWN = 12, 18


def lifecycle(warehouse: Warehouse, as_of: date | None = None) -> list[Row]:
    """Customers per stage on a published day (the latest by default), visitors first."""
    return select(
        warehouse,
        "SELECT as_of, lifecycle_stage, customers_count, customers_share, entered_count, left_count, "
        "revenue_28d, caveat FROM reports.lifecycle_daily "
        "WHERE as_of = coalesce(CAST(:as_of AS date), (SELECT max(as_of) FROM reports.lifecycle_daily)) "
        "ORDER BY stage_rank",
        as_of=as_of,
    )


def cohort_ratios(warehouse: Warehouse) -> list[Row]:
    """The share of each cohort that ordered in each period, of the latest published day."""
    return select(
        warehouse,
        "SELECT as_of, cohort_on, period, period_days, customers_count, cohort_ratio, "
        "is_left_truncated, is_incomplete FROM reports.cohort_retention "
        "WHERE cohort_on IS NOT NULL ORDER BY cohort_on, period",
    )


def value_tiers(warehouse: Warehouse) -> list[Row]:
    """Customers and expected value per tier of the latest published day, the best first."""
    return select(
        warehouse,
        "SELECT as_of, horizon_days, value_tier, count(*) AS customers_count, sum(value) AS value, "
        "sum(revenue) AS revenue FROM reports.customer_value GROUP BY 1, 2, 3 "
        "ORDER BY array_position(ARRAY['top', 'high', 'medium', 'low'], value_tier)",
    )


def value_of(warehouse: Warehouse, customer_id: str, as_of: date | None = None) -> Row | None:
    """What a customer is expected to bring, from the latest published day on.

    None without a value, and where another day is asked for.
    """
    rows = select(
        warehouse,
        "SELECT as_of, horizon_days, value, value_lower, value_upper, value_tier, expected_orders, "
        "expected_day_amount, caveat FROM reports.customer_value WHERE customer_id = :customer_id "
        "AND as_of = coalesce(CAST(:as_of AS date), as_of)",
        customer_id=customer_id,
        as_of=as_of,
    )
    return rows[0] if rows else None


def value_table(
    rows: Sequence[Row], currency: str
) -> tuple[str, tuple[str, ...], list[tuple[object, ...]]]:
    """Title, columns and lines of the tiers of `value_tiers`, which are not empty."""
    total = sum(row["value"] for row in rows)
    title = (
        f"What customers are expected to bring in the {rows[0]['horizon_days']} days from "
        f"{rows[0]['as_of']} on (amounts in {currency})"
    )
    lines: list[tuple[object, ...]] = [
        (
            row["value_tier"],
            row["customers_count"],
            f"{row['value']:,.0f}",
            f"{row['value'] / row['customers_count']:,.2f}",
            f"{row['value'] / total:.1%}" if total else "",
            f"{row['revenue']:,.0f}",
        )
        for row in rows
    ]
    return title, VALUE_COLUMNS, lines


def stage_table(rows: Sequence[Row]) -> list[tuple[object, ...]]:
    """A line per stage with customers, under `STAGE_COLUMNS`."""
    return [
        (
            row["lifecycle_stage"].replace("_", " "),
            row["customers_count"],
            f"{row['customers_share']:.1%}",
            row["entered_count"],
            row["left_count"],
            f"{row['revenue_28d']:,.2f}",
        )
        for row in rows
        if row["customers_count"] or row["left_count"]
    ]


def heat_map(rows: Sequence[Row]) -> tuple[str, tuple[str, ...], list[tuple[object, ...]]]:
    """Title, columns and lines of the heat map of `cohort_ratios`, the newest cohorts, as text.

    A cell is a share in percent, with a shade that is darker the higher it is among the shares
    shown. `?` follows where the period is not over for all customers of the cohort; `*` follows a
    cohort of which some may have ordered before the data begins.
    """
    days = rows[0]["period_days"] if rows else 0
    title = (
        f"Of the customers of a month, the percentage who ordered in each {days} days after their "
        "first order (?: not over for all; *: some may have ordered before the data begins)"
    )
    cells = {(row["cohort_on"], row["period"]): row for row in rows}
    newest = sorted({on for on, _ in cells})[-_COHORTS_SHOWN:]
    periods = sorted({p for on, p in cells if on in newest and p > 0})[:_PERIODS_SHOWN]
    highest = max((cells[key]["cohort_ratio"] for key in cells if key[1] > 0), default=0.0)
    lines = []
    for cohort_on in newest:
        begun = cells[cohort_on, 0]
        lines.append(
            (
                f"{cohort_on:%Y-%m}{'*' if begun['is_left_truncated'] else ''}",
                begun["customers_count"],
                *(_cell(cells.get((cohort_on, period)), highest) for period in periods),
            )
        )
    return title, ("month", "customers", *map(str, periods)), lines


def _cell(row: Row | None, highest: float) -> str:
    if row is None:
        return ""
    ratio = row["cohort_ratio"]
    shade = _SHADES[round(ratio / highest * (len(_SHADES) - 1))] if highest else " "
    return f"{shade}{100 * ratio:3.0f}{'?' if row['is_incomplete'] else ''}"
