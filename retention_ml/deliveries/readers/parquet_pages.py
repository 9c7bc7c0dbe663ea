"""The pages of a parquet file by their headers: what reading it asks for, before it is read.

Nothing is decompressed here. The footer and the headers of pages say how much each page unpacks
to; how often a value of a dictionary is repeated they do not say, so that is counted by the reader.

References
----------
Apache Parquet, File Format, "Data Pages". Apache Thrift, "Compact Protocol".
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow.parquet as pq

from retention_ml.deliveries.archive import RATIO_FROM_BYTES, RATIO_MAX
from retention_ml.errors import FileRefused

PAGE_BYTES_MAX = 64 << 20
NESTED_VALUES_MAX = 8 << 20
_HEADER_BYTES = (4 << 10, 16 << 20)
_DEPTH_MAX = 16


@dataclass(frozen=True, slots=True)
class Page:
    """The header of a page: bytes when unpacked, values."""

    unpacked_bytes: int
    value_count: int
    is_dictionary: bool


def leaves(file: pq.ParquetFile, columns: Sequence[str]) -> dict[int, pq.ColumnSchema]:
    """The physical columns of some columns, by their number; a list or struct has its own."""
    every = {i: file.schema.column(i) for i in range(file.metadata.num_columns)}
    return {
        i: leaf
        for i, leaf in every.items()
        if any(f"{leaf.path}.".startswith(f"{column}.") for column in columns)
    }


def row_bytes(path: Path, file: pq.ParquetFile, columns: Sequence[str], name: str) -> int:
    """The bytes of the longest rows that are not in a dictionary, as the mean of their page.

    Raises
    ------
    FileRefused
        If a page, or the pages of a column in one row group, unpack to too much, or are damaged.
    """
    longest, read = 0, leaves(file, columns)
    with path.open("rb") as stream:
        for group in range(file.metadata.num_row_groups):
            described = file.metadata.row_group(group)
            longest_here = 0
            for i, leaf in read.items():
                chunk = described.column(i)
                pages = list(_pages(stream, chunk, name))
                where = f"in one column of row group {group + 1}"
                _require_bounded(pages, chunk.total_compressed_size, f"{name} unpacks {where}")
                data = [page for page in pages if not page.is_dictionary]
                value_count = sum(page.value_count for page in data)
                if leaf.max_repetition_level and value_count > NESTED_VALUES_MAX:
                    raise FileRefused(
                        f"{name} has lists of {value_count:,} values {where}; at most "
                        f"{NESTED_VALUES_MAX:,} are accepted. Write smaller row groups.",
                        "parquet_bomb",
                    )
                value_bytes = max(
                    (p.unpacked_bytes // max(p.value_count, 1) for p in data), default=0
                )
                longest_here += value_bytes * max(value_count // max(described.num_rows, 1), 1)
            longest = max(longest, longest_here)
    return longest


def _require_bounded(pages: Sequence[Page], packed: int, what: str) -> None:
    largest = max((page.unpacked_bytes for page in pages), default=0)
    if largest > PAGE_BYTES_MAX:
        raise FileRefused(
            f"{what} to a page of {largest:,} bytes; at most {PAGE_BYTES_MAX:,} are accepted. "
            "Write it with smaller pages.",
            "parquet_bomb",
        )
    unpacked = sum(page.unpacked_bytes for page in pages)
    if unpacked > RATIO_FROM_BYTES and unpacked > RATIO_MAX * packed:
        raise FileRefused(
            f"{what} to {unpacked:,} bytes, {unpacked / max(packed, 1):,.0f} times their size; at "
            f"most {RATIO_MAX} times is accepted. Deliver it as CSV if it is real.",
            "parquet_bomb",
        )


def _pages(stream: BinaryIO, chunk: pq.ColumnChunkMetaData, name: str) -> Iterator[Page]:
    """The headers of a column's pages in one row group.

    Raises
    ------
    FileRefused
        If one cannot be read.
    """
    # Old writers put 0 for a dictionary that is not there.
    begin = min(filter(None, (chunk.dictionary_page_offset, chunk.data_page_offset)), default=0)
    position, end = begin, begin + chunk.total_compressed_size
    size = os.fstat(stream.fileno()).st_size
    while position < min(end, size):
        header, length = _header(stream, position, name)
        unpacked, packed = header.get(2), header.get(3)
        if not (
            isinstance(unpacked, int) and isinstance(packed, int) and min(unpacked, packed) >= 0
        ):
            raise _damage(name)
        # 5: data, 7: dictionary, 8: data of version 2; the first field of each counts values.
        counts = [header[field].get(1, 0) for field in (5, 7, 8) if field in header]
        yield Page(unpacked, max(counts, default=0), 7 in header)
        position += length + packed


def _damage(name: str) -> FileRefused:
    return FileRefused(
        f"{name} has a damaged page. Deliver a complete, undamaged parquet file.", "unreadable_file"
    )


def _header(stream: BinaryIO, position: int, name: str) -> tuple[dict[int, Any], int]:
    """The fields of the page header at a position, and its length."""
    for size in _HEADER_BYTES:  # statistics may make it long
        stream.seek(position)
        reader = _Compact(stream.read(size))
        try:
            return reader.struct(), reader.position
        except IndexError:
            continue
        except ValueError:
            break
    raise _damage(name)


class _Compact:
    """Reads structs of Thrift's compact protocol; text and lists are passed over."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.position = 0
        self._depth = 0

    def struct(self) -> dict[int, Any]:
        """The fields of a struct by their number."""
        self._depth += 1
        if self._depth > _DEPTH_MAX:
            raise ValueError
        fields: dict[int, Any] = {}
        field = 0
        while head := self._byte():
            field = field + (head >> 4) if head >> 4 else self._signed()
            fields[field] = self._value(head & 0x0F)
        self._depth -= 1
        return fields

    def _value(self, kind: int) -> Any:
        if kind in (1, 2):  # in a field the kind is the value
            return kind == 1
        if kind == 3:
            return self._byte()
        if kind in (4, 5, 6):
            return self._signed()
        if kind in (7, 8):
            self._pass(8 if kind == 7 else self._unsigned())
        elif kind in (9, 10):
            head = self._byte()
            count = self._unsigned() if head >> 4 == 15 else head >> 4
            for _ in range(count):
                self._byte() if head & 0x0F in (1, 2) else self._value(head & 0x0F)
        elif kind == 12:
            return self.struct()
        else:
            raise ValueError
        return None

    def _byte(self) -> int:
        self.position += 1
        return self._data[self.position - 1]

    def _pass(self, length: int) -> None:
        self.position += length
        if self.position > len(self._data):
            raise IndexError

    def _unsigned(self) -> int:
        value = shift = 0
        while shift < 64:
            byte = self._byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7
        raise ValueError

    def _signed(self) -> int:
        value = self._unsigned()
        return (value >> 1) ^ -(value & 1)
