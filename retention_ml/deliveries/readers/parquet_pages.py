"""The pages of a parquet file by their headers: what reading it asks for, before it is read.

Nothing is decompressed here. The headers of pages say how much each page unpacks to; how often a
value of a dictionary is repeated they do not say, so that is counted by the reader.

References
----------
Apache Parquet, File Format, "Data Pages".
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

import pyarrow.parquet as pq

from retention_ml.deliveries.readers.parquet_footer import ColumnChunk, RowGroup
from retention_ml.deliveries.readers.thrift import I32, CompactReader, Damage, Shape
from retention_ml.deliveries.sealing.stored_file import DeliveredFile, size_of
from retention_ml.deliveries.unpacking import RATIO_FROM_BYTES, RATIO_MAX
from retention_ml.errors import FileRefused

# A page of each column that is read lies in memory at once, a dictionary beside its copy. Some
# writers make one page of a whole row group: where they hardly compress it, it may be larger.
PAGES_BYTES_MAX = 96 << 20
REAL_PAGES_BYTES_MAX = 192 << 20
_REAL_RATIO_MAX = 4
NESTED_VALUES_MAX = 8 << 20
_HEADER_BYTES = (4 << 10, 16 << 20)
_STRUCTS_MAX = 1_000
_UNPACKED, _PACKED, _VALUES = 2, 3, 1
_DATA, _DICTIONARY, _DATA_V2 = 5, 7, 8
_HEADER: Shape = {_UNPACKED: I32, _PACKED: I32} | {
    kind: {_VALUES: I32} for kind in (_DATA, _DICTIONARY, _DATA_V2)
}


@dataclass(frozen=True, slots=True)
class Page:
    """The header of a page: bytes in the file and when unpacked, values."""

    packed_bytes: int
    unpacked_bytes: int
    value_count: int
    is_dictionary: bool

    @property
    def memory_bytes(self) -> int:
        """What it takes while it is read."""
        return self.unpacked_bytes * (2 if self.is_dictionary else 1)


def leaves(file: pq.ParquetFile, columns: Sequence[str]) -> dict[int, pq.ColumnSchema]:
    """The physical columns of some columns, by their number; a list or struct has its own."""
    every = {i: file.schema.column(i) for i in range(file.metadata.num_columns)}
    return {
        i: leaf
        for i, leaf in every.items()
        if any(f"{leaf.path}.".startswith(f"{column}.") for column in columns)
    }


def row_bytes(
    path: DeliveredFile, groups: Sequence[RowGroup], read: dict[int, pq.ColumnSchema], name: str
) -> int:
    """The bytes of the longest rows that are not in a dictionary, as the mean of their page.

    Parameters
    ----------
    read : dict
        The physical columns that are read, by their number.

    Raises
    ------
    FileRefused
        If the pages of a row group or of the whole file unpack to too much, or are damaged.
    """
    longest = unpacked_bytes = 0
    size = size_of(path)
    with path.open("rb") as stream:
        for number, group in enumerate(groups, start=1):
            where = f"in row group {number}"
            longest_here, largest = 0, []
            for i, leaf in read.items():
                pages = list(_pages(stream, size, group.columns[i], name))
                unpacked_bytes += sum(page.unpacked_bytes for page in pages)
                largest += sorted(pages, key=lambda page: page.memory_bytes)[-1:]
                data = [page for page in pages if not page.is_dictionary]
                value_count = sum(page.value_count for page in data)
                if leaf.max_repetition_level and value_count > NESTED_VALUES_MAX:
                    raise FileRefused(
                        f"{name} has lists of {value_count:,} values in one column {where}; at "
                        f"most {NESTED_VALUES_MAX:,} are accepted. Write smaller row groups.",
                        "parquet_bomb",
                    )
                value_bytes = max(
                    (p.unpacked_bytes // max(p.value_count, 1) for p in data), default=0
                )
                longest_here += value_bytes * max(value_count // max(group.row_count, 1), 1)
            _require_room(largest, f"{name} has pages", where)
            require_ratio(unpacked_bytes, size, name)
            longest = max(longest, longest_here)
    return longest


def _require_room(largest: Sequence[Page], what: str, where: str) -> None:
    """Refuse a row group by the largest page of each of its columns."""
    memory = sum(page.memory_bytes for page in largest)
    packed = sum(page.packed_bytes for page in largest)
    limit = REAL_PAGES_BYTES_MAX if memory <= _REAL_RATIO_MAX * packed else PAGES_BYTES_MAX
    if memory > limit:
        raise FileRefused(
            f"{what} of {memory:,} bytes together {where}; at most {limit:,} are accepted. Write "
            "it with smaller pages or row groups.",
            "parquet_bomb",
        )


def require_ratio(unpacked_bytes: int, size: int, name: str) -> None:
    """Refuse a file of `size` bytes that unpacks to so many, or to more.

    Raises
    ------
    FileRefused
        If that is far more than the file's size.
    """
    if unpacked_bytes > RATIO_FROM_BYTES and unpacked_bytes > RATIO_MAX * size:
        raise FileRefused(
            f"{name} unpacks to more than {unpacked_bytes:,} bytes, {unpacked_bytes / size:,.0f} "
            f"times its size; at most {RATIO_MAX} times is accepted. Deliver it as CSV if it is "
            "real.",
            "parquet_bomb",
        )


def _pages(stream: BinaryIO, size: int, chunk: ColumnChunk, name: str) -> Iterator[Page]:
    """The headers of a column's pages in one row group.

    Raises
    ------
    FileRefused
        If one cannot be read.
    """
    position, end = chunk.begin, chunk.begin + chunk.packed_bytes
    while position < min(end, size):
        header, length = _header(stream, position, name)
        unpacked, packed = header.get(_UNPACKED, -1), header.get(_PACKED, -1)
        if min(unpacked, packed) < 0:
            raise _damage(name)
        counts = [
            header[kind].get(_VALUES, 0)
            for kind in (_DATA, _DICTIONARY, _DATA_V2)
            if kind in header
        ]
        yield Page(packed, unpacked, max(counts, default=0), _DICTIONARY in header)
        position += length + packed


def _damage(name: str) -> FileRefused:
    return FileRefused(
        f"{name} has a damaged page. Deliver a complete, undamaged parquet file.", "unreadable_file"
    )


def _header(stream: BinaryIO, position: int, name: str) -> tuple[dict[int, Any], int]:
    """The fields of the page header at a position, and its length."""
    for size in _HEADER_BYTES:  # statistics may make it long
        stream.seek(position)
        reader = CompactReader(stream.read(size), _STRUCTS_MAX)
        try:
            return reader.struct(_HEADER), reader.position
        except IndexError:
            continue
        except Damage:
            break
    raise _damage(name)
