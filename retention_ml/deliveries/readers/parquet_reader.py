"""Parquet files: every column as text, so that the same casts and reasons hold.

A small file may ask for any amount of memory, so what a batch unpacks to is counted before it is
unpacked, and long values of dictionaries stay there until then.
"""

import itertools
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from retention_ml.deliveries.description.feed import Feed
from retention_ml.deliveries.readers import chunks, parquet_footer, parquet_pages, record_reader
from retention_ml.deliveries.readers.json_paths import (
    Number,
    RowPicker,
    as_json,
    decoder,
    is_index,
    parse_path,
)
from retention_ml.deliveries.readers.parquet_footer import RowGroup
from retention_ml.deliveries.reasons import Reason
from retention_ml.deliveries.sealing.stored_file import DeliveredFile, for_arrow, size_of
from retention_ml.errors import FileRefused, first_words

BATCH_BYTES = 64 << 20
_NESTED_BYTES = 8 << 20
_SHORT_BYTES = BATCH_BYTES // chunks.CHUNK_ROWS
# Whatever Arrow, or Python on its behalf, says of a damaged file.
_DAMAGE = (pa.ArrowException, OSError, ValueError, ArithmeticError, RecursionError)


def open_parquet(path: DeliveredFile, feed: Feed, name: str) -> chunks.OpenedFile:
    """The rows of a parquet file as text; see `readers.open_file`."""
    groups = parquet_footer.read_footer(path, name)
    try:
        file = pq.ParquetFile(for_arrow(path))
        columns = list(file.schema_arrow.names)
        paths = _paths_into(file.schema_arrow, feed)
        unread = chunks.check_header([*columns, *paths], feed, name)
        nested = {str(parse_path(path)[0]) for path in paths}
        wanted = [*chunks.wanted_columns(feed, columns), *sorted(nested - {*feed.file_columns})]
        leaves = parquet_pages.leaves(file, wanted)
        row_bytes = parquet_pages.row_bytes(path, groups, leaves, name)
    except _DAMAGE as error:
        raise _refusal(f"{name} is no parquet file that can be read", error) from error

    def read_chunks() -> Iterator[chunks.Chunk]:
        before = 0
        try:
            dictionaries = _long_dictionaries(path, file.metadata, groups, leaves)
            for batch in _batches(path, name, file.metadata, wanted, dictionaries, row_bytes):
                for piece in _pieces(batch, name, _NESTED_BYTES if nested else BATCH_BYTES):
                    yield (
                        _nested_chunk(piece, feed, before)
                        if nested
                        else _parquet_chunk(piece, wanted, before, feed.decimal)
                    )
                    before += piece.num_rows
        except _DAMAGE as error:
            raise _refusal(f"{name} cannot be read after row {before:,}", error) from error

    return chunks.OpenedFile(
        tuple(columns), read_chunks(), tuple(column for column in unread if column not in nested)
    )


def first_rows(path: DeliveredFile, name: str, rows_max: int) -> list[dict[str, Any]]:
    """The first rows of a parquet file, fewer where they are large.

    Raises
    ------
    FileRefused
        As by `open_parquet`.
    """
    groups = parquet_footer.read_footer(path, name)
    try:
        file = pq.ParquetFile(for_arrow(path))
        columns = list(file.schema_arrow.names)
        leaves = parquet_pages.leaves(file, columns)
        row_bytes = parquet_pages.row_bytes(path, groups, leaves, name)
        dictionaries = _long_dictionaries(path, file.metadata, groups, leaves)
        batches = _batches(path, name, file.metadata, columns, dictionaries, row_bytes)
        batch = next(batches, None)
        if batch is None:
            return []
        piece = next(_pieces(batch.slice(0, rows_max), name, BATCH_BYTES))
        rows: list[dict[str, Any]] = piece.to_pylist()
        return rows
    except _DAMAGE as error:
        raise _refusal(f"{name} is no parquet file that can be read", error) from error


def _batches(
    path: DeliveredFile,
    name: str,
    metadata: pq.FileMetaData,
    columns: Sequence[str],
    dictionaries: Sequence[str],
    row_bytes: int,
) -> Iterator[pa.RecordBatch]:
    """The rows in batches that memory holds; refused where they outgrow the file too far."""
    rows = max(1, min(chunks.CHUNK_ROWS, BATCH_BYTES // max(row_bytes, 1)))
    file = pq.ParquetFile(for_arrow(path), metadata=metadata, read_dictionary=dictionaries)
    size, unpacked_bytes = size_of(path), 0
    for batch in file.iter_batches(batch_size=rows, columns=columns):
        unpacked_bytes += _text_bytes(batch)  # before it is unpacked
        parquet_pages.require_ratio(unpacked_bytes, size, name)
        yield batch


def _paths_into(schema: pa.Schema, feed: Feed) -> list[str]:
    """The paths that a feed reads inside of lists and structs of a file."""
    each = record_reader.array_of(feed)
    paths = []
    for path in feed.file_columns:
        first, *steps = parse_path(path)
        place = schema.get_field_index(str(first))
        inside_array = each is not None and (path == each or path.startswith(f"{each}."))
        is_nested = place >= 0 and path not in schema.names and (steps or inside_array)
        if is_nested and _leads_somewhere(schema.field(place).type, steps):
            paths.append(path)
    return paths


def _leads_somewhere(kind: pa.DataType, steps: Sequence[Any]) -> bool:
    """Whether a type can have a value at the end of a path."""
    if not steps:
        return True
    if pa.types.is_struct(kind):
        place = kind.get_field_index(str(steps[0]))
        return place >= 0 and _leads_somewhere(kind.field(place).type, steps[1:])
    if pa.types.is_map(kind):
        return True
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        is_of_element = isinstance(steps[0], tuple) or is_index(steps[0])
        return _leads_somewhere(kind.value_type, steps[1:] if is_of_element else steps)
    return False


def _refusal(what: str, error: Exception) -> FileRefused:
    return FileRefused(
        f"{what} ({first_words(error)[:120]}). Deliver a complete, undamaged parquet file, or set "
        "the format of the feed.",
        "unreadable_file",
    )


def _long_dictionaries(
    path: DeliveredFile,
    metadata: pq.FileMetaData,
    groups: Sequence[RowGroup],
    leaves: dict[int, pq.ColumnSchema],
) -> list[str]:
    """The physical columns whose dictionaries have values so long that a batch may not fit."""
    long = set()
    for i, leaf in leaves.items():
        if leaf.physical_type != "BYTE_ARRAY" or leaf.logical_type.type == "DECIMAL":
            continue
        reader = pq.ParquetFile(for_arrow(path), metadata=metadata, read_dictionary=[leaf.path])
        for number, group in enumerate(groups):
            if not group.columns[i].has_dictionary:
                continue
            batches = reader.iter_batches(batch_size=1, row_groups=[number], columns=[leaf.path])
            lengths = [
                pc.max(pc.binary_length(array.dictionary)).as_py() or 0
                for batch in itertools.islice(batches, 1)
                for array in _leaf_arrays(batch.column(0))
                if _is_text_dictionary(array.type)
            ]
            if max(lengths, default=0) > _SHORT_BYTES:
                long.add(leaf.path)
                break
    return sorted(long)


def _text_bytes(batch: pa.RecordBatch) -> int:
    """About how long the values are as text, with a separator after each."""
    return sum(_unpacked_bytes(leaf) for column in batch.columns for leaf in _leaf_arrays(column))


def _is_text_dictionary(kind: pa.DataType) -> bool:
    return pa.types.is_dictionary(kind) and kind.value_type in (pa.string(), pa.binary())


def _unpacked_bytes(leaf: pa.Array) -> int:
    if _is_text_dictionary(leaf.type):
        lengths = pc.binary_length(leaf.dictionary).take(leaf.indices)
        return len(leaf) + int(pc.sum(lengths.cast(pa.int64())).as_py() or 0)
    return len(leaf) + int(leaf.nbytes)


def _leaf_arrays(array: pa.Array) -> Iterator[pa.Array]:
    """The arrays that hold the values of a column: one, or those inside of lists and structs."""
    kind = array.type
    if pa.types.is_map(kind):
        yield from _leaf_arrays(array.keys)
        yield from _leaf_arrays(array.items)
    elif pa.types.is_struct(kind):
        for inner in array.flatten():
            yield from _leaf_arrays(inner)
    elif pa.types.is_nested(kind):
        yield from _leaf_arrays(array.flatten())
    else:
        yield array


def _pieces(batch: pa.RecordBatch, name: str, bytes_max: int) -> Iterator[pa.RecordBatch]:
    """The batch in pieces that fit into memory as text."""
    if (size := _text_bytes(batch)) <= bytes_max or (batch.num_rows == 1 and size <= BATCH_BYTES):
        yield batch
    elif batch.num_rows == 1:
        raise FileRefused(
            f"{name} has a row of {size:,} bytes; at most {BATCH_BYTES:,} are accepted. Deliver it "
            "without that row.",
            "parquet_bomb",
        )
    else:
        half = batch.num_rows // 2
        yield from _pieces(batch.slice(0, half), name, bytes_max)
        yield from _pieces(batch.slice(half), name, bytes_max)


def _nested_chunk(batch: pa.RecordBatch, feed: Feed, before: int) -> chunks.Chunk:
    """The rows of a batch as documents of text, from which paths are picked."""
    columns = {
        name: [_plain(value) for value in column.to_pylist()]
        if pa.types.is_nested(column.type)
        else _texts(column)
        for name, column in zip(batch.schema.names, batch.columns, strict=True)
    }
    rows = (
        as_json(dict(zip(columns, values, strict=True)))
        for values in zip(*columns.values(), strict=True)
    )
    read = decoder(feed.decimal).decode
    return record_reader.json_chunk(
        ((number, row.encode(), read(row)) for number, row in enumerate(rows, start=before + 1)),
        RowPicker(feed.file_columns, record_reader.array_of(feed)),
    )


def _texts(column: pa.Array) -> list[str | None]:
    """The texts of a column, of fractions as numbers with a point."""
    texts: list[str | None] = _text(column).to_pylist()
    if not _has_point(column.type):
        return texts
    return [text if text is None else Number(text) for text in texts]


def _has_point(kind: pa.DataType) -> bool:
    return bool(pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def _plain(value: Any) -> Any:
    """A nested value with text where it has values."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        if value and all(isinstance(item, tuple) for item in value):  # a map
            return {str(key): _plain(item) for key, item in value}
        return [_plain(item) for item in value]
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, datetime):
        value = value.astimezone(UTC) if value.tzinfo else value
        return value.replace(tzinfo=None).isoformat(" ") + ("Z" if value.tzinfo else "")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, float):
        is_whole = value.is_integer()
        return Number(int(value) if is_whole else f"{value:.9f}".rstrip("0").rstrip("."))
    return Number(f"{value:f}") if isinstance(value, Decimal) else str(value)


def _parquet_chunk(
    batch: pa.RecordBatch, wanted: Sequence[str], before: int, decimal: str
) -> chunks.Chunk:
    columns = {name: _text(batch.column(name), decimal) for name in wanted}
    fractions = [name for name in wanted if _has_point(batch.schema.field(name).type)]
    numbers = np.arange(before + 1, before + 1 + batch.num_rows)
    rows = pa.table({**columns, chunks.LINE_NUMBER: pa.array(numbers, pa.int64())})
    nul = np.zeros(batch.num_rows, dtype=bool)
    for column in columns.values():
        has_nul = pc.match_substring(column, "\0").fill_null(False)
        nul |= has_nul.to_numpy(zero_copy_only=False)

    def raw(indexes: Sequence[int]) -> list[bytes]:
        places = pa.array(indexes, pa.int64())
        records = pa.table({name: columns[name].take(places) for name in wanted}).to_pylist()
        for record in records:
            for name in fractions:
                if record[name] is not None:
                    record[name] = Number(record[name].replace(decimal, "."))
        return [as_json(record).encode() for record in records]

    if not nul.any():
        return chunks.Chunk(rows, raw)
    good, bad = np.flatnonzero(~nul), np.flatnonzero(nul).tolist()
    rejects = [
        chunks.Reject(int(numbers[i]), bytes_, Reason.NUL_BYTE)
        for i, bytes_ in zip(bad, raw(bad), strict=True)
    ]
    return chunks.Chunk(
        rows.take(pa.array(good)), lambda indexes: raw(good[list(indexes)].tolist()), rejects
    )


def _text(column: pa.Array, decimal: str = ".") -> pa.Array:
    """Any column as text, times as ISO 8601 (with `Z` where they are instants)."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    kind = column.type
    if pa.types.is_timestamp(kind):
        plain = column.cast(pa.timestamp("us", kind.tz), safe=False)
        text = plain.cast(pa.timestamp("us")).cast(pa.string())
        text = pc.replace_substring_regex(text, r"\.000000$", "")
        return pc.binary_join_element_wise(text, "Z", "") if kind.tz else text
    if pa.types.is_nested(kind):
        values = [None if v is None else json.dumps(v, default=str) for v in column.to_pylist()]
        return pa.array(values, pa.string())
    if _has_point(kind):
        text = _decimals(column)
        return text if decimal == "." else pc.replace_substring(text, ".", decimal)
    text = column.cast(pa.string())
    text.validate(full=True)
    return text


def _decimals(column: pa.Array) -> pa.Array:
    """Numbers as plain decimals; tiny floats to nine places, others as they print."""
    is_exact = pa.types.is_decimal(column.type)
    numbers = column if is_exact else column.cast(pa.float64())
    text = numbers.cast(pa.string())
    tiny = pc.match_substring(text, "e", ignore_case=True)
    if not is_exact:
        tiny = pc.and_(tiny, pc.less(pc.abs(numbers), 1))
    places = np.flatnonzero(tiny.fill_null(False).to_numpy(zero_copy_only=False))
    if not len(places):
        return text
    values = numbers.take(pa.array(places)).to_pylist()
    plain = [f"{value:f}" if is_exact else f"{value:.9f}" for value in values]
    return pc.replace_with_mask(text, tiny.fill_null(False), pa.array(plain, pa.string()))
