"""Rows on one line each, or one JSON value each, and single rows from quarantine."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain, islice
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from retention_ml.deliveries import unpacking
from retention_ml.deliveries.description.feed import Feed
from retention_ml.deliveries.readers import chunks, csv_reader, encodings
from retention_ml.deliveries.readers.dialect import Dialect
from retention_ml.deliveries.readers.encodings import Codec
from retention_ml.deliveries.readers.json_document import JsonDocument
from retention_ml.deliveries.readers.json_paths import RowPicker, Texts, decoder, key_names
from retention_ml.deliveries.reasons import Reason
from retention_ml.deliveries.sealing.stored_file import DeliveredFile
from retention_ml.errors import FileRefused

_ROWS_LOOKED_AT = 1_000
_CHUNK_LETTERS = 32 << 20


class _Batch(NamedTuple):
    """Numbered lines as they were delivered; an unfinished one is the last of its file, without end."""

    lines: list[tuple[int, bytes]]
    codec: Codec
    is_unfinished: bool = False


def array_of(feed: Feed) -> str | None:
    """The path of the array whose elements are the parts of a row."""
    return feed.each.column if feed.each is not None and not feed.each.is_cell else None


def open_fixed_width(path: DeliveredFile, feed: Feed, name: str) -> chunks.OpenedFile:
    """The rows of a file of fixed-width lines; see `readers.open_file`."""
    columns = tuple(feed.positions)
    chunks.check_header(columns, feed, name)
    batches = _batches_of_lines(path, feed, name)
    return chunks.OpenedFile(columns, (_fixed_width_chunk(batch, feed) for batch in batches))


def _fixed_width_chunk(batch: _Batch, feed: Feed) -> chunks.Chunk:
    """Fixed-width lines cut at their positions, all at once where they are plain ASCII."""
    width = max(end for _, end in feed.positions.values())
    plain: list[tuple[int, bytes]] = []
    others: list[tuple[int, bytes]] = []
    is_ascii = batch.codec.covers_ascii or batch.codec.is_utf8
    for number, raw in batch.lines:
        is_plain = is_ascii and len(raw) == width and raw.isascii() and b"\0" not in raw
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
        _as_cut(rest.rejects, Reason.WRONG_FIELD_COUNT) if batch.is_unfinished else rest.rejects,
    )


def _as_cut(rejects: Sequence[chunks.Reject], reason: Reason) -> list[chunks.Reject]:
    return [
        replace(reject, reason=Reason.CUT_LAST_LINE) if reject.reason == reason else reject
        for reject in rejects
    ]


def open_json_lines(path: DeliveredFile, feed: Feed, name: str) -> chunks.OpenedFile:
    """The rows of a file with one JSON object a line; a JSON array is read as a document."""
    batches = _batches_of_lines(path, feed, name)
    beginning = list(islice(batches, 2))
    if any(_begins_array(batch) for batch in beginning[:1]):
        return open_json(path, feed, name)

    def parsed(batch: _Batch) -> Iterator[tuple[int, bytes, Any]]:
        return (
            (number, raw, document_of(raw, batch.codec, feed.decimal))
            for number, raw in batch.lines
        )

    def read(picker: RowPicker) -> Iterator[chunks.Chunk]:
        for batch in chain(beginning, batches):
            chunk = json_chunk(parsed(batch), picker)
            if batch.is_unfinished:
                chunk = replace(chunk, rejects=_as_cut(chunk.rejects, Reason.BAD_JSON))
            yield chunk

    documents = [
        document for batch in beginning for _, _, document in islice(parsed(batch), _ROWS_LOOKED_AT)
    ]
    is_whole = len(beginning) < 2 and len(documents) < _ROWS_LOOKED_AT
    return _open_documents(documents, is_whole, read, feed, name)


def _begins_array(batch: _Batch) -> bool:
    text = encodings.decode(batch.lines[0][1], batch.codec) if batch.lines else None
    return text is not None and text.lstrip().startswith("[")


def open_json(path: DeliveredFile, feed: Feed, name: str) -> chunks.OpenedFile:
    """The rows of one JSON document, the elements of an array; see `readers.open_file`."""
    first, codec = b"", encodings.find_codec("utf-8")
    for first in unpacking.pieces(path, name, feed.member):
        codec, first = chunks.begin_text(first, feed, name)
        break

    def document() -> JsonDocument:
        pieces = unpacking.pieces(path, name, feed.member)
        beginning = chunks.begin_text(next(pieces), feed, name)[1]
        return JsonDocument(chain([beginning], pieces), codec.name, name, feed.decimal)

    outline = document().outline()
    place = _rows_of(outline.kind, outline.arrays, feed, name)

    def rows() -> Iterator[tuple[int, bytes, Any]]:
        elements = [document().whole()] if place is None else document().elements(place)
        for number, (value, text) in enumerate(elements, start=1):
            yield number, codec.mark + text.encode(codec.name), value

    def read(picker: RowPicker) -> Iterator[chunks.Chunk]:
        waiting: list[tuple[int, bytes, Any]] = []
        size = 0
        for row in rows():
            waiting.append(row)
            size += len(row[1])
            if len(waiting) == chunks.CHUNK_ROWS or size > _CHUNK_LETTERS:
                yield json_chunk(waiting, picker)
                waiting, size = [], 0
        yield json_chunk(waiting, picker)

    documents = [value for _, _, value in islice(rows(), _ROWS_LOOKED_AT)]
    return _open_documents(documents, len(documents) < _ROWS_LOOKED_AT, read, feed, name)


def _rows_of(kind: str, arrays: Mapping[str, str], feed: Feed, name: str) -> str | None:
    """The path of the array whose elements are the rows, None where the document is the row."""
    if feed.rows is not None and feed.rows in arrays:
        return feed.rows
    candidates = [path for path, sign in arrays.items() if sign == "{"] or list(arrays)
    if feed.rows is None:
        if kind == "[":
            return ""
        if not arrays or (feed.each is not None and feed.each.column in arrays):
            return None
        if len(candidates) == 1:
            return candidates[0]
    expected = f"the array {feed.rows!r}" if feed.rows is not None else "one array"
    raise FileRefused(
        f"{name} is a JSON document with the arrays {chunks.list_names(candidates)}; expected "
        f"{expected}. Name the one whose elements are the rows in its feed, such as "
        f"rows = {json.dumps(candidates[0] if candidates else 'orders')}.",
        "no_rows_array",
    )


def _open_documents(
    documents: Sequence[Any],
    is_whole: bool,
    read: Callable[[RowPicker], Iterator[chunks.Chunk]],
    feed: Feed,
    name: str,
) -> chunks.OpenedFile:
    """Rows picked from documents, checked for columns that none of them has."""
    each = array_of(feed)
    keys = tuple(name.replace(f"{each}.0.", f"{each}.") for name in key_names(documents))

    def require_columns(picker: RowPicker) -> None:
        conditions = {*feed.where, *feed.unless}
        missing = [
            column
            for column in chunks.needed_columns(feed)
            if column in picker.missing and (not conditions or column in conditions)
        ]
        if missing and documents:
            raise FileRefused(
                f"No row of {name} has {chunks.list_names(missing)}. Keys found: "
                f"{chunks.list_names(keys)}. Correct the columns of the feed, or set "
                "optional = true where a file may lack one.",
                "missing_column",
            )

    def read_and_check() -> Iterator[chunks.Chunk]:
        picker = RowPicker(feed.file_columns, each)
        yield from read(picker)
        require_columns(picker)

    if is_whole:
        picker = RowPicker(feed.file_columns, each)
        for document in documents:
            picker.rows(document)
        require_columns(picker)
    unread = tuple(name for name in keys if name not in feed.file_columns and name != each)
    return chunks.OpenedFile((), read_and_check(), unread, keys)


def json_chunk(rows: Iterable[tuple[int, bytes, Any]], picker: RowPicker) -> chunks.Chunk:
    """A chunk of the wanted columns of documents, one row per part."""
    good: list[tuple[int, bytes]] = []
    texts: list[Texts] = []
    rejects: list[chunks.Reject] = []
    left_out = 0
    for number, raw, document in rows:
        parts = document if isinstance(document, Reason) else picker.rows(document)
        if isinstance(parts, Reason):
            rejects.append(chunks.Reject(number, raw, parts))
            continue
        left_out += not parts
        for part in parts:
            good.append((number, raw))
            texts.append(part)
    return _text_chunk(good, texts, rejects, picker.wanted, left_out)


def _text_chunk(
    rows: Sequence[tuple[int, bytes]],
    texts: Sequence[Texts],
    rejects: Sequence[chunks.Reject],
    wanted: Sequence[str],
    left_out: int = 0,
) -> chunks.Chunk:
    arrays = {
        name: pa.chunked_array([pa.array([text.get(name) for text in texts], pa.string())])
        for name in wanted
    }
    numbers = pa.array([number for number, _ in rows], pa.int64())
    table = pa.table({**arrays, chunks.LINE_NUMBER: numbers})
    return chunks.Chunk(table, lambda indexes: [rows[i][1] for i in indexes], rejects, left_out)


def document_of(raw: bytes, codec: Codec, decimal: str) -> Any:
    """A JSON value, its numbers with the decimal mark; or the reason why there is none."""
    text = encodings.decode(raw, codec)
    if text is None:
        return Reason.BAD_ENCODING
    if "\0" in text:
        return Reason.NUL_BYTE
    try:
        return decoder(decimal).decode(text)
    except (ValueError, RecursionError):
        return Reason.BAD_JSON


def _batches_of_lines(path: DeliveredFile, feed: Feed, name: str) -> Iterator[_Batch]:
    """Numbered lines without their ends; skipped and empty ones are left out."""
    blocks = csv_reader.blocks(unpacking.pieces(path, name, feed.member))
    codec, rest = chunks.begin_text(next(blocks), feed, name)
    number, upcoming = 0, rest
    rest = b""
    while True:
        lines = encodings.split_lines(rest + upcoming, codec)
        rest = lines.pop()
        csv_reader.require_line_ends(len(rest), number + len(lines))
        for begin in range(0, len(lines), chunks.CHUNK_ROWS):
            part = lines[begin : begin + chunks.CHUNK_ROWS]
            yield _Batch(_numbered(part, number, feed, codec), codec)
            number += len(part)
        following = next(blocks, None)
        if following is None:
            break
        upcoming = following
    if rest.strip():
        yield _Batch(_numbered([rest], number, feed, codec), codec, is_unfinished=number > 0)


def _numbered(lines: list[bytes], before: int, feed: Feed, codec: Codec) -> list[tuple[int, bytes]]:
    carriage_return = "\r".encode(codec.name)
    stripped = ((i, line.removesuffix(carriage_return)) for i, line in enumerate(lines, before + 1))
    return [(i, codec.mark + line) for i, line in stripped if i > feed.skip_lines and line.strip()]


def _fields(raw: bytes, feed: Feed, columns: Sequence[str], codec: Codec) -> Texts | Reason:
    """One record of text by column name."""
    text = encodings.decode(raw, codec)
    if text is None:
        return Reason.BAD_ENCODING
    if feed.format == "csv":
        dialect = Dialect(
            feed.delimiter, feed.quote, feed.escape, nameless=chunks.nameless_count(columns)
        )
        parsed = dialect.parse_text(text, len(columns))
        return parsed if isinstance(parsed, Reason) else dict(zip(columns, parsed, strict=True))
    if "\0" in text:
        return Reason.NUL_BYTE
    if len(text) != max(end for _, end in feed.positions.values()):
        return Reason.WRONG_FIELD_COUNT
    return {name: text[begin - 1 : end] for name, (begin, end) in feed.positions.items()}


def parse_records(
    records: Sequence[tuple[int, bytes]], feed: Feed, columns: Sequence[str], wanted: Sequence[str]
) -> chunks.Chunk:
    """A chunk of the wanted columns of records, each a line number and its bytes."""
    is_own_json = feed.format in ("parquet", "xlsx")
    codec = encodings.find_codec("utf-8" if is_own_json else feed.encoding)
    if is_own_json or feed.format in ("json", "jsonl"):
        rows = ((number, raw, document_of(raw, codec, feed.decimal)) for number, raw in records)
        return json_chunk(rows, RowPicker(wanted, array_of(feed)))
    good: list[tuple[int, bytes]] = []
    texts: list[Texts] = []
    rejects: list[chunks.Reject] = []
    for number, raw in records:
        fields = _fields(raw, feed, columns, codec)
        if isinstance(fields, Reason):
            rejects.append(chunks.Reject(number, raw, fields))
        else:
            good.append((number, raw))
            texts.append(fields)
    return _text_chunk(good, texts, rejects, wanted)
