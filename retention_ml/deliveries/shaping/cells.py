"""Several lines that are written in one cell, each as a row of its own."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from retention_ml.deliveries.description.shape import Each
from retention_ml.deliveries.readers.chunks import LINE_NUMBER, Chunk, Reject
from retention_ml.deliveries.reasons import Reason

_SHOWN = 60


def split_cells(chunk: Chunk, each: Each) -> Chunk:
    """One row per piece of the cell, the groups of its pattern as `<column>.<group>`.

    A row with a piece that does not fit the pattern is a reject; one without any piece is left out.
    """
    assert each.separator is not None
    assert each.pattern is not None
    lists = pc.split_pattern(chunk.rows[each.column].combine_chunks(), each.separator)
    pieces = pc.utf8_trim_whitespace(pc.list_flatten(lists))
    rows = pc.list_parent_indices(lists)
    is_piece = pc.not_equal(pieces, "")
    pieces, rows = pieces.filter(is_piece), rows.filter(is_piece)
    groups = pc.extract_regex(pieces, rf"\A(?:{each.pattern})\z")
    left_out = chunk.rows.num_rows - pc.count_distinct(rows).as_py()

    rejects = _misfits(chunk, each, pieces.filter(groups.is_null()), rows.filter(groups.is_null()))
    fits = pc.invert(pc.is_in(rows, value_set=pc.unique(rows.filter(groups.is_null()))))
    rows, groups = rows.filter(fits), groups.filter(fits)
    shaped = chunk.rows.take(rows)
    for field in groups.type:
        name, values = f"{each.column}.{field.name}", pc.struct_field(groups, field.name)
        shaped = shaped.append_column(name, values)
    places = rows.to_numpy(zero_copy_only=False)
    return replace(
        chunk,
        rows=shaped,
        raw=lambda indexes: chunk.raw(places[np.asarray(indexes, int)].tolist()),
        rejects=[*chunk.rejects, *rejects],
        left_out=chunk.left_out + left_out,
    )


def _misfits(chunk: Chunk, each: Each, pieces: pa.Array, rows: pa.Array) -> list[Reject]:
    """The rows of these pieces as rejects, each with the first of its pieces."""
    first = dict(zip(rows.to_pylist()[::-1], pieces.to_pylist()[::-1], strict=True))
    places = sorted(first)
    numbers = chunk.rows[LINE_NUMBER].take(pa.array(places, pa.int64())).to_pylist()
    return [
        Reject(
            number,
            raw,
            Reason.BAD_CELL,
            f"a line of {each.column}: {first[place][:_SHOWN]!r}, expected {each.pattern}",
        )
        for place, number, raw in zip(
            places, numbers, chunk.raw(places) if places else [], strict=True
        )
    ]
