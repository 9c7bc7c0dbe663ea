"""Figures of a backtest, drawn without a display; each shows several models or all days."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from retention_ml.models.evaluation.figures import curves
from retention_ml.models.evaluation.figures.axes import (
    COLOURS,
    GREY,
    add_legend,
    coloured,
    date_axis,
    draw_band,
    draw_interval,
    label_axes,
    name_rows,
    new_figure,
)
from retention_ml.statistics.arrays import Floats
from retention_ml.statistics.bootstrap import customer_weights
from retention_ml.statistics.metrics import Predictions

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_BAND_DRAWS = 200
_SEED = 1

Document = Mapping[str, Any]


def backtest_figures(
    document: Document, predictions: Predictions, models: Sequence[str]
) -> "dict[str, Figure]":
    """Every figure of the report by name; none if only one class occurs."""
    churned = predictions.outcome
    if not 0 < churned.sum() < len(churned):
        return {}
    probabilities = {name: predictions.models[name] for name in models}
    figures = {
        "roc": curves.roc("ROC", probabilities, churned),
        "precision_recall": curves.precision_recall("Precision and recall", probabilities, churned),
        "calibration": calibration(predictions, models),
        "lift_and_gains": lift_and_gains(predictions, models),
        "segments": segments(document),
        "over_time": over_time(document, models),
    }
    if document["differences"]:
        figures["differences"] = differences(document)
    return figures


def calibration(predictions: Predictions, models: Sequence[str]) -> "Figure":
    """The calibration of each model, all days together; the first with its 95 % band."""
    churned = predictions.outcome
    weights = customer_weights(predictions.groups, _BAND_DRAWS, _SEED)
    first, *others = models
    by_model = {first: curves.calibration_curve(predictions.models[first], churned, weights)}
    for name in others:
        curve = curves.calibration_curve(predictions.models[name], churned)
        by_model[name] = replace(curve, band=None)
    return curves.calibration("Calibration", by_model)


def lift_and_gains(predictions: Predictions, models: Sequence[str]) -> "Figure":
    """What contacting the riskiest customers first gains over contacting them at random."""
    probabilities = {name: predictions.models[name] for name in models}
    figure, (lift, gains) = new_figure(2)
    curves.draw_lift(lift, "Lift", probabilities, predictions.outcome)
    curves.draw_gains(gains, "Gains", probabilities, predictions.outcome)
    return figure


def differences(document: Document) -> "Figure":
    """The reference minus each other model, paired, with 95 % intervals."""
    metrics = {"roc_auc": "ROC AUC (right is better)", "log_loss": "log loss (left is better)"}
    names = list(document["differences"])[::-1]
    figure, panels = new_figure(2, width=5.4, height=max(2.0, 0.32 * len(names) + 1.1))
    for axes, (metric, title) in zip(panels, metrics.items(), strict=True):
        label_axes(axes, title, f"{document['reference']} minus the other", "")
        axes.axvline(0, color=GREY, linewidth=1)
        for height, name in enumerate(names):
            draw_interval(axes, height, **document["differences"][name][metric])
        name_rows(axes, names)
    return figure


def segments(document: Document) -> "Figure":
    """ROC AUC, and predicted against observed churn rate, by customer segment."""
    names = list(document["segments"])[::-1]
    figure, (auc, rate) = new_figure(2, width=5.4, height=max(2.6, 0.36 * len(names) + 1.4))
    label_axes(auc, "ROC AUC", "ROC AUC with 95 % interval", "")
    label_axes(rate, "Calibration", "churn rate", "")
    for height, name in enumerate(names):
        segment, is_first = document["segments"][name], height == 0
        for number, (model, metrics) in enumerate(segment["models"].items()):
            at, colour = height + 0.13 - 0.26 * number, COLOURS[number]
            draw_interval(
                auc, at, **metrics["roc_auc"], colour=colour, label=model if is_first else None
            )
            draw_interval(
                rate, at, metrics["mean_probability"], None, None,
                colour=colour, label=f"predicted by {model}" if is_first else None,
            )  # fmt: skip
        rate.plot(
            segment["churn_rate"], height, "|", color="black", markersize=14,
            label="observed" if is_first else None,
        )  # fmt: skip
    for axes, side in ((auc, "left"), (rate, "right")):
        name_rows(axes, names)
        handles, labels = axes.get_legend_handles_labels()
        figure.legend(
            handles, labels, loc=f"outside lower {side}", ncols=3, frameon=False, fontsize=8
        )
    rate.set_xlim(0, 1)
    return figure


def over_time(document: Document, models: Sequence[str]) -> "Figure":
    """ROC AUC and log loss by day; the first model with its 95 % band."""
    days = np.array(document["task"]["as_of"], dtype="datetime64[D]")
    titles = {"roc_auc": "ROC AUC by day", "log_loss": "Log loss by day"}
    figure, panels = new_figure(2, width=5.4, height=4.0)
    for axes, (metric, title) in zip(panels, titles.items(), strict=True):
        by_model = {name: document["models"][name]["by_as_of"] for name in models}
        for name, by_day, colour in coloured(by_model):
            value, lower, upper = (
                _column(by_day, metric, end) for end in ("value", "lower", "upper")
            )
            band = (lower, upper) if name == models[0] else None
            draw_band(axes, days, value, band, colour=colour, label=name)
        label_axes(axes, title, "", "")
        date_axis(axes)
    add_legend(panels[0])
    return figure


def _column(by_day: Document, metric: str, end: str) -> Floats:
    return np.array([metrics[metric][end] for metrics in by_day.values()], dtype=np.float64)
