"""What all figures share: their size and look, intervals, bands, and the PNG file."""

import io
from collections.abc import Iterable, Iterator, Mapping
from itertools import cycle
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from retention_ml.statistics.arrays import Floats

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

T = TypeVar("T")

COLOURS = ("#1f5a8a", "#d1662a", "#3f8f5f", "#8e5aa8", "#b08a1e", "#5d6b7a", "#b3435c", "#4aa3b5")
BLUE, ORANGE, GREY, RED = COLOURS[0], COLOURS[1], "#8a8f98", "#b3261e"
REFERENCE: dict[str, Any] = {"color": GREY, "linewidth": 1, "linestyle": "--"}
BEST_POSSIBLE: dict[str, Any] = {"color": GREY, "linewidth": 1, "linestyle": ":"}

_LETTER = 0.064  # inches a letter of 8 points is wide, on average


def coloured(models: Mapping[str, T]) -> Iterator[tuple[str, T, str]]:
    """Name, what belongs to it, and the colour of each model."""
    for (name, value), colour in zip(models.items(), cycle(COLOURS), strict=False):
        yield name, value, colour


def new_figure(
    columns: int = 1, *, rows: int = 1, width: float = 5.2, height: float = 3.8
) -> "tuple[Figure, list[Axes]]":
    """An empty figure and its panels; `width` in inches is that of one column."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width * columns, height), dpi=110, layout="constrained")
    return figure, list(np.ravel(figure.subplots(rows, columns)))


def new_panel(
    *, width: float = 5.2, height: float = 3.8, names: Iterable[str] = (), right: float = 0.2
) -> "tuple[Figure, Axes]":
    """A figure of one panel with fixed margins, which is drawn in half the time of `new_figure`.

    Parameters
    ----------
    width, height, right : float
        Of the figure, and of the margin right of the panel, in inches.
    names : iterable of str
        What will stand left of the panel (see `name_rows`); numbers and a label if empty.
    """
    from matplotlib.figure import Figure

    longest = max((len(line) for name in names for line in name.splitlines()), default=0)
    left = 0.2 + _LETTER * longest if longest else 0.68
    figure = Figure(figsize=(width, height), dpi=110)
    figure.subplots_adjust(
        left=left / width, right=1 - right / width, bottom=0.52 / height, top=1 - 0.34 / height
    )
    return figure, figure.subplots()


def label_axes(axes: "Axes", title: str = "", x: str = "", y: str = "") -> None:
    """Title and labels in the look of all figures."""
    axes.set_title(title, loc="left", fontsize=11, fontweight="bold")
    axes.set_xlabel(x, fontsize=9)
    axes.set_ylabel(y, fontsize=9)
    axes.grid(alpha=0.25, linewidth=0.6)
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)


def add_legend(axes: "Axes", **where: Any) -> None:
    """The legend in the look of all figures."""
    axes.legend(frameon=False, fontsize=8, **where)


def date_axis(axes: "Axes") -> None:
    """Days along the bottom, written as short as they can be."""
    from matplotlib.dates import ConciseDateFormatter

    axes.xaxis.set_major_formatter(ConciseDateFormatter(axes.xaxis.get_major_locator()))


def name_rows(axes: "Axes", names: Iterable[str]) -> None:
    """One name at each height 0, 1, 2, …"""
    names = list(names)
    axes.set_yticks(range(len(names)), names, fontsize=8)
    axes.set_ylim(-0.6, max(1, len(names)) - 0.4)


def draw_interval(
    axes: "Axes",
    height: float,
    value: float | None,
    lower: float | None,
    upper: float | None,
    *,
    colour: str = BLUE,
    marker: str = "o",
    label: str | None = None,
) -> None:
    """A value with its interval, lying at a height; nothing where there is no value."""
    if value is None:
        return
    axes.plot(value, height, marker, color=colour, markersize=5, label=label)
    if lower is not None and upper is not None:
        axes.plot([lower, upper], [height, height], color=colour, linewidth=1.8)


def draw_band(
    axes: "Axes",
    x: Any,
    value: Floats,
    band: tuple[Floats, Floats] | None,
    *,
    colour: str = BLUE,
    label: str | None = None,
) -> None:
    """A line of values with the band between their lower and upper ends, if given."""
    axes.plot(x, value, color=colour, marker="o", markersize=3.5, label=label)
    if band is not None:
        axes.fill_between(x, *band, color=colour, alpha=0.15, linewidth=0)


def png(figure: "Figure", dpi: int = 110) -> bytes:
    """The figure as a PNG file."""
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=dpi, metadata={"Software": None})
    return file.getvalue()
