"""The report of a trial to read: one HTML file with its figures inside, readable offline."""

import math
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment

from retention_ml import atomic_files, pages
from retention_ml.models.evaluation.figures.axes import png
from retention_ml.models.evaluation.segments import label
from retention_ml.models.registry.mlflow_registry import Registry
from retention_ml.outcomes.trial.look import FIGURES
from retention_ml.outcomes.trial.report import (
    METRICS,
    Comparison,
    Row,
    advantage,
    direction,
    formatted,
    summary,
)
from retention_ml.outcomes.trial.report_figures import figures

_TONE = {"promote": "go", "won": "go", "keep": "stop", "lost": "stop"}
_STATUS_WORDS = {"better": "better", "passed": "yes", "open": "not shown yet", "failed": "no"}


def write(comparison: Comparison, *, folder: Path) -> Path:
    """Write the page of a trial as it stands; a reader sees the old one or the new one. Its path.

    The page holds figures and sentences about all customers and segments: no customer.
    """
    path = folder / f"trial_{comparison.trial['trial_id']:06d}.html"
    atomic_files.write_text(path, page(comparison))
    return path


def page(comparison: Comparison) -> str:
    """The report of a trial as HTML."""
    look = comparison.newest
    return str(
        _environment()
        .get_template("comparison.html.jinja")
        .render(
            comparison=comparison,
            trial=comparison.trial,
            plan=comparison.trial["plan"],
            look=look,
            tone=_TONE.get(comparison.verdict, ""),
            elapsed_days=(look["as_of"] - comparison.trial["began_on"]).days if look else 0,
            guards=look["evidence"].get("guards", ()) if look else (),
            assignment=look["evidence"].get("arms") if look else None,
            paired=[row for row in comparison.paired if row["segment"] == "all"],
            arms=[row for row in comparison.measured if row["comparison"] == "arms"],
            by_segment=[row for row in comparison.paired if row["segment"] != "all"],
            images={
                name: pages.inline_png(png(figure, dpi=120))
                for name, figure in figures(comparison).items()
            },
        )
    )


def log(comparison: Comparison, registry: Registry) -> str:
    """Show the trial in the registry, at its run and at the challenger's version; the run's id.

    Raises
    ------
    RegistryError
        The registry does not answer. Nothing else depends on what it shows.
    """
    trial, text = comparison.trial, summary(comparison)
    run_id = registry.log_comparison(
        key={
            name: str(trial[name])
            for name in ("trial_id", "champion_version", "challenger_version")
        },
        verdict=comparison.verdict,
        steps=[
            (
                look["measured_at"],
                {name: float(look[name]) for name in FIGURES if math.isfinite(look[name])}
                | (_metrics(comparison) if look is comparison.newest else {}),
            )
            for look in comparison.looks
        ],
        texts={"comparison.html": page(comparison)},
        figures={f"plots/{name}.png": figure for name, figure in figures(comparison).items()},
        summary=text,
    )
    registry.set_section(str(trial["challenger_version"]), f"Trial {trial['trial_id']}", text)
    return run_id


def _metrics(comparison: Comparison) -> dict[str, float]:
    """Both models' metrics about all customers and their differences, as of the newest look."""
    return {
        f"{row['metric']}_{kind}": float(row[column])
        for row in comparison.paired
        if row["segment"] == "all"
        for kind, column in (
            ("champion", "champion_value"),
            ("challenger", "challenger_value"),
            ("difference", "difference"),
        )
    }


def _whisker(row: Row) -> dict[str, Any]:
    """Where the interval of a difference is drawn, 0 to 100 with 50 for none; right is better."""
    value, lower, upper = advantage(row)
    reach = 1.1 * max(abs(lower), abs(upper), 1e-12)
    ends = {"value": value, "lower": lower, "upper": upper}
    at = {name: round(50 + 50 * number / reach, 2) for name, number in ends.items()}
    return {**at, "words": direction(row), "tone": direction(row).partition(" ")[0]}


@cache
def _environment() -> Environment:
    return pages.environment(
        "retention_ml.outcomes.trial",
        percent=lambda value: "–" if value is None else f"{100 * value:.1f} %",
        strength=_strength,
        formatted=formatted,
        label=label,
        capital=lambda text: text[:1].upper() + text[1:],
        whisker=_whisker,
        metric=lambda metric: METRICS.get(metric, metric.replace("_", " ")),
        status=lambda status: _STATUS_WORDS.get(status, status),
    )


def _strength(e_value: float) -> str:
    """An e-value: nobody reads more than two digits of it."""
    if e_value >= 10_000:
        return "over 10,000"
    return f"{e_value:,.0f}" if e_value >= 10 else f"{e_value:.2f}"
