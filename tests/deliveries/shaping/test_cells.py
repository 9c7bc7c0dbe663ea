"""Several lines in one cell."""

import pyarrow as pa

from retention_ml.deliveries.description.shape import Each
from retention_ml.deliveries.readers.chunks import LINE_NUMBER, Chunk, Reject
from retention_ml.deliveries.reasons import Reason
from retention_ml.deliveries.shaping.cells import split_cells

EACH = Each(column="Items", separator=" | ", pattern=r"(?P<name>.+) x (?P<quantity>\d+)")


def chunk(*cells: str | None) -> Chunk:
    numbers = range(2, 2 + len(cells))
    rows = pa.table({"Items": pa.array(cells, pa.string()), LINE_NUMBER: list(numbers)})
    return Chunk(rows, lambda indexes: [str(cells[i]).encode() for i in indexes], [], 1)


def test_each_piece_is_a_part_of_its_row() -> None:
    split = split_cells(chunk("Mug x 2 | Pot, big x 1", "Pan x 3"), EACH)
    assert split.rows.drop_columns(["Items"]).to_pylist() == [
        {LINE_NUMBER: 2, "Items.name": "Mug", "Items.quantity": "2"},
        {LINE_NUMBER: 2, "Items.name": "Pot, big", "Items.quantity": "1"},
        {LINE_NUMBER: 3, "Items.name": "Pan", "Items.quantity": "3"},
    ]
    assert split.raw([1, 2]) == [b"Mug x 2 | Pot, big x 1", b"Pan x 3"]


def test_a_piece_that_does_not_fit_rejects_its_row_and_says_which() -> None:
    split = split_cells(chunk("Mug x 2 | Pot", "Pan x 3", "x | y x"), EACH)
    assert split.rows["Items.name"].to_pylist() == ["Pan"]
    assert [(r.line_number, r.raw, r.reason) for r in split.rejects] == [
        (2, b"Mug x 2 | Pot", Reason.BAD_CELL),
        (4, b"x | y x", Reason.BAD_CELL),
    ]
    assert [r.detail for r in split.rejects] == [
        rf"a line of Items: {piece!r}, expected (?P<name>.+) x (?P<quantity>\d+)"
        for piece in ("Pot", "x")
    ]


def test_rows_without_a_piece_are_left_out_and_a_trailing_separator_is_none() -> None:
    split = split_cells(chunk("", None, " | ", "Mug x 1 | "), EACH)
    assert split.rows["Items.name"].to_pylist() == ["Mug"]
    assert split.left_out == 1 + 3


def test_rejects_of_the_reader_stay() -> None:
    before = Chunk(chunk("Mug x 1").rows, chunk("Mug x 1").raw, [Reject(9, b"?", "bad_encoding")])
    assert split_cells(before, EACH).rejects == before.rejects
