"""Rows on one line each: fixed-width text, JSON, and single rows from quarantine."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from retention_ml.deliveries import archive
from retention_ml.deliveries.readers import chunks, csv_reader
from retention_ml.deliveries.readers.dialect import Dialect
from retention_ml.deliveries.reasons import Reason
from retention_ml.deliveries.sources import Feed
from retention_ml.errors import FileRefused

_TEXTS = {True: "true", False: "false", None: None}


def open_fixed_width(path: Path, feed: Feed, name: str) -> chunks.OpenedFile:
    """The rows of a file of fixed-width lines; see `readers.open_file`."""
    columns = tuple(feed.positions)
    chunks.check_header(columns, feed, name)
    batches = _batches_of_lines(path, feed, name)
    return chunks.OpenedFile(columns, (_fixed_width_chunk(batch, feed) for batch in batches))


def _fixed_width_chunk(batch: list[tuple[int, bytes]], feed: Feed) -> chunks.Chunk:
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
    rows = pa.table(
        {**columns, chunks.LINE_NUMBER: pa.array([number for number, _ in plain], pa.int64())}
    )
    rest = parse_records(others, feed, tuple(columns), tuple(columns))
    n = len(plain)
    return chunks.Chunk(
        pa.concat_tables([rows, rest.rows]),
        lambda indexes: [plain[i][1] if i < n else rest.raw([i - n])[0] for i in indexes],
        rest.rejects,
    )


def lines_of_json(path: Path, feed: Feed, name: str) -> Iterator[chunks.Chunk]:
    """The rows of a file with one JSON object a line; nested keys are joined by a dot."""
    for batch in _batches_of_lines(path, feed, name):
        yield parse_records(batch, feed, (), feed.source_columns)


def _batches_of_lines(path: Path, feed: Feed, name: str) -> Iterator[list[tuple[int, bytes]]]:
    """Numbered lines without their ends; skipped and empty ones are left out."""
    rest, number = b"", 0
    for block in csv_reader.blocks(archive.pieces(path, name)):
        data = rest + block
        if number == 0:
            chunks.require_text(data, feed, name)
        lines = data.split(b"\n")
        rest = lines.pop()
        if len(rest) > csv_reader.LINE_BYTES_MAX:
            raise FileRefused(
                f"A line after line {number + len(lines):,} of {name} is longer than "
                f"{csv_reader.LINE_BYTES_MAX >> 20} MiB. Expected one row a line.",
                "line_too_long",
            )
        for begin in range(0, len(lines), chunks.CHUNK_ROWS):
            part = lines[begin : begin + chunks.CHUNK_ROWS]
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
                fields[prefix + key] = _TEXTS.get(value, value)
    for content in fields.values():
        if content is None or (content.isascii() and "\0" not in content):
            continue
        if "\0" in content:
            return Reason.NUL_BYTE
        if any("\ud800" <= letter <= "\udfff" for letter in content):
            return Reason.BAD_ENCODING
    return fields


def parse_records(
    records: Sequence[tuple[int, bytes]], feed: Feed, columns: Sequence[str], wanted: Sequence[str]
) -> chunks.Chunk:
    """A chunk of the wanted columns of records, each a line number and its bytes."""
    good: list[tuple[int, bytes, Mapping[str, str | None]]] = []
    rejects: list[chunks.Reject] = []
    for number, raw in records:
        fields = _fields(raw, feed, columns)
        if isinstance(fields, Reason):
            rejects.append(chunks.Reject(number, raw, fields))
        else:
            good.append((number, raw, fields))
    arrays = {
        name: pa.chunked_array([pa.array([fields.get(name) for _, _, fields in good], pa.string())])
        for name in wanted
    }
    numbers = pa.array([number for number, _, _ in good], pa.int64())
    rows = pa.table({**arrays, chunks.LINE_NUMBER: numbers})
    return chunks.Chunk(rows, lambda indexes: [good[i][1] for i in indexes], rejects)
