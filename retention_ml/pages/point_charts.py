"""Charts of single values: intervals, heat maps and points."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from retention_ml.pages.charts import LABEL_WIDTH, Chart, Format, Value, frame


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
    option = frame(names, [])
    option["yAxis"] = {**option["xAxis"], "inverse": True}
    option["yAxis"]["axisLabel"] = {"width": LABEL_WIDTH, "overflow": "truncate"}
    option["xAxis"] = {"type": "value", "scale": True, "splitNumber": 4}
    ends = [
        [lower, number, upper]
        for number, (_, _, lower, upper) in enumerate(rows)
        if lower is not None and upper is not None
    ]
    return Chart(
        title=title,
        sentence=sentence,
        option={
            **option,
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
    option = frame(columns, [])
    option["yAxis"] = {
        "type": "category",
        "data": [str(row) for row in rows],
        "inverse": True,
        "axisLabel": {"width": label_width, "overflow": "truncate"},
    }
    return Chart(
        title=title,
        sentence=sentence,
        option={
            **option,
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
            "grid": {"left": 76, "right": 28, "bottom": 46, "outerBoundsMode": "none"},
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
