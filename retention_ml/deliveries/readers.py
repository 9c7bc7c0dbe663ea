"""Delivered files to chunks of text columns: one reader per format, one kind of chunk.

A chunk holds only text: what the text means is decided by `casts`. A line that is no row at
all is a `Reject` already here.
"""

import codecs
import gzip
import json
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from retention_ml.deliveries import csv_reader
from retention_ml.deliveries.csv_reader import Dialect
from retention_ml.deliveries.reasons import Reason
from retention_ml.deliveries.sources import Feed, Lookup
from retention_ml.errors import FileRefused

LINE_NUMBER = "__line_number"
CHUNK_ROWS = 250_000
_PIECE = 1 << 20
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True, slots=True)
class Reject:
    """A delivered row that cannot be used: where it stood, its bytes, and why."""

    line_number: int
    raw: bytes
    reason: str


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some rows of a file as text columns (named as in the file) and `LINE_NUMBER`.

    `raw(i)` gives the bytes of row i as they were delivered (of parquet: its JSON).
    """

    rows: pa.Table
    raw: Callable[[int], bytes]
    rejects: Sequence[Reject] = ()


@dataclass(frozen=True, slots=True)
class Delivered:
    """An opened file: its columns in file order, those nobody reads, and its chunks."""

    columns: tuple[str, ...]
    chunks: Iterator[Chunk]
    unread: tuple[str, ...] = field(default=())


def open_file(path: Path, feed: Feed, *, name: str | None = None) -> Delivered:
    """The rows of a file as its feed describes them.

    Parameters
    ----------
    path : pathlib.Path
        A regular file, gzip-compressed or not.
    feed : Feed
        How to read it.
    name : str, optional
        The file's name for messages, default `path.name`.

    Raises
    ------
    FileRefused
        If the file as a whole cannot be read: wrong columns, delimiter, encoding or format.
        It may also be raised while the chunks are read.
    """
    name = name or path.name
    if feed.format == "parquet":
        return _parquet(path, feed, name)
    if feed.format == "csv":
        return _csv(path, feed, name)
    if feed.format == "fixed_width":
        return _fixed_width(path, feed, name)
    return Delivered((), _lines_of_json(path, feed, name))


def open_rows(rows: Sequence[tuple[int, bytes]], columns: Sequence[str], feed: Feed) -> Delivered:
    """Single rows that were set aside earlier, given as line number and delivered bytes.

    Parameters
    ----------
    rows : sequence of (int, bytes)
    columns : sequence of str
        The columns of the file they came in, in file order (empty for jsonl).
    feed : Feed
        As it stands now; encoding and delimiter may have been mended since.
    """
    wanted = _wanted(feed, columns)

    def chunks() -> Iterator[Chunk]:
        for begin in range(0, len(rows), CHUNK_ROWS):
            yield _chunk_of_records(
                [(number, raw, _fields(raw, feed, columns)) for number, raw in rows[begin : begin + CHUNK_ROWS]],
                wanted,
            )

    return Delivered(tuple(columns), chunks())


def read_lookup(path: Path, lookup: Lookup) -> pa.Table:
    """A reference file as text columns, first row per key.

    Raises
    ------
    FileRefused
        If it cannot be read or lacks the column to join on.
    """
    feed = Feed.model_construct(
        format=lookup.format, encoding="utf-8", delimiter=",", header=(), positions={},
        skip_lines=0, columns={}, rules=(), also={}, lookup=None, table="events",
    )  # fmt: skip
    header = open_file(path, feed).columns
    if lookup.on not in header:
        raise FileRefused(
            f"{path.name} has no column {lookup.on!r} to be joined on; "
            f"its columns are {', '.join(header)}.",
            "missing_column",
        )
    named = feed.model_copy(update={"columns": _plain_columns(header)})
    tables = [chunk.rows for chunk in open_file(path, named).chunks]
    return pa.concat_tables(tables).drop_columns([LINE_NUMBER])


def join_lookup(rows: pa.Table, lookup: pa.Table, on: str) -> pa.Table:
    """The rows with the lookup's further columns, empty where nothing fits."""
    found = pc.index_in(rows[on].combine_chunks(), value_set=lookup[on].combine_chunks())
    for name in lookup.column_names:
        if name not in rows.column_names:
            rows = rows.append_column(name, lookup[name].take(found))
    return rows


def _plain_columns(header: Sequence[str]) -> Mapping[str, Any]:
    from retention_ml.deliveries.sources import Column

    return {name: Column(column=name) for name in header}


def pieces(path: Path, name: str) -> Iterator[bytes]:
    """The bytes of a file, decompressed where it is gzip.

    Raises
    ------
    FileRefused
        If a gzip file is cut off or damaged.
    """
    try:
        with path.open("rb") as plain:
            is_gzip = plain.read(2) == b"\x1f\x8b"
            plain.seek(0)
            stream: BinaryIO = gzip.GzipFile(fileobj=plain) if is_gzip else plain  # type: ignore[assignment]
            while piece := stream.read(_PIECE):
                yield piece
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise FileRefused(
            f"{name} is a gzip file that is cut off or damaged ({error}). "
            "Expected a complete file; deliver it again.",
            "truncated_file",
        ) from error


def _wanted(feed: Feed, columns: Sequence[str]) -> list[str]:
    return [name for name in feed.theirs_or_optional if name in columns]


def _check_header(columns: Sequence[str], feed: Feed, name: str) -> tuple[str, ...]:
    """The columns nobody reads.

    Raises
    ------
    FileRefused
        If columns are missing or doubled.
    """
    needed = [column for column in feed.theirs if not _from_lookup(feed, column)]
    doubled = sorted({column for column in columns if columns.count(column) > 1})
    if doubled:
        raise FileRefused(
            f"{name} has the column {doubled[0]!r} twice. Its columns are "
            f"{_listed(columns)}; each name may stand once. Correct the header.",
            "duplicate_column",
        )
    missing = [column for column in needed if column not in columns]
    if missing:
        raise FileRefused(
            f"{name} lacks the column{'s' if len(missing) > 1 else ''} {_listed(missing)}. "
            f"Found {_listed(columns)}; expected {_listed(needed)}. "
            "Deliver the file with them, or mend the column mapping of the source.",
            "missing_column",
        )
    return tuple(column for column in columns if column not in feed.theirs_or_optional)


def _from_lookup(feed: Feed, column: str) -> bool:
    """Whether a column may come from the lookup file instead."""
    return feed.lookup is not None and column != feed.lookup.on


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(repr(name[:60]) for name in names[:30])
    return shown + (f" and {len(names) - 30:,} more" if len(names) > 30 else "")


def _csv(path: Path, feed: Feed, name: str) -> Delivered:
    dialect = Dialect(feed.encoding, feed.delimiter)
    blocks = csv_reader.blocks(pieces(path, name))
    first = next(blocks)
    if first[:2] in _UTF_16 or first[1:40:2].count(0) > 4 or first[0:40:2].count(0) > 4:
        raise FileRefused(
            f"{name} is written in UTF-16; expected {feed.encoding}. "
            "Save it as UTF-8 and deliver it again.",
            "utf_16",
        )
    terminator = 10 if b"\n" in first or b"\r" not in first else 13
    body, line = first, 1
    for _ in range(feed.skip_lines):
        body, line = body.partition(bytes([terminator]))[2], line + 1
    if feed.header:
        columns: list[str] = list(feed.header)
    else:
        top, _, body = body.partition(bytes([terminator]))
        columns = _header_of(top.removesuffix(b"\r"), dialect, name)
        line += 1
        _check_delimiter(columns, feed, name)
    unread = _check_header(columns, feed, name)
    wanted = _wanted(feed, columns)

    def chunks() -> Iterator[Chunk]:
        rest, number, upcoming = body, line, next(blocks, None)
        while True:
            is_last = upcoming is None
            parsed = csv_reader.parse_block(
                rest, dialect=dialect, header=columns, wanted=wanted,
                first_line=number, terminator=terminator, is_last=is_last,
            )  # fmt: skip
            number += parsed.lines
            yield from _cut(parsed, rest)
            if upcoming is None:
                return
            rest, upcoming = rest[parsed.consumed :] + upcoming, next(blocks, None)

    return Delivered(tuple(columns), chunks(), unread)


def _cut(parsed: csv_reader.Parsed, data: bytes) -> Iterator[Chunk]:
    """A block's rows as one chunk."""
    spans = parsed.spans
    rows = pa.table({**parsed.columns, LINE_NUMBER: pa.array(parsed.numbers, pa.int64())})
    rejects = [Reject(number, raw, reason) for number, raw, reason in parsed.rejects]
    yield Chunk(rows, lambda i: data[int(spans[i, 0]) : int(spans[i, 1])], rejects)


def _header_of(top: bytes, dialect: Dialect, name: str) -> list[str]:
    text = dialect.decode(top)
    if text is None or "\0" in text:
        raise FileRefused(
            f"The header of {name} is no {dialect.encoding} text. "
            "Set the source's encoding, or save the file in it and deliver it again.",
            "bad_encoding",
        )
    count = len(text.split(dialect.delimiter))
    for fields_count in range(count, 0, -1):
        fields = dialect.parse(top, fields_count)
        if isinstance(fields, list):
            return [column.strip() for column in fields]
        if fields is not Reason.WRONG_FIELD_COUNT:
            break
    raise FileRefused(
        f"{name} begins with a line that is no header ({len(top):,} bytes). "
        "Expected the column names in the first line.",
        "bad_header",
    )


def _check_delimiter(columns: Sequence[str], feed: Feed, name: str) -> None:
    if len(columns) > 1 or len(feed.theirs) < 2:
        return
    others = {mark: columns[0].count(mark) for mark in ",;\t|" if mark != feed.delimiter}
    best = max(others, key=others.__getitem__)
    if others[best]:
        raise FileRefused(
            f"The header of {name} is one field when split at {feed.delimiter!r} and "
            f"{others[best] + 1} when split at {best!r}. Expected {_listed(feed.theirs)}. "
            f"Set delimiter = {json.dumps(best)} in the source, or deliver the file with {feed.delimiter!r}.",
            "wrong_delimiter",
        )


def _fixed_width(path: Path, feed: Feed, name: str) -> Delivered:
    columns = tuple(feed.positions)
    _check_header(columns, feed, name)

    def chunks() -> Iterator[Chunk]:
        for batch in _batches_of_lines(path, feed, name):
            yield _chunk_of_lines(batch, feed)

    return Delivered(columns, chunks())


def _chunk_of_lines(batch: list[tuple[int, bytes]], feed: Feed) -> Chunk:
    """Fixed-width lines cut at their positions, all at once where they are plain ASCII."""
    width = max(end for _, end in feed.positions.values())
    plain = [(number, raw) for number, raw in batch if len(raw) == width and raw.isascii() and b"\0" not in raw]
    others = [row for row in batch if not (len(row[1]) == width and row[1].isascii() and b"\0" not in row[1])]
    text = pa.array([raw for _, raw in plain], pa.binary()).cast(pa.string())
    columns = {
        name: pa.chunked_array([pc.utf8_slice_codeunits(text, begin - 1, end)])
        for name, (begin, end) in feed.positions.items()
    }
    rows = pa.table({**columns, LINE_NUMBER: pa.array([number for number, _ in plain], pa.int64())})
    rest = _chunk_of_records(
        [(number, raw, _fields(raw, feed, tuple(columns))) for number, raw in others], tuple(columns)
    )
    kept = len(plain)
    return Chunk(
        pa.concat_tables([rows, rest.rows]),
        lambda i: plain[i][1] if i < kept else rest.raw(i - kept),
        rest.rejects,
    )


def _lines_of_json(path: Path, feed: Feed, name: str) -> Iterator[Chunk]:
    for batch in _batches_of_lines(path, feed, name):
        yield _chunk_of_records(
            [(number, raw, _fields(raw, feed, ())) for number, raw in batch], feed.theirs_or_optional
        )


def _batches_of_lines(path: Path, feed: Feed, name: str) -> Iterator[list[tuple[int, bytes]]]:
    """Numbered lines without their ends, those after `skip_lines`, empty ones at the end left out."""
    rest, number = b"", 0
    for block in csv_reader.blocks(pieces(path, name)):
        data = rest + block
        if number == 0 and (data[:2] in _UTF_16):
            raise FileRefused(
                f"{name} is written in UTF-16; expected {feed.encoding}. "
                "Save it as UTF-8 and deliver it again.",
                "utf_16",
            )
        lines = data.split(b"\n")
        rest = lines.pop()
        if len(rest) > csv_reader.LINE_BYTES_MAX:
            raise FileRefused(
                f"A line after line {number + len(lines):,} of {name} is longer than "
                f"{csv_reader.LINE_BYTES_MAX >> 20} MiB. Expected one row a line.",
                "line_too_long",
            )
        for begin in range(0, len(lines), CHUNK_ROWS):
            part = lines[begin : begin + CHUNK_ROWS]
            yield _numbered(part, number, feed)
            number += len(part)
    if rest.strip():
        yield _numbered([rest], number, feed)


def _numbered(lines: list[bytes], before: int, feed: Feed) -> list[tuple[int, bytes]]:
    return [
        (before + i, line.removesuffix(b"\r"))
        for i, line in enumerate(lines, start=1)
        if before + i > feed.skip_lines and line.strip()
    ]


def _fields(raw: bytes, feed: Feed, columns: Sequence[str]) -> Mapping[str, str | None] | Reason:
    """One record as text by column name."""
    if feed.format == "csv":
        parsed = Dialect(feed.encoding, feed.delimiter).parse(raw, len(columns))
        return parsed if isinstance(parsed, Reason) else dict(zip(columns, parsed, strict=True))
    text = Dialect(feed.encoding if feed.format != "parquet" else "utf-8", ",").decode(raw)
    if text is None:
        return Reason.BAD_ENCODING
    if "\0" in text:
        return Reason.NUL_BYTE
    if feed.format == "fixed_width":
        if len(text) != max(end for _, end in feed.positions.values()):
            return Reason.WRONG_FIELD_COUNT
        return {name: text[begin - 1 : end] for name, (begin, end) in feed.positions.items()}
    return _json_fields(text)


def _json_fields(text: str) -> Mapping[str, str | None] | Reason:
    try:
        found = json.loads(text, parse_int=str, parse_float=str, parse_constant=str)
    except (ValueError, RecursionError):
        return Reason.BAD_JSON
    if not isinstance(found, dict):
        return Reason.BAD_JSON
    fields: dict[str, str | None] = {}
    inner = [("", found)]
    while inner:
        prefix, part = inner.pop()
        for key, value in part.items():
            if isinstance(value, dict):
                inner.append((f"{prefix}{key}.", value))
            elif isinstance(value, list):
                fields[prefix + key] = json.dumps(value)
            else:
                fields[prefix + key] = None if value is None else _as_text(value)
    for content in fields.values():
        if content is None or (content.isascii() and "\0" not in content):
            continue
        if "\0" in content:
            return Reason.NUL_BYTE
        if any("\ud800" <= letter <= "\udfff" for letter in content):
            return Reason.BAD_ENCODING
    return fields


def _as_text(value: Any) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def _chunk_of_records(
    records: Sequence[tuple[int, bytes, Mapping[str, str | None] | Reason]], wanted: Sequence[str]
) -> Chunk:
    good = [(number, raw, fields) for number, raw, fields in records if not isinstance(fields, Reason)]
    rejects = [
        Reject(number, raw, fields) for number, raw, fields in records if isinstance(fields, Reason)
    ]
    columns = {
        name: pa.chunked_array([pa.array([fields.get(name) for _, _, fields in good], pa.string())])
        for name in wanted
    }
    rows = pa.table({**columns, LINE_NUMBER: pa.array([number for number, _, _ in good], pa.int64())})
    return Chunk(rows, lambda i: good[i][1], rejects)


def _parquet(path: Path, feed: Feed, name: str) -> Delivered:
    try:
        file = pq.ParquetFile(path)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
        raise FileRefused(
            f"{name} is no parquet file ({str(error).splitlines()[0][:120]}). "
            "Deliver a complete parquet file, or set the format of the feed.",
            "unreadable_file",
        ) from error
    columns = list(file.schema_arrow.names)
    unread = _check_header(columns, feed, name)
    wanted = _wanted(feed, columns)

    def chunks() -> Iterator[Chunk]:
        before = 0
        try:
            for batch in file.iter_batches(batch_size=CHUNK_ROWS, columns=wanted):
                yield _parquet_chunk(batch, wanted, before)
                before += batch.num_rows
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            raise FileRefused(
                f"{name} cannot be read after row {before:,} ({str(error).splitlines()[0][:120]}). "
                "Deliver a complete, undamaged file.",
                "unreadable_file",
            ) from error

    return Delivered(tuple(columns), chunks(), unread)


def _parquet_chunk(batch: pa.RecordBatch, wanted: Sequence[str], before: int) -> Chunk:
    columns = {name: _text(batch.column(name)) for name in wanted}
    numbers = np.arange(before + 1, before + 1 + batch.num_rows)
    rows = pa.table({**columns, LINE_NUMBER: pa.array(numbers, pa.int64())})
    nul = np.zeros(batch.num_rows, dtype=bool)
    for column in columns.values():
        found = pc.match_substring(column, "\0").fill_null(False)
        if pc.any(found).as_py():
            nul |= found.to_numpy(zero_copy_only=False)

    def raw(i: int) -> bytes:
        record = {name: columns[name][i].as_py() for name in wanted}
        return json.dumps(record, ensure_ascii=False).encode()

    if not nul.any():
        return Chunk(rows, raw)
    kept = np.flatnonzero(~nul)
    rejects = [Reject(int(numbers[i]), raw(int(i)), Reason.NUL_BYTE) for i in np.flatnonzero(nul)]
    return Chunk(rows.take(pa.array(kept)), lambda i: raw(int(kept[i])), rejects)


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
    text = column.cast(pa.string())
    text.validate(full=True)
    return text
