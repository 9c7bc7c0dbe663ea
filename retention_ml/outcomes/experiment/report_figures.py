"""Figures of an experiment with actions, drawn without a display, each readable on a phone."""

from typing import TYPE_CHECKING, Any

import numpy as np

from retention_ml.experiments.guards import ALL, RETAINED
from retention_ml.experiments.readout import MARGIN
from retention_ml.models.evaluation.figures.axes import (
    BLUE,
    COLOURS,
    GREY,
    RED,
    add_legend,
    date_axis,
    draw_band,
    draw_interval,
    label_axes,
    name_rows,
    new_figure,
)
from retention_ml.outcomes.experiment.report import METRICS, MONEY, ExperimentReport, Row
from retention_ml.statistics.arrays import Floats

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_WIDTH = 4.3


def figures(report: ExperimentReport) -> "dict[str, Figure]":
    """Every figure that the experiment has rows for, by name."""
    drawn: dict[str, Any] = {}
    if report.plan and report.planned_count is not None:
        drawn["power"] = power(report)
    metric = report.experiment.design.metric
    for name in (metric, MARGIN if metric == RETAINED else RETAINED):
        if any(report.path(arm, name) for arm in report.experiment.design.treatments):
            drawn[f"{name} by look"] = over_time(report, name)
        if report.by_tier(name):
            drawn[f"{name} by tier"] = by_tier(report, name)
    if len({row["as_of"] for row in report.looks}) > 1:
        drawn["sample ratio"] = sample_ratio(report)
    return drawn


def power(report: ExperimentReport) -> "Figure":
    """The chance to find the smallest effect worth finding by one look, over decisions."""
    from scipy.stats import norm

    whole, design = report.plan[0], report.experiment.design
    at_end, needed, available = (whole[name] for name in ("needed_at_end", "needed", "available"))
    figure, [axes] = new_figure(width=_WIDTH, height=3.9)
    most = 1.15 * max(needed or at_end, available)
    counts = np.linspace(0, most, 200)
    alpha = norm.isf(design.arm_error_rate / 2)
    reach = alpha + norm.ppf(design.power)
    axes.plot(counts, norm.cdf(np.sqrt(counts / at_end) * reach - alpha), color=BLUE)
    axes.axhline(design.power, color=GREY, linewidth=1, linestyle=":")
    for count, colour, style, words in (
        (at_end, BLUE, "--", f"one look: {at_end:,}"),
        (needed, RED, "--", f"looking always: {needed:,}" if needed else ""),
        (available, GREY, "-", f"can mature: {available:,}"),
    ):
        if count:
            axes.axvline(count, color=colour, linewidth=1.2, linestyle=style, label=words)
    axes.set_ylim(0, 1.02)
    axes.set_xlim(0, most)
    label_axes(axes, "Power of one look at the end", "decisions of all arms", "")
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.locator_params(axis="x", nbins=5)
    add_legend(axes, loc="upper center", bbox_to_anchor=(0.5, -0.2))  # below, where no line is
    return figure


def over_time(report: ExperimentReport, metric: str) -> "Figure":
    """The effect of each arm at each look, with the interval that holds at all of them."""
    figure, [axes] = new_figure(width=_WIDTH, height=3.2)
    axes.axhline(0, color=GREY, linewidth=1)
    ends = []
    for arm, colour in zip(report.experiment.design.treatments, COLOURS, strict=False):
        path = report.path(arm, metric)
        if not path:
            continue
        value, lower, upper = (_scaled(path, metric, name) for name in ("effect", "lower", "upper"))
        days = np.array([row["as_of"] for row in path], dtype="datetime64[D]")
        draw_band(axes, days, value, (lower, upper), colour=colour, label=arm)
        if len(path) == 1:  # a band has no width then
            axes.plot([days[0], days[0]], [lower[0], upper[0]], color=colour, linewidth=1.8)
        late = slice(len(path) // 4, None)
        ends += [lower[late], upper[late], value[late]]
    finite = np.concatenate(ends)
    finite = finite[np.isfinite(finite)]
    lowest, highest = min(finite.min(), 0.0), max(finite.max(), 0.0)
    room = 0.1 * (highest - lowest) or 1.0
    axes.set_ylim(lowest - room, highest + room)
    label_axes(axes, _title(metric), "day of the look", _unit(metric, report.currency))
    date_axis(axes)
    if len(report.experiment.design.treatments) > 1:
        add_legend(axes)
    return figure


def by_tier(report: ExperimentReport, metric: str) -> "Figure":
    """The effect of each arm by tier, drawn towards the effect of all, with 95 % intervals."""
    arms = report.experiment.design.treatments
    whole = [row for row in report.effects() if row["metric"] == metric]
    rows = sorted(
        (*report.by_tier(metric), *whole),
        key=lambda row: (row["segment"] != ALL, row["segment"], row["arm"]),
    )[::-1]
    figure, [axes] = new_figure(width=_WIDTH, height=max(2.2, 0.34 * len(rows) + 1.2))
    axes.axvline(0, color=GREY, linewidth=1)
    for height, row in enumerate(rows):
        value, lower, upper = (
            float(_scaled([row], metric, name)[0]) for name in ("effect", "lower", "upper")
        )
        draw_interval(
            axes,
            height,
            value,
            lower,
            upper,
            colour=COLOURS[arms.index(row["arm"]) % len(COLOURS)],
            marker="D" if row["segment"] == ALL else "o",
        )
    several = len(arms) > 1
    name_rows(
        axes, [f"{row['segment']}, {row['arm']}" if several else row["segment"] for row in rows]
    )
    label_axes(axes, f"{_title(metric)}, by tier", _unit(metric, report.currency), "")
    return figure


def sample_ratio(report: ExperimentReport) -> "Figure":
    """The evidence at each look that customers did not come into the arms by their shares."""
    figure, [axes] = new_figure(width=_WIDTH, height=2.6)
    path = {row["as_of"]: row["sample_ratio_e"] for row in report.looks}
    days = np.array(list(path), dtype="datetime64[D]")
    values = np.clip(np.array(list(path.values()), dtype=np.float64), 1e-3, 1e6)
    draw_band(axes, days, values, None)
    axes.axhline(
        report.ratio_needed,
        color=RED,
        linewidth=1.2,
        linestyle="--",
        label=f"{report.ratio_needed:.0f}: invalid",
    )
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter("{x:g}")
    label_axes(axes, "Evidence against fair arms (e-value)", "day of the look", "")
    date_axis(axes)
    add_legend(axes)
    return figure


def _title(metric: str) -> str:
    words = METRICS[metric]
    return words[0].upper() + words[1:]


def _unit(metric: str, currency: str) -> str:
    return f"change, {currency}" if metric in MONEY else "change, percentage points"


def _scaled(rows: "list[Row]", metric: str, name: str) -> Floats:
    values = np.array([row[name] for row in rows], dtype=np.float64)
    return values if metric in MONEY else 100 * values
