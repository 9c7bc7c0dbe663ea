"""One customer: score over time, reasons, when the next order is due, orders and contacts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from retention_ml.pages.charts import Chart, Series, bars, lines
from retention_ml.pages.shell import Frame, render

Row = Mapping[str, Any]

_TIMES = (7, 14, 30, 60, 90)


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerRows:
    """What the page shows.

    Parameters
    ----------
    customer_id : str
        The shop's customer number.
    score : mapping, optional
        Of the day; None where they were not scored that day.
    scores : sequence of mapping
        `as_of`, `churn_probability` and `risk_tier` of published days, in order of time.
    bounds : mapping of str to float
        Probabilities from which on tiers begin, where they have any.
    months : sequence of mapping
        `month_on`, `orders_count`, `revenue`, in order of time.
    story : sequence of mapping
        What happened, the newest first.
    contact : mapping, optional
        Whether they may be contacted, on the newest day.
    products : sequence of mapping
        What they may want, on the newest day.
    """

    customer_id: str
    score: Row | None = None
    scores: Sequence[Row] = ()
    bounds: Mapping[str, float] = field(default_factory=dict)
    months: Sequence[Row] = ()
    story: Sequence[Row] = ()
    contact: Row | None = None
    products: Sequence[Row] = ()


def page(frame: Frame, rows: CustomerRows) -> str:
    """The page as HTML."""
    return render(
        "customer",
        frame,
        page="customers",
        rows=rows,
        scores_chart=_scores_chart(rows) if rows.scores else None,
        timing=_timing(rows.score) if rows.score else None,
        orders_chart=_orders_chart(rows.months) if rows.months else None,
    )


def _scores_chart(rows: CustomerRows) -> Chart:
    days = [row["as_of"] for row in rows.scores]
    return lines(
        "Churn probability over time",
        "As it was published on each day." + (" Dashed: where tiers begin." if rows.bounds else ""),
        places=days,
        series=[
            Series(name="churn probability", values=[r["churn_probability"] for r in rows.scores]),
            *(
                Series(name=tier, values=[bound] * len(days), colour=colour, is_dashed=True)
                for tier, colour in (("high", "attention"), ("critical", "critical"))
                if (bound := rows.bounds.get(tier)) is not None
            ),
        ],
        value_format="percent",
    )


def _timing(score: Row) -> Chart | None:
    """The probability of an order by day, from its complement; None where the model tells none."""
    values = [score.get(f"no_order_probability_{days}d") for days in _TIMES]
    if any(value is None for value in values):
        return None
    return bars(
        "An order within so many days",
        "How probable an order is by then, if nothing is done.",
        places=[f"{days} days" for days in _TIMES],
        series=[
            Series(name="order", values=[1 - float(value) for value in values if value is not None])
        ],
        value_format="percent",
        place_name="within",
    )


def _orders_chart(months: Sequence[Row]) -> Chart:
    return bars(
        "Orders by month",
        "What they ordered, as known now.",
        places=[f"{row['month_on']:%Y-%m}" for row in months],
        series=[Series(name="orders", values=[row["orders_count"] for row in months])],
        place_name="month",
    )
