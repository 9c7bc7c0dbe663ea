"""Model: how good the served model is, on what really happened; its rivals, its drivers, its trial."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from retention_ml.pages.charts import Chart, Series, bars, lines
from retention_ml.pages.point_charts import Points, intervals, scatter
from retention_ml.pages.shell import Frame, render

Row = Mapping[str, Any]

_TONES = {"A": "good", "B": "attention", "C": "bad"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Groups:
    """A table of groups of customers in words, and sentences about it."""

    head: Sequence[str]
    lines: Sequence[Sequence[str]]
    notes: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRows:
    """What the page shows.

    Parameters
    ----------
    grade : mapping, optional
        Of the model that scored the day.
    matured : mapping, optional
        The newest published day whose outcomes are known: `as_of`, window, `customers_count`,
        `churned_count`, `is_forecast`.
    outcomes : sequence of mapping
        By tier of that day: `risk_tier`, `customers_count`, `churned_count`, `mean_probability`.
    reliability : sequence of mapping
        By tenth of the probability: `mean_probability`, `churned_share`, `customers_count`.
    performance : sequence of mapping
        Metrics of scored days by outcomes, in order of time.
    candidates : sequence of mapping
        Of the newest training: `model_name`, `is_selected`, and each metric with its interval.
    training : mapping, optional
        `as_of`, `verdict` and `reason` of that training.
    groups : Groups, optional
        How the model of that training treats groups of customers.
    themes : sequence of mapping
        Reasons of customers at risk by theme, the most frequent first.
    first_known : (date, date), optional
        The oldest published day, and when its outcomes can be known.
    looks : sequence of mapping
        At the newest trial, in order of time.
    decisions : sequence of mapping
        About champion and challenger, the newest first.
    """

    grade: Row | None = None
    matured: Row | None = None
    outcomes: Sequence[Row] = ()
    reliability: Sequence[Row] = ()
    performance: Sequence[Row] = ()
    candidates: Sequence[Row] = ()
    training: Row | None = None
    groups: Groups | None = None
    themes: Sequence[Row] = ()
    first_known: tuple[date, date] | None = None
    looks: Sequence[Row] = ()
    decisions: Sequence[Row] = ()


def page(frame: Frame, rows: ModelRows) -> str:
    """The page as HTML."""
    return render(
        "model",
        frame,
        page="model",
        rows=rows,
        tone=_TONES.get((rows.grade or {}).get("grade", ""), ""),
        warned=warned_sentence(rows.matured, rows.outcomes),
        outcomes_chart=_outcomes_chart(rows.outcomes, rows.matured) if rows.outcomes else None,
        reliability=_reliability(rows.reliability) if rows.reliability else None,
        ranking=_performance(rows.performance, "roc_auc"),
        calibration=_performance(rows.performance, "ece"),
        candidates_chart=_candidates(rows.candidates) if rows.candidates else None,
        drivers=_drivers(rows.themes) if rows.themes else None,
        trial=_trial(rows.looks) if rows.looks else None,
    )


def warned_sentence(matured: Row | None, outcomes: Sequence[Row]) -> str | None:
    """Whether the warnings of the newest day with known outcomes were right, in words."""
    warned = [row for row in outcomes if row["risk_tier"] in ("critical", "high")]
    count = sum(row["customers_count"] for row in warned)
    if not matured or not count:
        return None
    churned = sum(row["churned_count"] for row in warned)
    everybody = matured["churned_count"] / matured["customers_count"]
    proof = (
        ""
        if matured["is_forecast"]
        else " The scores of that day were made later, so this proves nothing about the model."
    )
    return (
        f"Of {count:,} customers warned of (critical or high) on {matured['as_of']}, {churned:,} "
        f"({churned / count:.0%}) placed no order from {matured['window_from']} to "
        f"{matured['window_to']}; of all {matured['customers_count']:,} active customers "
        f"{everybody:.0%} did not.{proof}"
    )


def _outcomes_chart(outcomes: Sequence[Row], matured: Row | None) -> Chart:
    shares = [
        row["churned_count"] / row["customers_count"] if row["customers_count"] else None
        for row in outcomes
    ]
    return bars(
        "What was said and what happened, by tier",
        f"Scores of {matured['as_of']}: mean probability of each tier, and the share that churned."
        if matured
        else "",
        places=[f"{row['risk_tier']} ({row['customers_count']:,})" for row in outcomes],
        series=[
            Series(
                name="said", values=[row["mean_probability"] for row in outcomes], colour="neutral"
            ),
            Series(name="happened", values=shares),
        ],
        value_format="percent",
        place_name="tier (customers)",
    )


def _reliability(bins: Sequence[Row]) -> Chart:
    return scatter(
        "Calibration",
        "Each point is a tenth of the range, its size by customers. On the dashed line said and "
        "happened are equal; above it more churned than was said.",
        groups=[
            Points(
                name="churned",
                points=[
                    (row["mean_probability"], row["churned_share"], row["customers_count"])
                    for row in bins
                ],
            )
        ],
        x=("said", "percent"),
        y=("happened", "percent"),
        size_name="customers",
        has_diagonal=True,
    )


_METRICS = {
    "roc_auc": (
        "Ranking (ROC AUC) over scored days",
        "Chance that of a churned and a retained customer the model ranks the churned one higher; "
        "0.5 is guessing. The band is the 95 % interval.",
    ),
    "ece": (
        "Calibration error over scored days",
        "By how much probabilities were off on average; lower is better.",
    ),
}


def _performance(rows: Sequence[Row], metric: str) -> Chart | None:
    title, sentence = _METRICS[metric]
    rows = [row for row in rows if row["metric"] == metric]
    days = sorted({row["as_of"] for row in rows})
    series = []
    for role, colour in (("champion", "series"), ("challenger", "attention")):
        of_role = {row["as_of"]: row for row in rows if row["role"] == role}
        if of_role:
            values, lower, upper = (
                [of_role[day][column] if day in of_role else None for day in days]
                for column in ("value", "lower", "upper")
            )
            series.append(Series(name=role, values=values, lower=lower, upper=upper, colour=colour))
    return lines(title, sentence, places=days, series=series) if series else None


def _candidates(rows: Sequence[Row]) -> Chart:
    selected = next((row["model_name"] for row in rows if row["is_selected"]), None)
    return intervals(
        "Candidates of the newest training (ROC AUC)",
        "On days after those they were trained on, with 95 % intervals; the diamond was selected.",
        rows=[
            (row["model_name"].replace("_", " "), row["value"], row["lower"], row["upper"])
            for row in rows
        ],
        marked=selected.replace("_", " ") if selected else None,
    )


def _drivers(themes: Sequence[Row]) -> Chart:
    return bars(
        "What drives the warnings",
        "Customers in tiers critical and high with a reason of the theme among their three.",
        places=[row["theme"] for row in themes],
        series=[Series(name="customers", values=[row["customers_count"] for row in themes])],
        is_lying=True,
        place_name="theme",
    )


def _trial(looks: Sequence[Row]) -> Chart:
    return lines(
        "Trial: challenger against champion",
        "By how much the challenger is better at each look (Brier score); the band holds at all "
        "looks together. Above zero altogether: it wins.",
        places=[row["as_of"] for row in looks],
        series=[
            Series(
                name="advantage",
                values=[row["mean_difference"] for row in looks],
                lower=[row["lower"] for row in looks],
                upper=[row["upper"] for row in looks],
            ),
            Series(name="equal", values=[0.0] * len(looks), colour="neutral", is_dashed=True),
        ],
        place_name="look",
    )
