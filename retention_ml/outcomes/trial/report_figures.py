"""Figures of a trial of champion and challenger, drawn without a display."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from retention_ml.models.evaluation.segments import label
from retention_ml.outcomes.trial.report import Comparison, Row, advantage
from retention_ml.statistics.arrays import Floats

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_CHAMPION, _CHALLENGER, _GREY, _RED = "#1f5a8a", "#d1662a", "#8a8f98", "#b3261e"
_COLOURS = {"champion": _CHAMPION, "challenger": _CHALLENGER}
_FOREST = {"brier": "Brier", "roc_auc": "ROC AUC", "log_loss": "Log loss"}
_E_SHOWN = (1e-3, 1e6)


def figures(told: Comparison) -> "dict[str, Figure]":
    """Every figure that the trial has rows for, by name."""
    made: dict[str, Any] = {}
    if told.looks:
        made["evidence"] = evidence(told)
    if _forest_metrics(told):
        made["segments"] = segments(told)
    if told.newest and any(told.newest["evidence"].get("calibration", {}).values()):
        made["calibration"] = calibration(told)
    if len({row["as_of"] for row in told.performance}) > 1:
        made["over_time"] = over_time(told)
    return made


def evidence(told: Comparison) -> "Figure":
    """The confidence sequence and the e-values after each scored day, or else look."""
    points, across = _path(told)
    days = _days(points)
    figure, (band, strength) = _panels(2)
    _label(band, "Difference in squared error", across, "above 0: the challenger is better")
    lower, upper, mean = (_column(points, name) for name in ("lower", "upper", "mean"))
    band.axhline(0, color=_GREY, linewidth=1)
    band.fill_between(days, lower, upper, color=_CHALLENGER, alpha=0.2, linewidth=0)
    band.plot(days, mean, color=_CHALLENGER, marker="o", markersize=3)
    settled = slice(len(days) // 4, None)
    lowest, highest = min(lower[settled].min(), 0.0), max(upper[settled].max(), 0.0)
    band.set_ylim(lowest - 0.1 * (highest - lowest), highest + 0.1 * (highest - lowest))
    _label(strength, "Strength of the evidence (e-value)", across, "")
    for name, colour, words in (
        ("e_better", _CHALLENGER, "that the challenger is better"),
        ("e_worse", _CHAMPION, "that it is worse"),
    ):
        values = np.clip(_column(points, name), *_E_SHOWN)
        strength.plot(days, values, color=colour, marker="o", markersize=3, label=words)
    strength.axhline(
        told.e_needed,
        color=_RED,
        linewidth=1.2,
        linestyle="--",
        label=f"{told.e_needed:.0f} decides",
    )
    strength.set_yscale("log")
    strength.legend(frameon=False, fontsize=8)
    for axes in (band, strength):
        _dates(axes)
    return figure


def segments(told: Comparison) -> "Figure":
    """What the challenger gains over the champion by kind of customer, with 95 % intervals."""
    metrics = _forest_metrics(told)
    rows = {
        (row["segment"], row["metric"]): row
        for row in told.measured
        if row["comparison"] == "paired" and row["metric"] in metrics
    }
    names = sorted({name for name, _ in rows}, key=lambda name: (name != "all", name))[::-1]
    counts = {row["segment"]: row["customers_count"] for row in rows.values()}
    figure, panels = _panels(len(metrics), height=max(2.2, 0.36 * len(names) + 1.3))
    for number, (axes, metric) in enumerate(zip(panels, metrics, strict=True)):
        _label(axes, _FOREST[metric], "right of 0: the challenger is better", "")
        axes.axvline(0, color=_GREY, linewidth=1)
        for height, name in enumerate(names):
            row = rows.get((name, metric))
            if row is None:
                continue
            value, lower, upper = advantage(row)
            colour = _CHALLENGER if lower > 0 else _CHAMPION if upper < 0 else _GREY
            axes.plot([lower, upper], [height, height], color=colour, linewidth=1.8)
            axes.plot(value, height, "D" if name == "all" else "o", color=colour, markersize=5.5)
        words = [f"{label(name)} ({counts[name]:,})" for name in names]
        axes.set_yticks(range(len(names)), words if number == 0 else [], fontsize=8)
        axes.set_ylim(-0.6, len(names) - 0.4)
        axes.tick_params(axis="x", labelsize=8)
    return figure


def calibration(told: Comparison) -> "Figure":
    """Observed against predicted rate of both models, the larger the dot the more customers."""
    look = told.newest or {"evidence": {}}
    figure, (axes,) = _panels(1, height=4.2)
    _label(axes, "Calibration", "probability that was said", "share that stayed away")
    axes.plot([0, 1], [0, 1], color=_GREY, linewidth=1, linestyle="--", label="as said")
    for role, bins in look["evidence"]["calibration"].items():
        said, seen = _column(bins, "predicted"), _column(bins, "observed")
        size = _column(bins, "customers_count")
        axes.plot(said, seen, color=_COLOURS[role], linewidth=1.4, label=role)
        axes.scatter(said, seen, s=12 + 30 * size / size.max(), color=_COLOURS[role])
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.set_aspect("equal")
    axes.legend(frameon=False, fontsize=8, loc="upper left")
    return figure


def over_time(told: Comparison) -> "Figure":
    """ROC AUC and Brier score of both models by scored day."""
    figure, panels = _panels(2)
    for axes, (metric, title) in zip(
        panels, (("roc_auc", "ROC AUC (higher is better)"), ("brier", "Brier (lower is better)")),
        strict=True,
    ):  # fmt: skip
        _label(axes, title, "scored day", "")
        for role, colour in _COLOURS.items():
            rows = [r for r in told.performance if (r["role"], r["metric"]) == (role, metric)]
            if not rows:
                continue
            days, value = _days(rows), _column(rows, "value")
            axes.plot(days, value, color=colour, marker="o", markersize=3, label=role)
            axes.fill_between(
                days, _column(rows, "lower"), _column(rows, "upper"),
                color=colour, alpha=0.12, linewidth=0,
            )  # fmt: skip
        _dates(axes)
    panels[0].legend(frameon=False, fontsize=8)
    return figure


def _path(told: Comparison) -> tuple[list[Row], str]:
    """The evidence over time and what its days are; looks where they tell more."""
    days: Sequence[Row] = told.newest["evidence"].get("path", ()) if told.newest else ()
    if len(days) < len(told.looks):
        return [{**look, "mean": look["mean_difference"]} for look in told.looks], "look"
    return [{**point, "as_of": point["scored_as_of"]} for point in days], "scored day"


def _forest_metrics(told: Comparison) -> list[str]:
    """The metrics known of more than one segment, two at most."""
    known = {
        metric: {
            row["segment"]
            for row in told.measured
            if row["comparison"] == "paired" and row["metric"] == metric
        }
        for metric in _FOREST
    }
    return [metric for metric, found in known.items() if len(found) > 1][:2]


def _days(rows: Sequence[Row]) -> Any:
    return np.array([row["as_of"] for row in rows], dtype="datetime64[D]")


def _column(rows: Sequence[Row], name: str) -> Floats:
    """The numbers of a column, NaN where there is none."""
    return np.array([row[name] for row in rows], dtype=np.float64)


def _panels(count: int, height: float = 3.6) -> "tuple[Figure, list[Axes]]":
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.2 * count, height), layout="constrained")
    return figure, list(np.atleast_1d(figure.subplots(1, count)))


def _label(axes: "Axes", title: str, across: str, up: str) -> None:
    axes.set_title(title, loc="left", fontsize=11, fontweight="bold")
    axes.set_xlabel(across, fontsize=9)
    axes.set_ylabel(up, fontsize=9)
    axes.grid(alpha=0.25, linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)


def _dates(axes: "Axes") -> None:
    from matplotlib.dates import ConciseDateFormatter

    axes.xaxis.set_major_formatter(ConciseDateFormatter(axes.xaxis.get_major_locator()))
    axes.tick_params(axis="x", labelsize=8)
