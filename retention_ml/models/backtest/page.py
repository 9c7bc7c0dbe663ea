"""The report of a backtest to read: one HTML file with its figures inside, readable offline."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from retention_ml import pages
from retention_ml.models.backtest.evaluation import SEGMENT_RIVAL
from retention_ml.models.backtest.figures import backtest_figures
from retention_ml.models.evaluation.figures.axes import png
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
    """The report of an evaluated backtest.

    Parameters
    ----------
    document : mapping
        See `evaluation.evaluate_backtest`.
    predictions : Predictions
        What was evaluated.
    """
    reference = document["reference"]
    others = [name for name in document["models"] if name != reference]
    models = [reference, *([name for name in others if name in _DRAWN] or others[:4])]
    figures = backtest_figures(document, predictions, models)
    template = pages.environment("retention_ml.models.backtest", number=_number).get_template(
        "report.html.jinja"
    )
    return template.render(
        document=document,
        metrics=METRICS,
        images={name: pages.inline_png(png(figure)) for name, figure in figures.items()},
        ranking=_ranking(document),
        rows_count=len(predictions.outcome),
        customers_count=len(np.unique(predictions.groups)),
        seconds={  # mean of a fit
            name: float(np.mean([day["fit"]["seconds"] for day in model["by_as_of"].values()]))
            for name, model in document["models"].items()
        },
    )


def _ranking(document: Mapping[str, Any]) -> dict[str, list[str]]:
    """Models that the reference beats, ties with, and loses to, by paired ROC AUC."""
    models: dict[str, list[str]] = {"beats": [], "ties": [], "loses": []}
    for name, difference in document["differences"].items():
        lower, upper = (difference["roc_auc"][end] or 0 for end in ("lower", "upper"))
        models["beats" if lower > 0 else "loses" if upper < 0 else "ties"].append(name)
    return models


def _number(value: float | None, style: str) -> str:
    """The number in that style, a dash where there is none."""
    return "–" if value is None else f"{value:{style}}"
