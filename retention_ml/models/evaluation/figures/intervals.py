"""Metrics of one or several models with their intervals, each metric on its own scale."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from retention_ml.models.evaluation.figures.axes import (
    coloured,
    draw_interval,
    label_axes,
    name_rows,
    new_figure,
)
from retention_ml.statistics.bootstrap import Interval

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LOWER_IS_BETTER = ("log_loss", "brier", "ece")
_COLUMNS = 3


def metric_intervals(values: Mapping[str, Mapping[str, Interval]]) -> "Figure":
    """Every metric in a panel with its 95 % interval, models below each other in their order.

    Parameters
    ----------
    values : mapping of str to mapping of str to Interval
        By model and metric; metrics that are finite for no model have no panel.
    """
    names = list(values)[::-1]  # drawn from below
    metrics = dict.fromkeys(
        metric
        for each in values.values()
        for metric, interval in each.items()
        if interval.is_finite
    )
    rows = max(1, -(-len(metrics) // _COLUMNS))
    figure, panels = new_figure(
        _COLUMNS, rows=rows, width=3.6, height=rows * (0.9 + 0.24 * len(values))
    )
    for axes in panels[len(metrics) :]:
        axes.set_visible(False)
    for axes, metric in zip(panels, metrics, strict=False):
        for name, each, colour in coloured(values):
            interval, height = each.get(metric), names.index(name)
            if interval is not None and interval.is_finite:
                draw_interval(axes, height, *interval, colour=colour)
        better = "left" if metric in LOWER_IS_BETTER else "right"
        label_axes(axes, metric.replace("_", " "), f"{better} is better")
        name_rows(axes, names)
        axes.margins(x=0.12)
        axes.locator_params(axis="x", nbins=4)
    return figure
