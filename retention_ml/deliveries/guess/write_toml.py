"""A description as TOML that people read: every line says how sure it is and what was seen."""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from retention_ml.errors import printable

LINE_CHARACTERS = 100
_BARE = re.compile(r"[A-Za-z0-9_-]+")


class Line(NamedTuple):
    """A key, its value and what is to be said of it; `is_proposal` puts it behind a #."""

    key: str
    value: Any
    comment: str = ""
    is_proposal: bool = False


def key_text(key: str) -> str:
    """A key, in quotes where it needs them."""
    return key if _BARE.fullmatch(key) else value_text(key)


def value_text(value: Any) -> str:
    """A value on one line.

    Examples
    --------
    >>> print(value_text({"column": "Date", "format": "%d.%m.%Y"}))
    { column = "Date", format = "%d.%m.%Y" }
    >>> print(value_text(r"(?P<n>\\d+)"))
    '(?P<n>\\d+)'
    """
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key_text(k)} = {value_text(v)}" for k, v in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(value_text(item) for item in value) + "]"
    text = str(value)
    if ("\\" in text or '"' in text) and "'" not in text and text.isprintable():
        return f"'{text}'"
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def lines_text(lines: Iterable[Line]) -> str:
    """Keys and values, comments behind or, where that is too long, above."""
    rows = [
        (f"{'# ' if x.is_proposal else ''}{key_text(x.key)} = {value_text(x.value)}", x)
        for x in lines
    ]
    short = [len(text) for text, line in rows if line.comment and len(text) <= 56]
    indent = max(short, default=0) + 2
    written: list[str] = []
    for text, line in rows:
        comment = printable(line.comment)
        if not comment:
            written.append(text)
        elif max(indent, len(text) + 2) + len(comment) + 2 <= LINE_CHARACTERS:
            written.append(
                f"{text.ljust(indent)}# {comment}" if len(text) < indent else f"{text}  # {comment}"
            )
        else:
            written += [*paragraph(line.comment), text]
    return "\n".join(written)


def paragraph(text: str) -> list[str]:
    """A comment of several lines."""
    rows, row = [], "#"
    for word in printable(text).split(" "):
        if len(row) + 1 + len(word) > LINE_CHARACTERS and row != "#":
            rows.append(row)
            row = "#"
        row += f" {word}"
    return [*rows, row]


def joined(*parts: str) -> str:
    """The parts of a comment that are not empty."""
    return "; ".join(part for part in parts if part)


def counted(count: int, noun: str) -> str:
    """A number and its noun.

    Examples
    --------
    >>> counted(1, "row"), counted(1200, "row")
    ('1 row', '1,200 rows')
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def percent(share: float) -> str:
    """A share of 0 to 1 in whole per cent.

    Examples
    --------
    >>> percent(0.25)
    '25 %'
    """
    return f"{100 * share:.0f} %"
