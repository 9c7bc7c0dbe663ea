"""Parquet files: every column as text, so that the same casts and reasons hold."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from retention_ml.deliveries.readers import chunks
from retention_ml.deliveries.reasons import Reason
from retention_ml.deliveries.sources import Feed
from retention_ml.errors import FileRefused


def open_parquet(path: Path, feed: Feed, name: str) -> chunks.OpenedFile:
    """The rows of a parquet file as text; see `readers.open_file`."""
    try:
        file = pq.ParquetFile(path)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
        raise FileRefused(
            f"{name} is no parquet file ({str(error).splitlines()[0][:120]}). "
            "Deliver a complete parquet file, or set the format of the feed.",
            "unreadable_file",
        ) from error
    columns = list(file.schema_arrow.names)
    unread = chunks.check_header(columns, feed, name)
    wanted = chunks.wanted_columns(feed, columns)

    def read_chunks() -> Iterator[chunks.Chunk]:
        before = 0
        try:
            for batch in file.iter_batches(batch_size=chunks.CHUNK_ROWS, columns=wanted):
                yield _parquet_chunk(batch, wanted, before)
                before += batch.num_rows
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            raise FileRefused(
                f"{name} cannot be read after row {before:,} ({str(error).splitlines()[0][:120]}). "
                "Deliver a complete, undamaged file.",
                "unreadable_file",
            ) from error

    return chunks.OpenedFile(tuple(columns), read_chunks(), unread)


def _parquet_chunk(batch: pa.RecordBatch, wanted: Sequence[str], before: int) -> chunks.Chunk:
    columns = {name: _text(batch.column(name)) for name in wanted}
    numbers = np.arange(before + 1, before + 1 + batch.num_rows)
    rows = pa.table({**columns, chunks.LINE_NUMBER: pa.array(numbers, pa.int64())})
    nul = np.zeros(batch.num_rows, dtype=bool)
    for column in columns.values():
        has_nul = pc.match_substring(column, "\0").fill_null(False)
        nul |= has_nul.to_numpy(zero_copy_only=False)

    def raw(indexes: Sequence[int]) -> list[bytes]:
        places = pa.array(indexes, pa.int64())
        records = pa.table({name: columns[name].take(places) for name in wanted}).to_pylist()
        return [json.dumps(record, ensure_ascii=False).encode() for record in records]

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


def _text(column: pa.Array) -> pa.Array:
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
    if pa.types.is_floating(kind):
        return _decimals(column)
    text = column.cast(pa.string())
    text.validate(full=True)
    return text


def _decimals(column: pa.Array) -> pa.Array:
    """Floating-point numbers as plain decimals; tiny ones to nine places, others as they print."""
    doubles = column.cast(pa.float64())
    text = doubles.cast(pa.string())
    tiny = pc.and_(pc.match_substring(text, "e"), pc.less(pc.abs(doubles), 1))
    places = np.flatnonzero(tiny.fill_null(False).to_numpy(zero_copy_only=False))
    if not len(places):
        return text
    plain = [f"{value:.9f}" for value in doubles.take(pa.array(places)).to_pylist()]
    return pc.replace_with_mask(text, tiny.fill_null(False), pa.array(plain, pa.string()))
