"""The footer of a parquet file: where its columns lie.

It is read here before any library sees it: Arrow takes a file whose footer is damaged and then
ends the process over it, on a nested schema by exhausting the stack.

References
----------
Apache Parquet, "File Format", parquet.thrift.
"""

from dataclasses import dataclass
from typing import Any

from retention_ml.deliveries.readers.thrift import I32, I64, CompactReader, Damage, Shape
from retention_ml.deliveries.sealing.stored_file import DeliveredFile, size_of
from retention_ml.errors import FileRefused

FOOTER_BYTES_MAX = 16 << 20
_STRUCTS_MAX = 500_000
_DEPTH_MAX = 64
_MAGIC = b"PAR1"
_CHILDREN = 5
_PACKED, _DATA, _DICTIONARY = 7, 9, 11
_COLUMN: Shape = {3: {_PACKED: I64, _DATA: I64, _DICTIONARY: I64}}
_GROUP: Shape = {1: [_COLUMN], 3: I64}
_FILE: Shape = {2: [{_CHILDREN: I32}], 4: [_GROUP]}


@dataclass(frozen=True, slots=True)
class ColumnChunk:
    """The pages of a physical column in one row group: where they begin, and their bytes."""

    begin: int
    packed_bytes: int
    has_dictionary: bool


@dataclass(frozen=True, slots=True)
class RowGroup:
    """A row group: its rows, and its part of every physical column."""

    row_count: int
    columns: tuple[ColumnChunk, ...]


def read_footer(path: DeliveredFile, name: str) -> list[RowGroup]:
    """The row groups of a file.

    Raises
    ------
    FileRefused
        If it has no sound footer, or one that is too large.
    """
    footer = _footer(path, name)
    try:
        described = CompactReader(footer, _STRUCTS_MAX).struct(_FILE)
        leaf_count = _leaf_count([element.get(_CHILDREN, 0) for element in described[2]])
        groups = [_row_group(group) for group in described[4]]
    except (Damage, LookupError) as error:
        raise _refusal(name, "its footer is damaged") from error
    end = size_of(path) - len(footer)
    for group in groups:
        if len(group.columns) != leaf_count:
            raise _refusal(name, "a row group has other columns than the file")
        if any(column.begin + column.packed_bytes > end for column in group.columns):
            raise _refusal(name, "a column ends beyond the end of the file")
    if sum(column.packed_bytes for group in groups for column in group.columns) > end:
        raise _refusal(name, "its columns are longer than the file")
    return groups


def _footer(path: DeliveredFile, name: str) -> bytes:
    size = size_of(path)
    with path.open("rb") as stream:
        stream.seek(max(size - 8, 0))
        tail = stream.read(8)
        length = int.from_bytes(tail[:4], "little")
        if tail[4:] != _MAGIC or length + 12 > size:
            raise _refusal(name, "it does not end like one")
        if length > FOOTER_BYTES_MAX:
            raise FileRefused(
                f"{name} has a footer of {length:,} bytes; at most {FOOTER_BYTES_MAX:,} are "
                "accepted. Write it with larger row groups or fewer columns.",
                "parquet_bomb",
            )
        stream.seek(size - 8 - length)
        return stream.read(length)


def _row_group(group: dict[int, Any]) -> RowGroup:
    columns = []
    for column in group[1]:
        described = column[3]
        # Old writers put 0 for a dictionary that is not there.
        begin = min(filter(None, (described.get(_DICTIONARY), described[_DATA])), default=0)
        if min(begin, described[_PACKED]) < 0:
            raise Damage
        columns.append(ColumnChunk(begin, described[_PACKED], _DICTIONARY in described))
    if group[3] < 0:
        raise Damage
    return RowGroup(group[3], tuple(columns))


def _leaf_count(children: list[int]) -> int:
    """The physical columns of a schema, which lists its elements with their number of children.

    Raises
    ------
    Damage
        If it is no tree, or a deep one.
    """
    leaf_count, left = 0, children[:1]  # elements still to come, on each level
    for count in children[1:]:
        while left and not left[-1]:
            left.pop()
        if not left or count < 0 or len(left) > _DEPTH_MAX:
            raise Damage
        left[-1] -= 1
        if count:
            left.append(count)
        else:
            leaf_count += 1
    if any(left):
        raise Damage
    return leaf_count


def _refusal(name: str, why: str) -> FileRefused:
    return FileRefused(
        f"{name} is no parquet file that can be read ({why}). Deliver a complete, undamaged "
        "parquet file, or set the format of the feed.",
        "unreadable_file",
    )
