"""A delimited text file: its header, its delimiter, its blocks."""

import json
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from retention_ml.deliveries import archive
from retention_ml.deliveries.readers import chunks, csv_reader
from retention_ml.deliveries.readers.dialect import Dialect
from retention_ml.deliveries.reasons import Reason
from retention_ml.deliveries.sources import Feed
from retention_ml.errors import FileRefused


def open_csv(path: Path, feed: Feed, name: str) -> chunks.OpenedFile:
    """The rows of a delimited text file; see `readers.open_file`."""
    dialect = Dialect(feed.encoding, feed.delimiter)
    blocks = csv_reader.blocks(archive.pieces(path, name))
    first = next(blocks)
    chunks.require_text(first, feed, name)
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
    unread = chunks.check_header(columns, feed, name)
    wanted = chunks.wanted_columns(feed, columns)

    def read_chunks() -> Iterator[chunks.Chunk]:
        rest, number, upcoming = body, line, next(blocks, None)
        while True:
            is_last = upcoming is None
            parsed = csv_reader.parse_block(
                rest, dialect=dialect, header=columns, wanted=wanted,
                first_line=number, terminator=terminator, is_last=is_last,
            )  # fmt: skip
            number += parsed.lines
            rows = pa.table(
                {**parsed.columns, chunks.LINE_NUMBER: pa.array(parsed.numbers, pa.int64())}
            )
            yield chunks.Chunk(rows, partial(_raw, rest, parsed.spans), parsed.rejects)
            if upcoming is None:
                return
            rest, upcoming = rest[parsed.consumed :] + upcoming, next(blocks, None)

    return chunks.OpenedFile(tuple(columns), read_chunks(), unread)


def _raw(data: bytes, spans: npt.NDArray[np.int64], indexes: Sequence[int]) -> list[bytes]:
    return [data[begin:end] for begin, end in spans[list(indexes)].tolist()]


def _header_of(top: bytes, dialect: Dialect, name: str) -> list[str]:
    text = dialect.decode(top)
    if text is None or "\0" in text:
        raise FileRefused(
            f"The header of {name} is no {dialect.encoding} text. "
            "Set the source's encoding, or save the file in it and deliver it again.",
            "bad_encoding",
        )
    fields = dialect.parse(top, None)
    if not isinstance(fields, Reason):
        return [column.strip() for column in fields]
    raise FileRefused(
        f"{name} begins with a line that is no header ({len(top):,} bytes). "
        "Expected the column names in the first line.",
        "bad_header",
    )


def _check_delimiter(columns: Sequence[str], feed: Feed, name: str) -> None:
    if len(columns) > 1 or len(feed.required_columns) < 2:
        return
    others = {mark: columns[0].count(mark) for mark in ",;\t|" if mark != feed.delimiter}
    best = max(others, key=others.__getitem__)
    if others[best]:
        raise FileRefused(
            f"The header of {name} is one field when split at {feed.delimiter!r} and "
            f"{others[best] + 1} when split at {best!r}. Expected {chunks.list_names(feed.required_columns)}. "
            f"Set delimiter = {json.dumps(best)} in the source, or deliver the file with {feed.delimiter!r}.",
            "wrong_delimiter",
        )
