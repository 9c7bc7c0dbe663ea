"""Fields that only the first row of an order carries."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retention_ml.deliveries.shaping.fill_down import FillDown

Rows = list[tuple[str | None, str | None]]

CELLS = st.lists(
    st.tuples(st.sampled_from(["1", "2", None]), st.sampled_from(["", "a", "b", None]))
)


def table(rows: Rows) -> pa.Table:
    columns = zip(*rows, strict=True) if rows else ([], [])
    return pa.table(
        dict(
            zip(("order", "status"), (pa.array(list(c), pa.string()) for c in columns), strict=True)
        )
    )


def filled(*chunks: Rows, missing: tuple[str, ...] = ()) -> list[str | None]:
    fill_down = FillDown(["status"], ["order"], {"status": missing})
    return [
        status for rows in chunks for status in fill_down.fill(table(rows))["status"].to_pylist()
    ]


def test_further_rows_get_the_value_of_the_rows_above_also_where_orders_interleave() -> None:
    rows: Rows = [("1", "paid"), ("2", None), ("1", ""), ("2", "refunded"), ("2", " "), ("1", None)]
    assert filled(rows) == ["paid", None, "paid", "refunded", "refunded", "paid"]


def test_an_order_goes_on_in_the_next_chunk() -> None:
    assert filled([("1", "paid"), ("2", "open")], [("1", ""), ("3", "")], [("2", ""), ("1", "")]) == [
        "paid", "open", "paid", None, "open", "paid",
    ]  # fmt: skip


def test_rows_without_an_order_get_nothing() -> None:
    assert filled([("", "paid"), (None, ""), ("", "")]) == ["paid", None, None]


def test_texts_that_mean_missing_are_filled() -> None:
    assert filled([("1", "paid"), ("1", "NULL")], missing=("NULL",)) == ["paid", "paid"]


@pytest.mark.parametrize("column", ["order", "status"])
def test_a_column_that_the_file_lacks_changes_nothing(column: str) -> None:
    rows = table([("1", "paid"), ("1", "")]).drop_columns([column])
    assert FillDown(["status"], ["order"], {}).fill(rows).column_names == rows.column_names


@given(rows=CELLS, cut=st.integers(0, 5))
def test_chunks_fill_as_the_naive_loop_does(rows: Rows, cut: int) -> None:
    last: dict[str, str] = {}
    expected = []
    for order, status in rows:
        value = status or (last.get(order) if order else None)
        if order and value:
            last[order] = value
        expected.append(value)
    assert filled(rows[:cut], rows[cut:]) == expected
