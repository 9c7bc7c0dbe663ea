"""Cells of text: which are empty, and which rows belong to one order."""

from collections.abc import Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc

_BETWEEN = "\x1f"


def cell_texts(rows: pa.Table, name: str, missing: Sequence[str]) -> pa.Array:
    """A column without surrounding white space; null where empty, called missing or not there."""
    if name not in rows.column_names:
        return pa.nulls(rows.num_rows, pa.string())
    text = pc.utf8_trim_whitespace(rows[name]).combine_chunks()
    is_empty = pc.is_in(text, value_set=pa.array(["", *missing], pa.string()))
    return pc.if_else(is_empty, pa.scalar(None, pa.string()), text)


def order_keys(
    rows: pa.Table, columns: Sequence[str], missing: Mapping[str, Sequence[str]]
) -> pa.Array:
    """The order of each row as one text; null where a part of it is missing."""
    parts = [cell_texts(rows, name, missing.get(name, ())) for name in columns]
    if not parts:
        return pa.nulls(rows.num_rows, pa.string())
    return parts[0] if len(parts) == 1 else pc.binary_join_element_wise(*parts, _BETWEEN)
