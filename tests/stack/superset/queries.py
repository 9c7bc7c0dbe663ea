"""What a chart asks, from its file: the query that Superset's page makes of the same parameters."""

import json
from collections.abc import Iterator
from typing import Any

from tests.stack.superset.assets import Document

_OF_FILTERS = {"IS NOT NULL", "IS NULL", "IS TRUE", "IS FALSE"}  # without a value
VIZ_TYPES = {
    "big_number_total",
    "table",
    "heatmap_v2",
    "echarts_timeseries_bar",
    "echarts_timeseries_line",
    "echarts_timeseries_scatter",
}


def query(chart: Document) -> dict[str, Any]:
    """The query object of Superset's API for a chart."""
    params = chart["params"]
    assert params["viz_type"] == chart["viz_type"]
    assert chart["viz_type"] in VIZ_TYPES, f"{chart['viz_type']}: say here what such a chart asks."
    asked: dict[str, Any] = {
        "metrics": list(metrics(chart)),
        "columns": [_column(name, params) for name in grouped(chart)],
        "filters": [
            {key: value for key, value in _filter(each).items() if value is not None}
            for each in params["adhoc_filters"]
        ],
        "row_limit": params.get("row_limit", 1),
        "extras": {},
    }
    if chart["viz_type"] == "table":
        asked["columns"] = list(params["all_columns"])
        asked["orderby"] = [_order(text) for text in params["order_by_cols"]]
        asked.pop("metrics")
    return asked


def metrics(chart: Document) -> Iterator[str]:
    """The saved metrics that a chart uses."""
    params = chart["params"]
    yield from params.get("metrics", [])
    if "metric" in params:
        yield params["metric"]


def grouped(chart: Document) -> Iterator[str]:
    """The columns by which a chart groups."""
    params = chart["params"]
    if "x_axis" in params:
        yield params["x_axis"]
    groups = params.get("groupby", [])
    yield from [groups] if isinstance(groups, str) else groups


def columns(chart: Document) -> Iterator[str]:
    """Every column that a chart names."""
    params = chart["params"]
    yield from grouped(chart)
    yield from params.get("all_columns", [])
    yield from params.get("column_config", {})
    yield from (each["subject"] for each in params["adhoc_filters"])
    yield from (_order(text)[0] for text in params.get("order_by_cols", []))


def _column(name: str, params: dict[str, Any]) -> Any:
    if name != params.get("x_axis") or "time_grain_sqla" not in params:
        return name
    return {
        "columnType": "BASE_AXIS",
        "expressionType": "SQL",
        "label": name,
        "sqlExpression": name,
        "timeGrain": params["time_grain_sqla"],
    }


def _filter(adhoc: dict[str, Any]) -> dict[str, Any]:
    assert adhoc["clause"] == "WHERE"
    assert adhoc["expressionType"] == "SIMPLE"
    has_value = adhoc["operator"] not in _OF_FILTERS
    return {
        "col": adhoc["subject"],
        "op": adhoc["operator"],
        "val": adhoc["comparator"] if has_value else None,
    }


def _order(text: str) -> tuple[str, bool]:
    column, is_ascending = json.loads(text)
    return str(column), bool(is_ascending)
