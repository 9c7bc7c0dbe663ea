"""The first rows of a file of any container as columns of text, and how they were got at."""

import json
import struct
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
from python_calamine import CalamineWorkbook

from retention_ml.deliveries import archive, unpacking
from retention_ml.deliveries.guess.header_words import best_score
from retention_ml.deliveries.guess.samples import delimited, documents
from retention_ml.deliveries.guess.samples.encodings import guess_encoding
from retention_ml.deliveries.readers import parquet_reader
from retention_ml.deliveries.readers.workbook import (
    cell_text,
    refusal_of_damage,
    require_workbook,
)
from retention_ml.errors import FileRefused, first_words

ROWS_MAX = 20_000
_TEXT_BYTES_MAX = 16 << 20
_DOCUMENT_BYTES_MAX = 64 << 20


class Option(NamedTuple):
    """A key of the feed, its value, and why."""

    key: str
    value: Any
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """The first rows of a file, or of one sheet or member of it.

    Parameters
    ----------
    values : mapping of str to list of str
        By column; "" where missing. Of repeated names the first.
    row_ids : list of int
        The row of the file that each row is part of (several where `each` is set).
    has_names : bool
        Whether the file names its columns.
    """

    path: Path
    options: tuple[Option, ...]
    values: dict[str, list[str]]
    row_ids: list[int]
    each: str | None = None
    has_names: bool = True
    notes: list[str] = field(default_factory=list)

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns, in the order of the file."""
        return tuple(self.values)

    @property
    def row_count(self) -> int:
        """Rows, or parts of rows."""
        return len(self.row_ids)


def read_samples(path: Path) -> list[Sample]:
    """The samples of a file: one, or one per member of a zip or sheet of a workbook that has rows.

    Raises
    ------
    FileRefused
        If it cannot be read, or holds no rows with columns.
    """
    name = archive.shown_name(path)
    next(archive.read_guarded(path, name))
    try:
        samples = _samples(path, name)
    except (OSError, zipfile.BadZipFile, struct.error, pa.ArrowException) as error:
        raise FileRefused(
            f"{name} cannot be read ({first_words(error)[:120]}). Expected a complete file; export it "
            "again.",
            "unreadable_file",
        ) from error
    samples = [sample for sample in samples if sample.row_count and len(sample.columns) > 1]
    if not samples:
        raise FileRefused(
            f"{name} has no rows of several columns that could be told apart. Expected delimited "
            "text, JSON, parquet or a workbook; for fixed positions write the description by hand "
            "(docs/sources.md).",
            "unreadable_file",
        )
    return samples


def _samples(path: Path, name: str) -> list[Sample]:
    with path.open("rb") as stream:
        if stream.read(4) == b"PAR1":
            rows = parquet_reader.first_rows(path, name, ROWS_MAX)
            return [_of_objects(path, [Option("format", "parquet")], rows)]
        stream.seek(0)
        if unpacking.packing(path) == "zip":
            with unpacking.open_zip(stream, name) as packed:
                if unpacking.office_kind(packed) is not None:
                    return list(_sheets(path, name))
                members = unpacking.member_names(packed)
        else:
            members = []
    if len(members) < 2:
        return [_plain(path, _beginning(path, name), (), name)]
    return [
        _plain(path, _beginning(path, name, one), [Option("member", one)], f"{one} in {name}")
        for one in members
    ]


def _beginning(path: Path, name: str, member: str | None = None) -> bytes:
    """The first bytes of a file or of a member of it, unpacked."""
    data = b""
    for piece in unpacking.pieces(path, name, member):
        data += piece
        if len(data) > _DOCUMENT_BYTES_MAX:
            break
    return data


def _sheets(path: Path, name: str) -> Iterator[Sample]:
    require_workbook(path, name)
    with refusal_of_damage(name):
        workbook = CalamineWorkbook.from_path(path)
        tables = {
            sheet: [
                [cell_text(cell, ".") or "" for cell in row]
                for row in workbook.get_sheet_by_name(sheet).to_python(nrows=ROWS_MAX)
            ]
            for sheet in workbook.sheet_names
        }
    tables = {sheet: rows for sheet, rows in tables.items() if any(map(any, rows))}
    for sheet, rows in tables.items():
        options = [Option("format", "xlsx")]
        if len(tables) > 1:
            options.append(Option("sheet", sheet, f"of {len(tables)} sheets with rows"))
        width = max(sum(map(bool, row)) for row in rows[:50])
        begin = next((i for i, row in enumerate(rows) if sum(map(bool, row)) >= 0.6 * width), 0)
        if begin:
            options.append(Option("skip_lines", begin, "before the header"))
        yield _sample(path, options, rows[begin], rows[begin + 1 :])


def _plain(path: Path, data: bytes, options: Sequence[Option], name: str) -> Sample:
    """Text: JSON, JSON lines or delimited."""
    encoding = guess_encoding(data[: 1 << 20])
    text = data.decode(encoding.name, errors="replace").removeprefix("\ufeff")
    opening = text.lstrip()[:1]
    if opening in ("{", "["):
        objects = _json_lines(text)
        if objects:
            return _of_objects(path, [*options, Option("format", "jsonl")], objects)
        if len(data) > _DOCUMENT_BYTES_MAX:
            raise FileRefused(
                f"{name} is one JSON document of more than {_DOCUMENT_BYTES_MAX:,} bytes. Give a "
                "smaller file of the same kind; the description then fits this one too.",
                "file_too_large",
            )
        return _document(path, text, options, name)
    if len(data) > _TEXT_BYTES_MAX:
        text = text[:_TEXT_BYTES_MAX].rpartition("\n")[0] + "\n"
    layout = delimited.read_delimited(text, rows_max=ROWS_MAX)
    dialect = [*options]
    if encoding.name != "utf-8":
        dialect.append(Option("encoding", encoding.name, encoding.reason))
    if layout.delimiter != ",":
        dialect.append(Option("delimiter", layout.delimiter, layout.reason))
    if layout.quote != '"':
        why = "quotes are ordinary letters here" if not layout.quote else "fields are in '…'"
        dialect.append(Option("quote", layout.quote, why))
    if layout.escape:
        dialect.append(Option("escape", layout.escape, 'a quote inside a field is written \\"'))
    if layout.skip_lines:
        dialect.append(Option("skip_lines", layout.skip_lines, "before the header"))
    if layout.header:
        dialect.append(
            Option("header", list(layout.header), "TODO: the file names no columns; name them")
        )
    return _sample(path, dialect, layout.columns, layout.rows, has_names=not layout.header)


def _json_lines(text: str) -> list[Any]:
    """The objects of JSON lines; none where most of the first lines are no complete objects."""
    lines = [line for line in text.splitlines()[: 2 * ROWS_MAX] if line.strip()]
    objects = []
    for number, line in enumerate(lines[:ROWS_MAX], 1):
        with suppress(json.JSONDecodeError):
            item = documents.parse(line)
            if isinstance(item, dict):
                objects.append(item)
        if number in (20, len(lines)) and len(objects) < 0.5 * number:
            return []
    # A single object on one line that holds an array is a document.
    if len(lines) == 1 and objects and documents.rows_of(objects[0])[1][1:]:
        return []
    return objects


def _document(path: Path, text: str, options: Sequence[Option], name: str) -> Sample:
    try:
        document = documents.parse(text)
    except json.JSONDecodeError as error:
        raise FileRefused(
            f"{name} begins like JSON and is none (line {error.lineno}: {error.msg}). Expected one "
            "document, or one object a line.",
            "unreadable_file",
        ) from error
    rows_path, objects = documents.rows_of(document)
    keys = [*options, Option("format", "json")]
    if rows_path:
        keys.append(Option("rows", rows_path, "its elements are the rows"))
    objects = [item for item in objects[:ROWS_MAX] if isinstance(item, dict)]
    return _of_objects(path, keys, objects)


def _of_objects(path: Path, options: Sequence[Option], objects: Sequence[Any]) -> Sample:
    """Nested objects; events stay whole, orders get a row per line."""
    is_events = any(best_score("event_type", key) > 0.9 for item in objects[:50] for key in item)
    each = None if is_events else documents.line_array(objects)
    row_ids, flat = [], []
    for index, row in documents.flatten(objects, each):
        row_ids.append(index)
        flat.append(row)
    names = dict.fromkeys(key for row in flat for key in row if _is_name(key))
    options = list(options)
    if each:
        options.append(Option("each", each, "one line of the order per element"))
    return Sample(
        path=path,
        options=tuple(options),
        values={key: [row.get(key, "") for row in flat] for key in names},
        row_ids=row_ids,
        each=each,
    )


def _sample(
    path: Path,
    options: Sequence[Option],
    names: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    has_names: bool = True,
) -> Sample:
    """Rows of cells; names that are empty or repeated belong to columns that nobody can name."""
    rows = [row for row in rows if any(cell.strip() for cell in row)]
    places = {name.strip(): i for i, name in reversed(list(enumerate(names))) if _is_name(name)}
    values = {
        name: [row[i].strip() if i < len(row) else "" for row in rows]
        for name, i in sorted(places.items(), key=lambda item: item[1])
    }
    repeated = sorted({name for name in names if name.strip() and list(names).count(name) > 1})
    notes = [f"The header names {name!r} more than once." for name in repeated]
    return Sample(
        path=path,
        options=tuple(options),
        values=values,
        row_ids=list(range(len(rows))),
        has_names=has_names,
        notes=notes,
    )


def _is_name(text: str) -> bool:
    """Whether a description can name a column so."""
    return bool(text.strip()) and "\0" not in text
