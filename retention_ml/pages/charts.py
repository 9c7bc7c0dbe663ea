"""Charts as plain values: what ECharts draws, a sentence about it, and its numbers as a table.

A colour is the name of one of the style, such as `good`; the script of the page looks it up, so
that light and dark have their own. The table is for who cannot see a chart, or has no script.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Format = Literal["count", "percent", "number", "money", "day", "text"]
Value = float | None
TIER_COLOURS = {
    "critical": "critical",
    "high": "attention",
    "medium": "neutral",
    "low": "good",
}
"""The colour of each risk tier, the worst first; bars are stacked in the opposite order."""

SERIES_COLOURS = ("series", "attention", "neutral", "critical", "good", "faint")
LABEL_WIDTH = 250
"""Of names beside lying bars, in pixels: the longest feature with its measure fits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One line, or one colour of bars.

    Parameters
    ----------
    name : str
        What the legend calls it.
    values : sequence of float or None
        One per place on the axis.
    colour : str
        A colour of the style.
    lower, upper : sequence of float or None
        Ends of an interval around a line, where there is one.
    is_dashed : bool
        Of a line that others are compared with, such as a threshold.
    """

    name: str
    values: Sequence[Value]
    colour: str = "series"
    lower: Sequence[Value] = ()
    upper: Sequence[Value] = ()
    is_dashed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A chart, ready to stand on a page.

    Parameters
    ----------
    title, sentence : str
        What it shows, and how to read it.
    option : mapping
        Of ECharts, as JSON values.
    columns, rows : sequences
        Its numbers as a table.
    value_format, x_format : str
        How values are written: on the axis, in the table and beside the pointer; those of the
        lower axis otherwise where they are another quantity.
    height : int
        In pixels.
    """

    title: str
    sentence: str
    option: Mapping[str, Any]
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    value_format: Format = "count"
    x_format: Format | None = None
    height: int = 260

    @property
    def spec(self) -> dict[str, Any]:
        """What the script of the page reads."""
        return {
            "option": self.option,
            "format": self.value_format,
            "xFormat": self.x_format or self.value_format,
            "height": self.height,
        }

    def written(self, place: int) -> Format:
        """How the values of a column of the table are written."""
        return self.x_format if self.x_format and place == 1 else self.value_format


def lines(
    title: str,
    sentence: str,
    *,
    places: Sequence[Any],
    series: Sequence[Series],
    value_format: Format = "number",
    height: int = 260,
    place_name: str = "day",
    has_legend: bool = True,
) -> Chart:
    """Values over days or another ordered axis, with bands where they have intervals."""
    drawn: list[dict[str, Any]] = []
    for one in series:
        if any(value is not None for value in one.lower):
            drawn += _band(one)
        drawn.append(
            {
                "type": "line",
                "name": one.name,
                "data": list(one.values),
                "itemStyle": {"color": one.colour},
                "lineStyle": {"color": one.colour, "type": "dashed" if one.is_dashed else "solid"},
                "symbol": "none" if one.is_dashed else "circle",
                "symbolSize": 5,
                "connectNulls": True,
            }
        )
    return Chart(
        title=title,
        sentence=sentence,
        option={
            **frame(places, [one.name for one in series] if has_legend else []),
            "series": drawn,
        },
        columns=_headings(place_name, series),
        rows=_cells(places, series),
        value_format=value_format,
        height=height,
    )


def bars(
    title: str,
    sentence: str,
    *,
    places: Sequence[Any],
    series: Sequence[Series],
    value_format: Format = "count",
    is_stacked: bool = False,
    is_lying: bool = False,
    place_name: str = "day",
    height: int = 260,
    marks: Sequence[tuple[str, float]] = (),
) -> Chart:
    """Bars beside or upon each other; lying ones read from the first place at the top.

    `marks` are named positions between the bars of a standing chart, counted in bars.
    """
    option = frame(places, [one.name for one in series])
    if is_lying:
        option["xAxis"], option["yAxis"] = option["yAxis"], {**option["xAxis"], "inverse": True}
        option["xAxis"] |= {"splitNumber": 3}
        option["yAxis"] |= {"axisLabel": {"width": LABEL_WIDTH, "overflow": "truncate"}}
    drawn: list[dict[str, Any]] = [
        {
            "type": "bar",
            "name": one.name,
            "data": list(one.values),
            "itemStyle": {"color": one.colour},
            "barMaxWidth": 22 if is_lying else 34,
            **({"stack": "all"} if is_stacked else {}),
        }
        for one in series
    ]
    if marks and drawn:
        drawn.append(_marks(marks))
        option["xAxis"] = [
            option["xAxis"],
            {"type": "value", "min": 0, "max": len(places), "show": False},
        ]
    return Chart(
        title=title,
        sentence=sentence,
        option={**option, "series": drawn},
        columns=_headings(place_name, series),
        rows=_cells(places, series),
        value_format=value_format,
        height=max(height, 60 + 30 * len(places)) if is_lying else height,
    )


def frame(places: Sequence[Any], names: Sequence[str]) -> dict[str, Any]:
    """Axes, pointer and legend of a chart with one place per value."""
    return {
        "xAxis": {"type": "category", "data": [str(place) for place in places]},
        "yAxis": {"type": "value"},
        "tooltip": {"trigger": "axis"},
        "legend": {"show": len(names) > 1, "data": list(names)},
    }


def _band(one: Series) -> list[dict[str, Any]]:
    """The area between two ends: an invisible one below, and the rest upon it."""
    ends = [
        (lower, upper - lower) if lower is not None and upper is not None else (None, None)
        for lower, upper in zip(one.lower, one.upper, strict=True)
    ]
    shared = {
        "type": "line",
        "stack": f"band of {one.name}",
        "stackStrategy": "all",
        "symbol": "none",
        "silent": True,
        "lineStyle": {"opacity": 0},
        "isBand": True,
    }
    return [
        {**shared, "data": [lower for lower, _ in ends]},
        {
            **shared,
            "data": [width for _, width in ends],
            "areaStyle": {"color": one.colour, "opacity": 0.18},
        },
    ]


def _marks(marks: Sequence[tuple[str, float]]) -> dict[str, Any]:
    return {
        "type": "line",
        "xAxisIndex": 1,
        "data": [],
        "markLine": {
            "symbol": "none",
            "silent": True,
            "lineStyle": {"color": "ink", "type": "dashed"},
            "label": {"formatter": "{b}", "position": "end"},
            "data": [{"name": name, "xAxis": place} for name, place in marks],
        },
    }


def _headings(place_name: str, series: Sequence[Series]) -> tuple[str, ...]:
    named = [
        (one.name, *((f"{one.name}, at least", f"{one.name}, at most") if one.lower else ()))
        for one in series
    ]
    return (place_name, *(name for names in named for name in names))


def _cells(places: Sequence[Any], series: Sequence[Series]) -> list[tuple[Any, ...]]:
    columns = [column for one in series for column in (one.values, one.lower, one.upper) if column]
    return [(place, *(column[number] for column in columns)) for number, place in enumerate(places)]
