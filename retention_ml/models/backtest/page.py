"""The report of a backtest to read: one HTML file with its figures inside, readable offline."""

import base64
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

import numpy as np
from jinja2 import Environment, StrictUndefined

from retention_ml.models.backtest import figures
from retention_ml.models.backtest.evaluation import SEGMENT_RIVAL
from retention_ml.statistics.metrics import Predictions

METRICS = {
    "roc_auc": "ROC AUC",
    "pr_auc": "PR AUC, churned",
    "pr_auc_retained": "PR AUC, retained",
    "log_loss": "log loss",
    "brier": "Brier",
    "ece": "ECE",
    "lift_at_10": "lift at 10 %",
    "lift_at_10_of_best": "… of possible",
}
_DRAWN = ("recency", "rfm_logistic", SEGMENT_RIVAL, "lightgbm_tuned")


def page(document: Mapping[str, Any], predictions: Predictions) -> str:
    """The report of a judged backtest.

    Parameters
    ----------
    document : mapping
        See `judgement.judgement`.
    predictions : Predictions
        What was judged.
    """
    reference = document["reference"]
    others = [name for name in document["models"] if name != reference]
    drawn = [reference, *([name for name in others if name in _DRAWN] or others[:4])]
    made: dict[str, Any] = {}
    if 0 < predictions.outcome.sum() < len(predictions.outcome):
        made = {
            "roc": figures.roc(predictions, drawn),
            "precision_recall": figures.precision_recall(predictions, drawn),
            "calibration": figures.calibration(predictions, drawn),
            "lift_and_gains": figures.lift_and_gains(predictions, drawn),
            "segments": figures.segments(document),
            "over_time": figures.over_time(document, drawn),
        }
        if document["differences"]:
            made["differences"] = figures.differences(document)
    return str(
        _environment()
        .from_string(_text("retention_ml.models.backtest", "report.html.jinja"))
        .render(
            document=document,
            metrics=METRICS,
            images={name: _inline(figure) for name, figure in made.items()},
            better=_better(document),
            rows_count=len(predictions.outcome),
            customers_count=len(np.unique(predictions.groups)),
            seconds=_seconds(document),
        )
    )


def _better(document: Mapping[str, Any]) -> dict[str, list[str]]:
    """Models that the reference beats, ties with, and loses to, by paired ROC AUC."""
    found: dict[str, list[str]] = {"beats": [], "ties": [], "loses": []}
    for name, own in document["differences"].items():
        lower, upper = own["roc_auc"]["lower"], own["roc_auc"]["upper"]
        verdict = "ties"
        if lower is not None and lower > 0:
            verdict = "beats"
        elif upper is not None and upper < 0:
            verdict = "loses"
        found[verdict].append(name)
    return found


def _seconds(document: Mapping[str, Any]) -> dict[str, float]:
    """Mean seconds of a fit by model."""
    return {
        name: float(np.mean([own["fit"]["seconds"] for own in model["by_as_of"].values()]))
        for name, model in document["models"].items()
    }


def _inline(figure: Any) -> str:
    return "data:image/png;base64," + base64.b64encode(figures.png(figure)).decode()


def _environment() -> Environment:
    made = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    made.filters["number"] = _number
    made.filters["count"] = lambda value: f"{value:,}"
    made.globals["style"] = _text("retention_ml.quality", "style.css")
    return made


def _number(value: float | None, style: str) -> str:
    """The number in that style, a dash where there is none."""
    return "–" if value is None else f"{value:{style}}"


def _text(package: str, name: str) -> str:
    return files(package).joinpath("pages", name).read_text(encoding="utf-8")
