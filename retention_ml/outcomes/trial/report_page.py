"""The report of a trial to read: one HTML file with its figures inside, readable offline."""

import base64
import math
from datetime import datetime
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any
from uuid import uuid4

from jinja2 import Environment, StrictUndefined

from retention_ml.models.backtest.figures import png
from retention_ml.models.evaluation.segments import label
from retention_ml.models.registry.mlflow_registry import Registry
from retention_ml.outcomes.trial.report import (
    Comparison,
    Row,
    advantage,
    figures_of,
    in_words,
    metric_in_words,
    summary,
)
from retention_ml.outcomes.trial.report_figures import figures

_TONE = {"promote": "go", "won": "go", "keep": "stop", "lost": "stop"}
_ANSWERS = {"better": "better", "passed": "yes", "open": "not shown yet", "failed": "no"}
_OF_A_LOOK = (
    "e_better",
    "e_worse",
    "mean_difference",
    "lower",
    "upper",
    "customers_count",
    "contacted_count",
    "scored_days_count",
)


def write(told: Comparison, *, folder: Path) -> Path:
    """Write the page of a trial as it stands; a reader sees the old one or the new one. Its path.

    The page holds figures and sentences about all customers and kinds of customers: no customer.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"trial_{told.trial['trial_id']:06d}.html"
    draft = path.with_name(f".{path.name}.{uuid4().hex}")
    draft.write_text(page(told), encoding="utf-8")
    draft.replace(path)
    return path


def page(told: Comparison) -> str:
    """The report of a trial as HTML."""
    look = told.newest
    overall = [row for row in told.measured if row["segment"] == "all"]
    waited = (look["as_of"] - told.trial["began_on"]).days if look else 0
    return str(
        _environment()
        .from_string(_text("retention_ml.reports", "comparison.html.jinja"))
        .render(
            told=told,
            trial=told.trial,
            plan=told.trial["plan"],
            look=look,
            tone=_TONE.get(told.verdict, ""),
            waited=waited,
            guards=look["evidence"].get("guards", ()) if look else (),
            deal=look["evidence"].get("arms") if look else None,
            paired=[row for row in overall if row["comparison"] == "paired"],
            arms=[row for row in told.measured if row["comparison"] == "arms"],
            by_segment=[
                row
                for row in told.measured
                if row["comparison"] == "paired" and row["segment"] != "all"
            ],
            images={name: _inline(figure) for name, figure in figures(told).items()},
        )
    )


def log(told: Comparison, registry: Registry) -> str:
    """Show the trial in the registry, at its run and at the challenger's version; the run's id.

    Raises
    ------
    RegistryError
        The registry does not answer. Nothing else depends on what it shows.
    """
    trial = told.trial
    return registry.log_comparison(
        key={
            name: str(trial[name])
            for name in ("trial_id", "champion_version", "challenger_version")
        },
        verdict=told.verdict,
        steps=[
            (
                look["measured_at"],
                {name: float(look[name]) for name in _OF_A_LOOK if math.isfinite(look[name])}
                | (_metrics(told) if look is told.newest else {}),
            )
            for look in told.looks
        ],
        texts={"comparison.html": page(told)},
        figures={f"plots/{name}.png": figure for name, figure in figures(told).items()},
        summary=summary(told),
    )


def _metrics(told: Comparison) -> dict[str, float]:
    """Both models' metrics about all customers and their differences, as of the newest look."""
    return {
        f"{row['metric']}_{kind}": float(row[column])
        for row in told.measured
        if row["comparison"] == "paired" and row["segment"] == "all"
        for kind, column in (
            ("champion", "champion_value"),
            ("challenger", "challenger_value"),
            ("difference", "difference"),
            ("difference_lower", "lower"),
            ("difference_upper", "upper"),
        )
    }


def _whisker(row: Row) -> dict[str, Any]:
    """Where the interval of a difference is drawn, 0 to 100 with 50 for none; right is better."""
    value, lower, upper = advantage(row)
    reach = 1.1 * max(abs(lower), abs(upper), 1e-12)
    at = {
        name: round(50 + 50 * number / reach, 2)
        for name, number in (("value", value), ("lower", lower), ("upper", upper))
    }
    return {**at, "words": in_words(row), "tone": in_words(row).partition(" ")[0]}


def _inline(figure: Any) -> str:
    return "data:image/png;base64," + base64.b64encode(png(figure, dpi=120)).decode()


@cache
def _environment() -> Environment:
    made = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    made.filters["count"] = lambda value: "–" if value is None else f"{value:,.0f}"
    made.filters["percent"] = lambda value: "–" if value is None else f"{100 * value:.1f} %"
    made.filters["moment"] = _moment
    made.filters["strength"] = _strength
    made.filters["figures"] = figures_of
    made.filters["label"] = label
    made.filters["capital"] = lambda text: text[:1].upper() + text[1:]
    made.filters["whisker"] = _whisker
    made.filters["metric"] = metric_in_words
    made.filters["answer"] = lambda outcome: _ANSWERS.get(outcome, outcome)
    made.globals["style"] = _text("retention_ml.quality", "style.css")
    return made


def _strength(e_value: float) -> str:
    """An e-value: nobody reads more than two digits of it."""
    if e_value >= 10_000:
        return "over 10,000"
    return f"{e_value:,.0f}" if e_value >= 10 else f"{e_value:.2f}"


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _text(package: str, name: str) -> str:
    return files(package).joinpath("pages", name).read_text(encoding="utf-8")
