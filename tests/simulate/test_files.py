"""Rows become lines of CSV."""

import pyarrow as pa
import pytest

from retention_ml.simulate.files import csv_lines


def _rows(*names: str) -> pa.Table:
    return pa.table(
        {"name": pa.array(names, pa.string()), "count": pa.array([1] * len(names), pa.int64())}
    )


@pytest.mark.parametrize(
    "pieces",
    [
        [_rows("a"), _rows("b")],
        [_rows(), _rows("a", "b")],
        [_rows("a"), _rows(), _rows(), _rows("b"), _rows()],
    ],
)
def test_lines_are_those_of_the_rows_whatever_pieces_they_are_in(pieces: list[pa.Table]) -> None:
    assert csv_lines(pa.concat_tables(pieces)) == b"a,1\nb,1\n"


def test_only_text_that_needs_quotes_has_them() -> None:
    assert csv_lines(_rows("a", 'b, "c"')) == b'a,1\n"b, ""c""",1\n'
