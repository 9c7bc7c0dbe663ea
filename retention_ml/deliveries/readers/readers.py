"""Delivered files, and single rows from quarantine, as chunks of text columns."""

from collections.abc import Callable, Mapping, Sequence

from retention_ml.deliveries.description.feed import Feed
from retention_ml.deliveries.readers.chunks import CHUNK_ROWS, OpenedFile, wanted_columns
from retention_ml.deliveries.readers.csv_file import open_csv
from retention_ml.deliveries.readers.parquet_reader import open_parquet
from retention_ml.deliveries.readers.record_reader import (
    open_fixed_width,
    open_json,
    open_json_lines,
    parse_records,
)
from retention_ml.deliveries.readers.workbook import open_workbook
from retention_ml.deliveries.sealing.stored_file import DeliveredFile

_OPEN: Mapping[str, Callable[[DeliveredFile, Feed, str], OpenedFile]] = {
    "csv": open_csv,
    "fixed_width": open_fixed_width,
    "json": open_json,
    "jsonl": open_json_lines,
    "parquet": open_parquet,
    "xlsx": open_workbook,
}


def open_file(path: DeliveredFile, feed: Feed, *, name: str | None = None) -> OpenedFile:
    """The rows of a file as its feed describes them.

    Parameters
    ----------
    path : DeliveredFile
        A regular file, packed or not.
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
    return _OPEN[feed.format](path, feed, name)


def open_rows(rows: Sequence[tuple[int, bytes]], columns: Sequence[str], feed: Feed) -> OpenedFile:
    """Single rows from quarantine, given as line number and delivered bytes.

    Parameters
    ----------
    rows : sequence of (int, bytes)
    columns : sequence of str
        The columns of the file they came in, in file order (empty for JSON).
    feed : Feed
        As it is now; encoding and delimiter may have been corrected since.
    """
    is_table = feed.format in ("csv", "fixed_width")
    wanted = wanted_columns(feed, columns) if is_table else feed.file_columns
    chunks = (
        parse_records(rows[begin : begin + CHUNK_ROWS], feed, columns, wanted)
        for begin in range(0, len(rows), CHUNK_ROWS)
    )
    return OpenedFile(tuple(columns), chunks)
