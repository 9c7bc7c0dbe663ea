"""Figures of a trial of champion and challenger, drawn without a display."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from retention_ml.models.evaluation.figures import curves
from retention_ml.models.evaluation.figures.axes import (
    BLUE,
    GREY,
    ORANGE,
    RED,
    add_legend,
    date_axis,
    draw_band,
    draw_interval,
    label_axes,
    name_rows,
    new_figure,
)
from retention_ml.models.evaluation.segments import label
from retention_ml.outcomes.trial.report import Comparison, Row, advantage
from retention_ml.statistics.arrays import Floats

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_COLOURS = {"champion": BLUE, "challenger": ORANGE}
_SEGMENT_METRICS = {"brier": "Brier", "roc_auc": "ROC AUC", "log_loss": "Log loss"}
_E_LIMITS = (1e-3, 1e6)


def figures(comparison: Comparison) -> "dict[str, Figure]":
    """Every figure that the trial has rows for, by name."""
    drawn: dict[str, Any] = {}
    if comparison.looks:
        drawn["evidence"] = evidence(comparison)
    if _segment_metrics(comparison):
        drawn["segments"] = segments(comparison)
    if comparison.newest and any(comparison.newest["evidence"].get("calibration", {}).values()):
        drawn["calibration"] = calibration(comparison.newest["evidence"]["calibration"])
    if len({row["as_of"] for row in comparison.performance}) > 1:
        drawn["over_time"] = over_time(comparison)
    return drawn


def evidence(comparison: Comparison) -> "Figure":
    """The confidence sequence and the e-values after each scored day, or else look."""
    points, x_label = _path(comparison)
    days = _days(points)
    figure, (band, strength) = new_figure(2, height=3.6)
    lower, upper, mean = (_column(points, name) for name in ("lower", "upper", "mean"))
    band.axhline(0, color=GREY, linewidth=1)
    draw_band(band, days, mean, (lower, upper), colour=ORANGE)
    settled = slice(len(days) // 4, None)
    lowest, highest = min(lower[settled].min(), 0.0), max(upper[settled].max(), 0.0)
    band.set_ylim(lowest - 0.1 * (highest - lowest), highest + 0.1 * (highest - lowest))
    label_axes(band, "Difference in squared error", x_label, "above 0: the challenger is better")
    for name, colour, words in (
        ("e_better", ORANGE, "that the challenger is better"),
        ("e_worse", BLUE, "that it is worse"),
    ):
        values = np.clip(_column(points, name), *_E_LIMITS)
        draw_band(strength, days, values, None, colour=colour, label=words)
    needed = comparison.e_needed
    strength.axhline(
        needed, color=RED, linewidth=1.2, linestyle="--", label=f"{needed:.0f} decides"
    )
    strength.set_yscale("log")
    label_axes(strength, "Strength of the evidence (e-value)", x_label, "")
    add_legend(strength)
    for axes in (band, strength):
        date_axis(axes)
    return figure


def segments(comparison: Comparison) -> "Figure":
    """What the challenger gains over the champion by segment, with 95 % intervals."""
    metrics = _segment_metrics(comparison)
    rows = {
        (row["segment"], row["metric"]): row
        for row in comparison.paired
        if row["metric"] in metrics
    }
    names = sorted({name for name, _ in rows}, key=lambda name: (name != "all", name))[::-1]
    counts = {row["segment"]: row["customers_count"] for row in rows.values()}
    labels = [f"{label(name)} ({counts[name]:,})" for name in names]
    figure, panels = new_figure(len(metrics), height=max(2.2, 0.36 * len(names) + 1.3))
    for axes, metric in zip(panels, metrics, strict=True):
        label_axes(axes, _SEGMENT_METRICS[metric], "right of 0: the challenger is better", "")
        axes.axvline(0, color=GREY, linewidth=1)
        for height, name in enumerate(names):
            if (name, metric) in rows:
                value, lower, upper = advantage(rows[name, metric])
                colour = ORANGE if lower > 0 else BLUE if upper < 0 else GREY
                marker = "D" if name == "all" else "o"
                draw_interval(axes, height, value, lower, upper, colour=colour, marker=marker)
        name_rows(axes, labels if axes is panels[0] else [""] * len(names))
    return figure


def calibration(bins: Row) -> "Figure":
    """Observed against predicted churn rate of both models.

    Parameters
    ----------
    bins : mapping
        By role, `champion` and `challenger`: bins with `predicted`, `observed` and
        `customers_count`.
    """
    by_model = {
        role: curves.CalibrationCurve(
            predicted=_column(bins[role], "predicted"),
            observed=_column(bins[role], "observed"),
            counts=_column(bins[role], "customers_count"),
        )
        for role in _COLOURS
        if bins.get(role)
    }
    return curves.calibration("Calibration", by_model)


def over_time(comparison: Comparison) -> "Figure":
    """ROC AUC and Brier score of both models by scored day."""
    titles = {"roc_auc": "ROC AUC (higher is better)", "brier": "Brier (lower is better)"}
    figure, panels = new_figure(2, height=3.6)
    for axes, (metric, title) in zip(panels, titles.items(), strict=True):
        label_axes(axes, title, "scored day", "")
        for role, colour in _COLOURS.items():
            key = (role, metric)
            rows = [row for row in comparison.performance if (row["role"], row["metric"]) == key]
            if rows:
                value, lower, upper = (_column(rows, end) for end in ("value", "lower", "upper"))
                draw_band(axes, _days(rows), value, (lower, upper), colour=colour, label=role)
        date_axis(axes)
    add_legend(panels[0])
    return figure


def _path(comparison: Comparison) -> tuple[list[Row], str]:
    """The evidence over time and what its days are; looks where they are more."""
    look = comparison.newest
    days: Sequence[Row] = look["evidence"].get("path", ()) if look else ()
    if len(days) < len(comparison.looks):
        return [{**row, "mean": row["mean_difference"]} for row in comparison.looks], "look"
    return [{**point, "as_of": point["scored_as_of"]} for point in days], "scored day"


def _segment_metrics(comparison: Comparison) -> list[str]:
    """The metrics measured for more than one segment, two at most."""
    counts = Counter(row["metric"] for row in comparison.paired)
    return [metric for metric in _SEGMENT_METRICS if counts[metric] > 1][:2]


def _days(rows: Sequence[Row]) -> Any:
    return np.array([row["as_of"] for row in rows], dtype="datetime64[D]")


def _column(rows: Sequence[Row], name: str) -> Floats:
    """The numbers of a column, NaN where there is none."""
    return np.array([row[name] for row in rows], dtype=np.float64)
