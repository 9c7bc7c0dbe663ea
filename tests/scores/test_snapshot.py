"""Rows of a snapshot as bytes, and what is read of a feature table."""

import json
from datetime import date

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import rankdata

from retention_ml.scores import snapshot
from retention_ml.scores.value import risk_percentile

TEXTS = st.lists(st.none() | st.text(max_size=6) | st.sampled_from(["high", 'say "no"', "a\\b"]))


def _columns(values: list[object], kind: pa.DataType) -> list[pa.ChunkedArray]:
    """The same values in one piece, and in several with an empty one."""
    array = pa.array(values, kind)
    middle = len(array) // 2
    parts = [array[:middle], array[:0], array[middle:]]
    return [pa.chunked_array([array]), pa.chunked_array(parts, kind)]


def _plain(values: list[object]) -> bytes:
    return json.dumps(values, default=str).encode()


@given(values=TEXTS)
def test_texts_are_the_bytes_of_json(values: list[str | None]) -> None:
    for column in _columns(list(values), pa.string()):
        assert snapshot._json(column) == _plain(list(values))


@given(values=st.lists(st.none() | st.dates()))
def test_days_are_the_bytes_of_json(values: list[date | None]) -> None:
    for column in _columns(list(values), pa.date32()):
        assert snapshot._json(column) == _plain(list(values))


@given(values=st.lists(st.none() | st.integers(-(2**63), 2**63 - 1)))
def test_whole_numbers_are_the_bytes_of_json(values: list[int | None]) -> None:
    for column in _columns(list(values), pa.int64()):
        assert snapshot._json(column) == _plain(list(values))


def test_what_no_short_way_knows_is_the_bytes_of_json_too() -> None:
    for values in ([True, None, False], [date(2025, 3, 1)]):
        assert snapshot._json(pa.chunked_array([pa.array(values)])) == _plain(list(values))


def test_all_rows_are_the_table_itself() -> None:
    table = pa.table({"a": [1, 2, 3]})
    assert snapshot.rows_where(table, np.ones(3, dtype=bool)) is table
    some = snapshot.rows_where(table, np.array([True, False, True]))
    assert some["a"].to_pylist() == [1, 3]


@pytest.mark.parametrize("names", [("a", "b"), ("b",), ()])
def test_who_cannot_be_scored_is_as_by_all_columns_at_once(names: tuple[str, ...]) -> None:
    values = {"a": [1.0, np.inf, None, None, None], "b": [None, None, 2.0, -np.inf, None]}
    table = pa.table(values)
    reason = snapshot.unscorable(table, names)
    expected: list[str | None] = [None] * 5
    for row in range(5):
        cells = [values[name][row] for name in names]
        if cells and all(cell is None for cell in cells):
            expected[row] = "no_features"
        elif any(cell is not None and np.isinf(cell) for cell in cells):
            expected[row] = "infinite_feature"
    assert reason.tolist() == expected


@given(values=st.lists(st.sampled_from([0.0, 0.1, 0.5, 0.5000000001, 1.0]), min_size=1))
def test_percentiles_are_mid_ranks(values: list[float]) -> None:
    probability = np.array(values)
    expected = rankdata(probability) / len(probability)
    np.testing.assert_array_equal(risk_percentile(probability), expected)
