"""Rows on one line each: fixed-width text, JSON, and single rows from quarantine."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from retention_ml.deliveries.readers import csv_reader
from retention_ml.deliveries.readers.chunks import (
    CHUNK_ROWS,
    LINE_NUMBER,
    Chunk,
    OpenedFile,
    Reject,
    check_header,
    pieces,
    require_text,
)
from retention_ml.deliveries.readers.dialect import Dialect
from retention_ml.deliveries.reasons import Reason
from retention_ml.deliveries.sources import Feed
from retention_ml.errors import FileRefused


def open_fixed_width(path: Path, feed: Feed, name: str) -> OpenedFile:
    """The rows of a file of fixed-width lines; see `readers.open_file`."""
    columns = tuple(feed.positions)
    check_header(columns, feed, name)

    def chunks() -> Iterator[Chunk]:
        for batch in _batches_of_lines(path, feed, name):
            yield _chunk_of_lines(batch, feed)

    return OpenedFile(columns, chunks())


def _chunk_of_lines(batch: list[tuple[int, bytes]], feed: Feed) -> Chunk:
    """Fixed-width lines cut at their positions, all at once where they are plain ASCII."""
    width = max(end for _, end in feed.positions.values())
    plain: list[tuple[int, bytes]] = []
    others: list[tuple[int, bytes]] = []
    for number, raw in batch:
        is_plain = len(raw) == width and raw.isascii() and b"\0" not in raw
        (plain if is_plain else others).append((number, raw))
    text = pa.array([raw for _, raw in plain], pa.binary()).cast(pa.string())
    columns = {
        name: pa.chunked_array([pc.utf8_slice_codeunits(text, begin - 1, end)])
        for name, (begin, end) in feed.positions.items()
    }
    rows = pa.table({**columns, LINE_NUMBER: pa.array([number for number, _ in plain], pa.int64())})
    rest = chunk_of_records(
        [(number, raw, fields_of(raw, feed, tuple(columns))) for number, raw in others],
        tuple(columns),
    )
    n = len(plain)
    return Chunk(
        pa.concat_tables([rows, rest.rows]),
        lambda indexes: [plain[i][1] if i < n else rest.raw([i - n])[0] for i in indexes],
        rest.rejects,
    )


def lines_of_json(path: Path, feed: Feed, name: str) -> Iterator[Chunk]:
    """The rows of a file with one JSON object a line; nested keys are joined by a dot."""
    for batch in _batches_of_lines(path, feed, name):
        yield chunk_of_records(
            [(number, raw, fields_of(raw, feed, ())) for number, raw in batch],
            feed.source_columns,
        )


def _batches_of_lines(path: Path, feed: Feed, name: str) -> Iterator[list[tuple[int, bytes]]]:
    """Numbered lines without their ends; skipped and empty ones are left out."""
    rest, number = b"", 0
    for block in csv_reader.blocks(pieces(path, name)):
        data = rest + block
        if number == 0:
            require_text(data, feed, name)
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


def fields_of(raw: bytes, feed: Feed, columns: Sequence[str]) -> Mapping[str, str | None] | Reason:
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
        document = json.loads(text, parse_int=str, parse_float=str, parse_constant=str)
    except (ValueError, RecursionError):
        return Reason.BAD_JSON
    if not isinstance(document, dict):
        return Reason.BAD_JSON
    fields: dict[str, str | None] = {}
    inner = [("", document)]
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


def chunk_of_records(
    records: Sequence[tuple[int, bytes, Mapping[str, str | None] | Reason]], wanted: Sequence[str]
) -> Chunk:
    """A chunk of records, each a line number, its bytes, and its fields or why it has none."""
    good: list[tuple[int, bytes, Mapping[str, str | None]]] = []
    rejects: list[Reject] = []
    for number, raw, fields in records:
        if isinstance(fields, Reason):
            rejects.append(Reject(number, raw, fields))
        else:
            good.append((number, raw, fields))
    columns = {
        name: pa.chunked_array([pa.array([fields.get(name) for _, _, fields in good], pa.string())])
        for name in wanted
    }
    rows = pa.table(
        {**columns, LINE_NUMBER: pa.array([number for number, _, _ in good], pa.int64())}
    )
    return Chunk(rows, lambda indexes: [good[i][1] for i in indexes], rejects)
