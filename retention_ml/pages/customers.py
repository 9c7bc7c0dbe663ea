"""Customers: who is at risk, filtered; the way to one of them, and out as CSV."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from retention_ml.pages.charts import TIER_COLOURS, Chart
from retention_ml.pages.point_charts import Points, scatter
from retention_ml.pages.shell import Frame, render

Row = Mapping[str, Any]

COLUMNS = (
    "customer_id", "as_of", "risk_tier", "tier_since", "churn_probability",
    "expected_value_at_risk", "next_order_expected_on", "reason_1", "reason_2", "reason_3",
    "model_version",
)  # fmt: skip
"""The columns of the export, as in `reports.customer_risk`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerFilter:
    """What the list is narrowed to; empty values narrow nothing.

    Parameters
    ----------
    tier : str
        One tier.
    text : str
        Part of a customer's number or of a reason, whatever the case.
    order : {"value", "probability", "tier"}
        What comes first; by tier critical and high go before all others, each by value.
    number : int
        Page of the list, the first is 1.
    """

    tier: str = ""
    text: str = ""
    order: str = "value"
    number: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomersRows:
    """What the page shows.

    Parameters
    ----------
    rows : sequence of mapping
        Customers of `reports.customer_risk_history`.
    matches_count : int
        How many there are by the filter.
    per_page : int
        How many of them a page shows.
    """

    rows: Sequence[Row] = ()
    matches_count: int = 0
    per_page: int = 100


_FIRST = {
    "value": "most value at risk first",
    "probability": "most probable to leave first",
    "tier": "critical and high first, then most value at risk",
}


def page(frame: Frame, rows: CustomersRows, narrowed: CustomerFilter) -> str:
    """The page as HTML."""
    last = max(1, -(-rows.matches_count // rows.per_page))
    return render(
        "customers",
        frame,
        page="customers",
        rows=rows,
        narrowed=narrowed,
        tiers=tuple(TIER_COLOURS),
        last=last,
        first=_FIRST[narrowed.order],
        first_shown=(narrowed.number - 1) * rows.per_page + 1,
        chart=_chart(rows.rows) if rows.rows else None,
    )


def _chart(rows: Sequence[Row]) -> Chart:
    """Where the customers of the list lie by probability and value."""
    groups = [
        Points(
            name=tier,
            colour=colour,
            points=[
                (row["churn_probability"], row["expected_value_at_risk"], 1.0)
                for row in rows
                if row["risk_tier"] == tier
            ],
            names=[row["customer_id"] for row in rows if row["risk_tier"] == tier],
        )
        for tier, colour in TIER_COLOURS.items()
    ]
    return scatter(
        "The customers of this list",
        "To the right: more probable to leave. Higher up: more to lose.",
        groups=[group for group in groups if group.points],
        x=("churn probability", "percent"),
        y=("value at risk", "money"),
    )
