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
            **_frame(places, [one.name for one in series] if has_legend else []),
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
    frame = _frame(places, [one.name for one in series])
    if is_lying:
        frame["xAxis"], frame["yAxis"] = frame["yAxis"], {**frame["xAxis"], "inverse": True}
        frame["xAxis"] |= {"splitNumber": 3}
        frame["yAxis"] |= {"axisLabel": {"width": 190, "overflow": "truncate"}}
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
        frame["xAxis"] = [
            frame["xAxis"],
            {"type": "value", "min": 0, "max": len(places), "show": False},
        ]
    return Chart(
        title=title,
        sentence=sentence,
        option={**frame, "series": drawn},
        columns=_headings(place_name, series),
        rows=_cells(places, series),
        value_format=value_format,
        height=max(height, 60 + 30 * len(places)) if is_lying else height,
    )


def intervals(
    title: str,
    sentence: str,
    *,
    rows: Sequence[tuple[str, Value, Value, Value]],
    marked: str | None = None,
    value_format: Format = "number",
) -> Chart:
    """One value with its interval per name, lying, the first at the top; one name may be marked."""
    names = [name for name, *_ in rows]
    frame = _frame(names, [])
    frame["yAxis"] = {**frame["xAxis"], "inverse": True}
    frame["yAxis"]["axisLabel"] = {"width": 190, "overflow": "truncate"}
    frame["xAxis"] = {"type": "value", "scale": True, "splitNumber": 4}
    ends = [
        [lower, number, upper]
        for number, (_, _, lower, upper) in enumerate(rows)
        if lower is not None and upper is not None
    ]
    return Chart(
        title=title,
        sentence=sentence,
        option={
            **frame,
            "series": [
                {"type": "interval", "data": ends, "itemStyle": {"color": "neutral"}},
                {
                    "type": "scatter",
                    "name": "value",
                    "symbolSize": 10,
                    "data": [
                        {
                            "value": [value, number],
                            "itemStyle": {"color": "good" if name == marked else "series"},
                            "symbol": "diamond" if name == marked else "circle",
                        }
                        for number, (name, value, *_) in enumerate(rows)
                        if value is not None
                    ],
                },
            ],
        },
        columns=("", "value", "at least", "at most"),
        rows=rows,
        value_format=value_format,
        height=70 + 32 * len(rows),
    )


def heat_map(
    title: str,
    sentence: str,
    *,
    columns: Sequence[Any],
    rows: Sequence[Any],
    values: Mapping[tuple[int, int], float],
    value_format: Format = "count",
    colours: tuple[str, str] = ("card", "series"),
    most: float | None = None,
    has_labels: bool = True,
    label_width: int = 210,
    row_names: str = "",
) -> Chart:
    """A colour per column and row, by their places; a cell without a value stays empty."""
    cells = [[column, row, value] for (column, row), value in values.items()]
    highest = most if most is not None else max((value for *_, value in cells), default=1)
    frame = _frame(columns, [])
    frame["yAxis"] = {
        "type": "category",
        "data": [str(row) for row in rows],
        "inverse": True,
        "axisLabel": {"width": label_width, "overflow": "truncate"},
    }
    return Chart(
        title=title,
        sentence=sentence,
        option={
            **frame,
            "tooltip": {"trigger": "item"},
            "visualMap": {
                "min": 0,
                "max": highest or 1,
                "show": False,
                "inRange": {"color": list(colours)},
            },
            "series": [
                {
                    "type": "heatmap",
                    "data": cells,
                    "label": {"show": has_labels and len(columns) <= 12},
                    "itemStyle": {"borderColor": "card", "borderWidth": 1},
                }
            ],
        },
        columns=(row_names, *(str(column) for column in columns)),
        rows=[
            (row, *(values.get((place, number)) for place in range(len(columns))))
            for number, row in enumerate(rows)
        ],
        value_format=value_format,
        height=70 + 28 * len(rows),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Points:
    """Points of one colour: `(x, y, size)` each, with the name of each where it has one."""

    name: str
    points: Sequence[tuple[float, float, float]]
    colour: str = "series"
    names: Sequence[str] = ()


def scatter(
    title: str,
    sentence: str,
    *,
    groups: Sequence[Points],
    x: tuple[str, Format],
    y: tuple[str, Format],
    size_name: str = "",
    has_diagonal: bool = False,
) -> Chart:
    """Points by two values, their size by a third; the diagonal is where both are equal."""
    every = [point for group in groups for point in group.points]
    largest = max((size for *_, size in every), default=1) or 1
    series: list[dict[str, Any]] = [
        {
            "type": "scatter",
            "name": group.name,
            "itemStyle": {"color": group.colour, "opacity": 0.75},
            "data": [
                {
                    "value": [across, up],
                    "symbolSize": round(5 + 15 * (size / largest) ** 0.5) if size_name else 9,
                    "name": group.names[number] if group.names else "",
                }
                for number, (across, up, size) in enumerate(group.points)
            ],
        }
        for group in groups
    ]
    if has_diagonal:
        most = max((max(across, up) for across, up, _ in every), default=1)
        series.append(
            {
                "type": "line",
                "name": "equal",
                "data": [[0, 0], [most, most]],
                "symbol": "none",
                "silent": True,
                "lineStyle": {"color": "neutral", "type": "dashed"},
                "itemStyle": {"color": "neutral"},
            }
        )
    axis = {"type": "value", "min": 0, "nameLocation": "middle"}
    names = [group.name for group in groups]
    return Chart(
        title=title,
        sentence=sentence,
        option={
            "xAxis": {**axis, "name": x[0], "nameGap": 26},
            "yAxis": {**axis, "name": y[0], "nameGap": 44},
            "tooltip": {"trigger": "item"},
            "legend": {"show": len(names) > 1, "data": names},
            "grid": {"left": 62, "bottom": 46, "outerBoundsMode": "none"},
            "series": series,
        },
        columns=("", x[0], y[0], *((size_name,) if size_name else ())),
        rows=[
            (
                group.names[number] if group.names else group.name,
                *(point if size_name else point[:2]),
            )
            for group in groups
            for number, point in enumerate(group.points)
        ],
        value_format=y[1],
        x_format=x[1],
        height=320,
    )


def _frame(places: Sequence[Any], names: Sequence[str]) -> dict[str, Any]:
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
