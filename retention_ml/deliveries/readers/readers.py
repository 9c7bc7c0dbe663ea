"""Delivered files, and single rows from quarantine, as chunks of text columns."""

from collections.abc import Sequence
from pathlib import Path

from retention_ml.deliveries.readers.chunks import CHUNK_ROWS, OpenedFile, wanted_columns
from retention_ml.deliveries.readers.csv_file import open_csv
from retention_ml.deliveries.readers.parquet_reader import open_parquet
from retention_ml.deliveries.readers.record_reader import (
    lines_of_json,
    open_fixed_width,
    parse_records,
)
from retention_ml.deliveries.sources import Feed


def open_file(path: Path, feed: Feed, *, name: str | None = None) -> OpenedFile:
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
        return open_parquet(path, feed, name)
    if feed.format == "csv":
        return open_csv(path, feed, name)
    if feed.format == "fixed_width":
        return open_fixed_width(path, feed, name)
    return OpenedFile((), lines_of_json(path, feed, name))


def open_rows(rows: Sequence[tuple[int, bytes]], columns: Sequence[str], feed: Feed) -> OpenedFile:
    """Single rows from quarantine, given as line number and delivered bytes.

    Parameters
    ----------
    rows : sequence of (int, bytes)
    columns : sequence of str
        The columns of the file they came in, in file order (empty for jsonl).
    feed : Feed
        As it is now; encoding and delimiter may have been corrected since.
    """
    wanted = wanted_columns(feed, columns) if columns else feed.source_columns
    chunks = (
        parse_records(rows[begin : begin + CHUNK_ROWS], feed, columns, wanted)
        for begin in range(0, len(rows), CHUNK_ROWS)
    )
    return OpenedFile(tuple(columns), chunks)
