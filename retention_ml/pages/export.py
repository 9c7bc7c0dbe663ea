"""Rows as CSV for a spreadsheet: nothing of them is taken for a formula."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

# What makes a spreadsheet calculate, or lets a cell begin anew.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
BYTE_ORDER_MARK = "\ufeff"
"""What tells Excel that the file is UTF-8; other readers pass over it."""


def csv_lines(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """The lines of a CSV file with a heading; numbers stay numbers, texts are quoted.

    Examples
    --------
    >>> print(*csv_lines(("name", "value"), [{"name": "=1+1", "value": -2.5}]), sep="", end="")
    \ufeff"name","value"
    "'=1+1",-2.5
    """
    yield BYTE_ORDER_MARK + _line(columns)
    for row in rows:
        yield _line([row[name] for name in columns])


def _line(values: Iterable[Any]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
    writer.writerow([_cell(value) for value in values])
    return text.getvalue()


def _cell(value: Any) -> Any:
    """A number as it is; a text that a spreadsheet would calculate with an apostrophe before it."""
    if value is None:
        return ""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    text = str(value)
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) else text
