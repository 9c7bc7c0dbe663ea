"""Charts as plain values: what ECharts draws, and the same numbers as a table."""

import json

import pytest

from retention_ml.pages.charts import Series, bars, lines
from retention_ml.pages.point_charts import Points, heat_map, intervals, scatter
from retention_ml.pages.rendering import script_json


def test_the_table_of_a_line_holds_its_values_and_the_ends_of_its_interval() -> None:
    chart = lines(
        "AUC",
        "",
        places=["a", "b"],
        series=[Series(name="champion", values=[0.8, None], lower=[0.7, None], upper=[0.9, None])],
    )
    assert chart.columns == ("day", "champion", "champion, at least", "champion, at most")
    assert chart.rows == [("a", 0.8, 0.7, 0.9), ("b", None, None, None)]
    below, width, line = chart.option["series"]
    assert below["data"][0] + width["data"][0] == pytest.approx(0.9)
    assert line["data"] == [0.8, None]


def test_bars_lie_with_the_first_at_the_top() -> None:
    chart = bars("x", "", places=["a"], series=[Series(name="n", values=[1])], is_lying=True)
    assert chart.option["yAxis"]["data"] == ["a"]
    assert chart.option["yAxis"]["inverse"] is True


def test_marks_stand_between_bars() -> None:
    chart = bars(
        "x",
        "",
        places=range(20),
        series=[Series(name="n", values=[1] * 20)],
        marks=[("high", 12.0)],
    )
    assert chart.option["series"][-1]["markLine"]["data"] == [{"name": "high", "xAxis": 12.0}]
    assert chart.option["xAxis"][1]["max"] == 20


def test_of_intervals_the_marked_one_is_another_sign() -> None:
    chart = intervals("x", "", rows=[("a", 0.8, 0.7, 0.9), ("b", 0.6, None, None)], marked="b")
    ends, values = chart.option["series"]
    assert ends["data"] == [[0.7, 0, 0.9]]
    assert [point["symbol"] for point in values["data"]] == ["circle", "diamond"]


def test_a_heat_map_leaves_cells_without_a_value_empty() -> None:
    chart = heat_map("x", "", columns=["a", "b"], rows=["r"], values={(1, 0): 3.0})
    assert chart.option["series"][0]["data"] == [[1, 0, 3.0]]
    assert chart.rows == [("r", None, 3.0)]


def test_points_have_their_own_way_of_writing_on_each_axis() -> None:
    group = Points(name="high", points=[(0.7, 120.0, 1.0)], names=["c1"])
    chart = scatter("x", "", groups=[group], x=("p", "percent"), y=("value", "money"))
    assert chart.rows == [("c1", 0.7, 120.0)]
    assert (chart.written(1), chart.written(2)) == ("percent", "money")


def test_what_stands_in_a_script_cannot_end_it() -> None:
    text = script_json({"name": "</script><script>alert(1)</script>", "sign": "\u2028&"})
    assert not {"<", ">", "&", "\u2028"} & set(text)
    assert json.loads(text)["name"] == "</script><script>alert(1)</script>"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object()])
def test_what_is_no_json_is_refused(value: object) -> None:
    with pytest.raises((ValueError, TypeError)):
        script_json({"value": value})
