"""The report of an experiment to read: one HTML file with its figures inside, readable offline."""

from functools import cache
from pathlib import Path

from jinja2 import Environment

from retention_ml import atomic_files, pages
from retention_ml.models.evaluation.figures.axes import png
from retention_ml.outcomes.experiment.report import (
    METRICS,
    MONEY,
    ExperimentReport,
    amount,
    direction,
)
from retention_ml.outcomes.experiment.report_figures import figures

_TONE = {"won": "go", "lost": "stop", "invalid": "stop"}


def write(report: ExperimentReport, path: Path) -> Path:
    """Write the page of an experiment as it stands; a reader sees the old one or the new one.

    The page holds figures and sentences about all customers and tiers: no customer.
    """
    atomic_files.write_text(path, page(report))
    return path


def page_path(home: Path, experiment_id: str) -> Path:
    """Where the door `look` keeps the page of an experiment."""
    return home / "reports" / "experiments" / f"{experiment_id}.html"


def page(report: ExperimentReport) -> str:
    """The report of an experiment as HTML."""
    experiment, newest = report.experiment, report.newest
    elapsed = (newest["as_of"] - experiment.began_on).days if newest and experiment.began_on else 0
    return str(
        _environment()
        .get_template("experiment.html.jinja")
        .render(
            report=report,
            experiment=experiment,
            design=experiment.design,
            look=newest,
            tone=_TONE.get(report.verdict, ""),
            elapsed_days=elapsed,
            lots=report.lots(),
            effects=report.effects(),
            guards=report.guards(),
            money=report.money(),
            images={
                name: pages.inline_png(png(figure, dpi=160))
                for name, figure in figures(report).items()
            },
        )
    )


@cache
def _environment() -> Environment:
    return pages.environment(
        "retention_ml.outcomes.experiment",
        amount=lambda value, metric: amount(metric, value),
        mean=lambda value, metric: amount(metric, value, is_signed=False),
        percent=lambda value: "–" if value is None else f"{100 * value:.1f} %",
        strength=_strength,
        direction=direction,
        metric=lambda name: METRICS.get(name, name),
        capital=lambda text: text[:1].upper() + text[1:],
        is_money=lambda name: name in MONEY,
    )


def _strength(e_value: float) -> str:
    """An e-value: nobody reads more than two digits of it."""
    if e_value >= 10_000:
        return "over 10,000"
    return f"{e_value:,.0f}" if e_value >= 10 else f"{e_value:.2f}"
