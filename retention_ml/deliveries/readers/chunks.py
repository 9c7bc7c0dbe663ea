"""What every reader returns: chunks of text columns, and the checks that all formats share.

A chunk holds only text: what the text means is decided by `casts`. A line that is no row
is a `Reject` already here.
"""

import codecs
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from retention_ml.deliveries.sources import Feed
from retention_ml.errors import FileRefused

LINE_NUMBER = "__line_number"
CHUNK_ROWS = 250_000
COLUMNS_MAX = 5_000
_SNIFFED_BYTES = 4_096
UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True, slots=True)
class Reject:
    """A delivered row that cannot be used: its line number, its bytes, and the reason code."""

    line_number: int
    raw: bytes
    reason: str


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some rows of a file as text columns (named as in the file) and `LINE_NUMBER`.

    `raw` returns the bytes of the rows at these indexes, as they were delivered (for parquet:
    their JSON).
    """

    rows: pa.Table
    raw: Callable[[Sequence[int]], list[bytes]]
    rejects: Sequence[Reject] = ()


@dataclass(frozen=True, slots=True)
class OpenedFile:
    """An opened file: its columns in file order, its chunks, and the columns nobody reads."""

    columns: tuple[str, ...]
    chunks: Iterator[Chunk]
    unread: tuple[str, ...] = field(default=())


def wanted_columns(feed: Feed, columns: Sequence[str]) -> list[str]:
    """Those columns of a file that its feed reads."""
    present = set(columns)
    return [name for name in feed.source_columns if name in present]


def check_header(columns: Sequence[str], feed: Feed, name: str) -> tuple[str, ...]:
    """The columns nobody reads.

    Raises
    ------
    FileRefused
        If columns are missing or doubled, or there are more than `COLUMNS_MAX`.
    """
    if len(columns) > COLUMNS_MAX:
        # These may be the values of a file without line ends, so the message shows none of them.
        raise FileRefused(
            f"{name} has a header of {len(columns):,} columns; at most {COLUMNS_MAX:,} are read. "
            "Deliver it with fewer columns; if it should have fewer, check its line ends.",
            "bad_header",
        )
    present, read = set(columns), set(feed.source_columns)
    # The columns that the lookup brings may be missing; the one it is joined on may not.
    needed = [
        column
        for column in feed.required_columns
        if feed.lookup is None or column == feed.lookup.on
    ]
    if needed and columns and not present & read:
        # These may be the values of a first row, so the message shows none of them.
        raise FileRefused(
            f"{name} begins with {len(columns)} fields of which none is an expected column "
            f"({list_names(needed)}). Deliver it with its header, or give the feed a `header`.",
            "bad_header",
        )
    duplicates = sorted(column for column, count in Counter(columns).items() if count > 1)
    if duplicates:
        raise FileRefused(
            f"{name} has the column {duplicates[0]!r} twice. Its columns are "
            f"{list_names(columns)}; each name may occur once. Correct the header.",
            "duplicate_column",
        )
    missing = [column for column in needed if column not in present]
    if missing:
        raise FileRefused(
            f"{name} lacks the column{'s' if len(missing) > 1 else ''} {list_names(missing)}. "
            f"Found {list_names(columns)}; expected {list_names(needed)}. "
            "Deliver the file with them, or correct the column mapping of the source.",
            "missing_column",
        )
    return tuple(column for column in columns if column not in read)


def list_names(names: Sequence[str]) -> str:
    """Column names for a message, shortened where there are many."""
    shown = ", ".join(repr(name[:60]) for name in names[:30])
    return shown + (f" and {len(names) - 30:,} more" if len(names) > 30 else "")


def no_rows_message(name: str, feed: Feed) -> str:
    """The sentence for a file that can be read and has no rows: for an empty day that is right."""
    has_header = feed.format == "parquet" or (feed.format == "csv" and not feed.header)
    return (
        f"{name} has {'a header and ' if has_header else ''}no rows. "
        "That is right for an empty day; otherwise export it again and deliver it."
    )


def require_text(beginning: bytes, feed: Feed, name: str) -> None:
    """Reject a text file whose first bytes are UTF-16, or hardly anything but NUL bytes.

    Raises
    ------
    FileRefused
        If they are.
    """
    sample = beginning[:_SNIFFED_BYTES]
    nuls = sample.count(0)
    if sample[:2] not in UTF_16 and nuls > len(sample) / 2:
        only = "only" if nuls == len(sample) else "mostly"
        raise FileRefused(
            f"{name} holds {only} NUL bytes ({nuls:,} of the first {len(sample):,}); expected "
            f"{feed.encoding} text. It was damaged when it was written or copied: export it again "
            "and deliver it again.",
            "unreadable_file",
        )
    every_second = [beginning[begin:40:2].count(0) for begin in (0, 1)]
    if sample[:2] in UTF_16 or (max(every_second) > 4 and min(every_second) == 0):
        raise FileRefused(
            f"{name} is written in UTF-16; expected {feed.encoding}. "
            "Save it as UTF-8 and deliver it again.",
            "utf_16",
        )
