"""Today: is the table in time, how many are at risk of what value, who moved, what needs a person."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from retention_ml.pages.charts import TIER_COLOURS, Chart, Series, bars
from retention_ml.pages.point_charts import heat_map
from retention_ml.pages.shell import Frame, render

Row = Mapping[str, Any]

_BINS = 20
_OUTSIDE = "not scored"
_TONES = {"in time": "good", "late": "bad", "waiting": "attention"}
_GRADE_TONES = {"A": "good", "B": "attention", "C": "bad"}


@dataclass(frozen=True, slots=True, kw_only=True)
class TodayRows:
    """What the page shows.

    Parameters
    ----------
    freshness : mapping, optional
        The verdict about the scores and its sentence; None before the first publication.
    meaning : str, optional
        What churn and value at risk are, with the days of the outcome window.
    tiers : sequence of mapping
        `as_of`, `risk_tier`, `customers_count`, `value` and `mean_probability`, in order of days.
    bins : sequence of mapping
        `place` (0 to 19, each a twentieth of the probability), `risk_tier`, `customers_count`.
    bounds : mapping of str to float
        Probability from which on a tier begins; empty where tiers go by rank.
    transitions : sequence of mapping
        `from_tier`, `to_tier` (None: not scored), `customers_count`.
    movers : sequence of mapping
        Customers who moved up, those with most value first.
    contacts : sequence of mapping
        Customers at risk with most value, with why and whether they may be contacted:
        `may_contact` is None where that is not known.
    grade : mapping, optional
        Of the model that serves.
    warned : str, optional
        Whether the warnings of the newest day with known outcomes were right.
    alerts, files, waiting : sequence of mapping
        What needs a person: open alerts, files that are missing, scores that are late and
        decisions that wait.
    """

    freshness: Row | None = None
    meaning: str | None = None
    tiers: Sequence[Row] = ()
    bins: Sequence[Row] = ()
    bounds: Mapping[str, float] = field(default_factory=dict)
    transitions: Sequence[Row] = ()
    movers: Sequence[Row] = ()
    contacts: Sequence[Row] = ()
    grade: Row | None = None
    warned: str | None = None
    alerts: Sequence[Row] = ()
    files: Sequence[Row] = ()
    waiting: Sequence[Row] = ()


def page(frame: Frame, rows: TodayRows) -> str:
    """The page as HTML."""
    days = sorted({row["as_of"] for row in rows.tiers})
    tiers = tuple(TIER_COLOURS)
    return render(
        "today",
        frame,
        page="today",
        rows=rows,
        tone=_TONES.get((rows.freshness or {}).get("verdict", ""), "attention"),
        grade_tone=_GRADE_TONES.get((rows.grade or {}).get("grade", ""), ""),
        figures={
            "critical and high": (
                _compared(rows.tiers, days, "customers_count", tiers[:2]),
                "count",
            ),
            "value at risk, all tiers": (_compared(rows.tiers, days, "value", tiers), "money"),
            "customers scored": (_compared(rows.tiers, days, "customers_count", tiers), "count"),
        },
        tiers_chart=_tiers_chart(rows.tiers, days) if days else None,
        value_chart=_value_chart(rows.tiers, days) if days else None,
        histogram=_histogram(rows.bins, rows.bounds) if rows.bins else None,
        moves=_moves(rows.transitions) if rows.transitions else None,
        allowed_count=_allowed_count(rows.contacts),
    )


def _allowed_count(contacts: Sequence[Row]) -> int | None:
    """How many may be contacted; None where that is not known of all of them."""
    allowed = [row["may_contact"] for row in contacts]
    return None if None in allowed else sum(allowed)


def _compared(
    tiers: Sequence[Row], days: Sequence[date], column: str, counted: Sequence[str]
) -> dict[str, Any]:
    """Sum of a column on the newest day, and its change since a week ago or the next older day."""

    def total(day: date) -> float:
        return sum(
            float(row[column])
            for row in tiers
            if row["as_of"] == day and row["risk_tier"] in counted
        )

    if not days:
        return {"value": None, "change": None, "since": None}
    earlier = [day for day in days if day <= days[-1] - timedelta(days=7)] or list(days[:-1])
    since = earlier[-1] if earlier else None
    newest = total(days[-1])
    return {"value": newest, "change": newest - total(since) if since else None, "since": since}


def _by_tier(
    rows: Sequence[Row], places: Sequence[Any], place: str, column: str, tiers: Sequence[str]
) -> list[Series]:
    """One series per tier, the lowest first: it lies at the bottom of the stack."""
    values = {(row[place], row["risk_tier"]): row[column] for row in rows}
    return [
        Series(
            name=tier,
            values=[values.get((each, tier), 0) for each in places],
            colour=TIER_COLOURS[tier],
        )
        for tier in reversed(tiers)
    ]


def _tiers_chart(tiers: Sequence[Row], days: Sequence[date]) -> Chart:
    return bars(
        "Customers at risk, by day",
        "Customers in tiers critical, high and medium; the rest are in tier low.",
        places=days,
        series=_by_tier(tiers, days, "as_of", "customers_count", tuple(TIER_COLOURS)[:3]),
        is_stacked=True,
    )


def _value_chart(tiers: Sequence[Row], days: Sequence[date]) -> Chart:
    return bars(
        "Value at risk, by day",
        "Margin expected to be lost with the customers of each tier.",
        places=days,
        series=_by_tier(tiers, days, "as_of", "value", tuple(TIER_COLOURS)),
        is_stacked=True,
        value_format="money",
    )


def _histogram(bins: Sequence[Row], bounds: Mapping[str, float]) -> Chart:
    """How many customers have which probability; the colour is their tier."""
    places = [f"{place / _BINS:.0%}–{(place + 1) / _BINS:.0%}" for place in range(_BINS)]
    return bars(
        "Customers by churn probability",
        "Each bar is a twentieth of the range, coloured by tier."
        + (
            " Dashed: where tiers begin; a customer near a bound stays in the tier they had."
            if bounds
            else " Tiers go by rank, so they have no bounds here."
        ),
        places=places,
        series=_by_tier(bins, range(_BINS), "place", "customers_count", tuple(TIER_COLOURS)),
        is_stacked=True,
        place_name="probability",
        marks=[(tier, bound * _BINS) for tier, bound in bounds.items()],
    )


def _moves(transitions: Sequence[Row]) -> Chart:
    """From which tier to which, since the day published before."""
    names = [*TIER_COLOURS, _OUTSIDE]
    place = {name: number for number, name in enumerate(names)}
    return heat_map(
        "Who moved since the day published before",
        "Rows: tier before. Columns: tier now. Customers who stayed are not counted.",
        columns=names,
        rows=names,
        values={
            (place[row["to_tier"] or _OUTSIDE], place[row["from_tier"] or _OUTSIDE]): row[
                "customers_count"
            ]
            for row in transitions
        },
        row_names="tier before",
    )
