"""What every reader returns: chunks of text columns, and the checks that all formats share.

A chunk holds only text: what the text means is decided by `casts`. A line that is no row
is a `Reject` already here.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from retention_ml.deliveries.description.feed import Feed
from retention_ml.deliveries.readers import encodings
from retention_ml.deliveries.readers.encodings import Codec
from retention_ml.errors import FileRefused

LINE_NUMBER = "__line_number"
CHUNK_ROWS = 250_000
COLUMNS_MAX = 5_000
_SNIFFED_BYTES = 4_096
# What a file is by its first bytes, and what to do.
_SAVE_AS = "Open it in a spreadsheet and save it as .xlsx or CSV"
_FORMS = (
    (b"\xd0\xcf\x11\xe0", "a workbook of an old form (.xls)", "Save it as .xlsx"),
    (b"par1", "a parquet file", 'Set format = "parquet" in its feed'),
    (b"%pdf", "a PDF", "Export it as CSV"),
    (b"<!doctype html", "a web page", _SAVE_AS),
    (b"<html", "a web page", _SAVE_AS),
    (b"<table", "a web page", _SAVE_AS),
    (b"<?xml", "an XML file", _SAVE_AS),
)
_JSON = re.compile(rb'\[\s*[\[{]|\{\s*"')
# Beside white space: soft hyphen, zero width, marks of direction, byte order mark.
_INVISIBLE = "\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff" + "".join(
    map(chr, (*range(0x202A, 0x202F), *range(0x2066, 0x206A)))
)


@dataclass(frozen=True, slots=True)
class Reject:
    """A delivered row that cannot be used: its line number, its bytes, and the reason code.

    `detail` names the column, its text and what was expected, where the reason does not say it all.
    """

    line_number: int
    raw: bytes
    reason: str
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some rows of a file as text columns (named as in the file) and `LINE_NUMBER`.

    Parts of one row of the file have its line number. `raw` returns the bytes of the rows at these
    indexes, as they were delivered (of parquet and workbooks: their JSON). `left_out` counts rows
    without parts; `remark` is a sentence about the file that people should read.
    """

    rows: pa.Table
    raw: Callable[[Sequence[int]], list[bytes]]
    rejects: Sequence[Reject] = ()
    left_out: int = 0
    remark: str | None = None


@dataclass(frozen=True, slots=True)
class OpenedFile:
    """An opened file: its columns in file order, its chunks, and the columns nobody reads.

    Of JSON there are no columns but `keys`, the paths of values in its first rows.
    """

    columns: tuple[str, ...]
    chunks: Iterator[Chunk]
    unread: tuple[str, ...] = field(default=())
    keys: tuple[str, ...] = ()


def wanted_columns(feed: Feed, columns: Sequence[str]) -> list[str]:
    """Those columns of a file that its feed reads."""
    present = set(columns)
    return [name for name in feed.file_columns if name in present]


def needed_columns(feed: Feed) -> list[str]:
    """The columns a file must have: lookups may bring others, if it has the one that joins them."""
    return [
        column for column in feed.required_columns if not feed.lookup or column == feed.lookup[0].on
    ]


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
    present, read = set(columns), set(feed.file_columns)
    needed = needed_columns(feed)
    if needed and columns and not present & read:
        # These may be the values of a first row, so the message shows none of them.
        raise FileRefused(
            f"{name} begins with {len(columns)} fields of which none is an expected column "
            f"({list_names(needed)}). Deliver it with its header, or give the feed a `header`.",
            "bad_header",
        )
    duplicates = sorted(
        column for column, count in Counter(columns).items() if count > 1 and column in read
    )
    if duplicates:
        raise FileRefused(
            f"{name} has the column {duplicates[0][:60]!r} twice, and the source reads it. Its columns "
            f"are {list_names(columns)}. Correct the header, or name the columns in the feed: "
            f"skip_lines = {feed.skip_lines + 1} and header = {_unique_names(columns, duplicates)}.",
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
    return tuple(dict.fromkeys(column for column in columns if column and column not in read))


def _unique_names(columns: Sequence[str], duplicates: Sequence[str]) -> str:
    """A header in TOML in which no name occurs twice; only its form where that would be long."""
    names = [
        f"{column}_{i}" if column in duplicates else column or f"column_{i}"
        for i, column in enumerate(columns, start=1)
    ]
    text = json.dumps(names, ensure_ascii=False)
    return text if len(text) <= 1_000 and text.isprintable() else f"[{len(names)} names]"


def clean_name(name: str) -> str:
    """A column's name in one line, without white space and invisible letters around it."""
    one_line = " ".join(part.strip() for part in name.splitlines())
    return one_line.strip().strip(_INVISIBLE).strip()


def nameless_count(columns: Sequence[str]) -> int:
    """How many columns at the end have no name."""
    return next((i for i, name in enumerate(reversed(columns)) if name), len(columns))


def list_names(names: Sequence[str]) -> str:
    """Column names for a message, shortened where there are many."""
    shown = ", ".join(repr(name[:60]) for name in names[:30])
    return shown + (f" and {len(names) - 30:,} more" if len(names) > 30 else "")


def no_rows_message(name: str, feed: Feed) -> str:
    """The sentence for a file that can be read and has no rows: for an empty day that is right."""
    has_header = feed.format == "parquet" or (feed.format in ("csv", "xlsx") and not feed.header)
    return (
        f"{name} has {'a header and ' if has_header else ''}no rows. "
        "That is right for an empty day; otherwise export it again and deliver it."
    )


def _require_form(beginning: bytes, feed: Feed, name: str) -> None:
    """Refuse what is no text of the feed's format, where its first bytes say what it is."""
    first = beginning[:_SNIFFED_BYTES].removeprefix(b"\xef\xbb\xbf").lstrip()[:200].lower()
    forms = [(what, advice) for sign, what, advice in _FORMS if first.startswith(sign)]
    if feed.format in ("csv", "fixed_width") and _JSON.match(first):
        forms.append(("a JSON file", 'Set format = "json", or "jsonl" if each line is an object'))
    for what, advice in forms:
        raise FileRefused(
            f"{name} is {what}; expected {feed.format} as its feed declares. {advice}.",
            "unreadable_file",
        )


def begin_text(beginning: bytes, feed: Feed, name: str) -> tuple[Codec, bytes]:
    """The codec of a text file and its first bytes without a byte order mark.

    Raises
    ------
    FileRefused
        If the bytes are certainly in another encoding than the feed declares, or hardly anything
        but NUL bytes.
    """
    codec = encodings.find_codec(feed.encoding, beginning[:400])
    _require_form(beginning, feed, name)
    other = encodings.contradiction(beginning, codec)
    if other is not None:
        raise FileRefused(
            f"{name} is written in {other.upper()}; expected {feed.encoding}. "
            f"Set encoding = {json.dumps(other)} in its feed, or save it as {feed.encoding} and "
            "deliver it again.",
            "utf_16" if other.startswith("utf-16") else "wrong_encoding",
        )
    sample = beginning[:_SNIFFED_BYTES]
    nuls = sample.count(0)
    if codec.unit == 1 and nuls > len(sample) / 2:
        only = "only" if nuls == len(sample) else "mostly"
        raise FileRefused(
            f"{name} holds {only} NUL bytes ({nuls:,} of the first {len(sample):,}); expected "
            f"{feed.encoding} text. It was damaged when it was written or copied: export it again "
            "and deliver it again.",
            "unreadable_file",
        )
    return codec, encodings.without_mark(beginning, codec)
