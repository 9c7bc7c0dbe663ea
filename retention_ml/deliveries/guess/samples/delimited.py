"""How a delimited text is written: delimiter, quotes, lines before the header, the header."""

import csv
import io
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

DELIMITERS = (",", ";", "\t", "|")
_LOOK_AT = 300
_DATA = re.compile(r"[-+(]?[$€£¥]?\d[\d.,:/ -]*\)?|\S+@\S+\.\S+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The dialect of a text, its column names and its rows.

    `header` is empty where the first row is the header; otherwise it holds the names to use.
    """

    delimiter: str
    quote: str
    escape: str
    skip_lines: int
    header: tuple[str, ...]
    columns: tuple[str, ...]
    rows: list[list[str]]
    reason: str


def read_delimited(text: str, *, rows_max: int) -> Layout:
    """The rows of a text, in the dialect in which most of them have the same number of fields.

    Examples
    --------
    >>> layout = read_delimited("a;b\\n1;2,5\\n3;4,5\\n", rows_max=10)
    >>> layout.delimiter, layout.columns, layout.rows
    (';', ('a', 'b'), [['1', '2,5'], ['3', '4,5']])
    """
    declared = re.match(r"sep=(.)\r?\n", text)
    head = "\n".join(text.splitlines()[:_LOOK_AT]) + "\n"
    candidates = [
        (delimiter, quote, escape)
        for quote, escape in _quotings(head)
        for delimiter in ((declared[1],) if declared else DELIMITERS)
    ]
    scores = [_consistency(_records(head, *one)[0]) for one in candidates]
    best = max(range(len(candidates)), key=lambda i: (*scores[i], -i))
    delimiter, quote, escape = candidates[best]
    records, ends = _records(text, delimiter, quote, escape, rows_max=rows_max)
    width = scores[best][1]
    begin = _header_at(records, width)
    first = records[begin] if records else []
    data_count = sum(bool(_DATA.fullmatch(cell.strip())) for cell in first)
    is_header = bool(first) and data_count < max(2, 0.1 * len(first))
    names = tuple(cell.strip() for cell in first)
    if not is_header:
        names = tuple(f"column_{i}" for i in range(1, width + 1))
    rows = [row for row in records[begin + is_header :] if any(cell.strip() for cell in row)]
    return Layout(
        delimiter=delimiter,
        quote=quote,
        escape=escape,
        skip_lines=ends[begin] - 1 - sum(cell.count("\n") for cell in first) if begin else 0,
        header=() if is_header else names,
        columns=names,
        rows=rows,
        reason=f"with it {100 * scores[best][0]:.0f} % of the first rows have {width} fields",
    )


def _quotings(head: str) -> list[tuple[str, str]]:
    """Quote and escape signs worth trying, the commonest first."""
    quotings = [('"', "")]
    if '\\"' in head:
        is_doubled = re.search(r'[^,;\t|\n]""', head)
        quotings.insert(1 if is_doubled else 0, ('"', "\\"))
    singles = len(re.findall(r"(?:^|[,;\t|])'[^'\n]*'(?=[,;\t|\r\n]|$)", head, re.MULTILINE))
    if singles > head.count("\n"):
        quotings.insert(0, ("'", ""))
    return [*quotings, ("", "")]


def _records(
    text: str, delimiter: str, quote: str, escape: str, *, rows_max: int = _LOOK_AT
) -> tuple[list[list[str]], list[int]]:
    """The records, and the physical line at which each ends."""
    reader = csv.reader(
        io.StringIO(text, newline=""),
        delimiter=delimiter,
        quotechar=quote or None,
        quoting=csv.QUOTE_MINIMAL if quote else csv.QUOTE_NONE,
        escapechar=escape or None,
        doublequote=not escape,
    )
    records: list[list[str]] = []
    ends: list[int] = []
    try:
        for record in reader:
            if record:
                records.append(record)
                ends.append(reader.line_num)
            if len(records) > rows_max:
                break
    except csv.Error:
        return records[: len(records) // 2], ends
    return records, ends


def _consistency(records: Sequence[Sequence[str]]) -> tuple[float, int]:
    """The share of records that have the commonest number of fields, and that number.

    A last record may be cut. A record over several lines counts half: it may be what a stray quote
    swallowed.
    """
    widths = Counter(len(record) for record in records)
    widths.pop(1, None)
    if not widths:
        return 0.0, 1
    width = max(widths, key=lambda one: (widths[one], one))
    swallowing = sum(any("\n" in cell for cell in record) for record in records)
    return round((widths[width] - 0.5 * swallowing) / len(records), 2), width


def _header_at(records: Sequence[Sequence[str]], width: int) -> int:
    """The index of the first record that is as wide as the rows and has a name nearly everywhere."""
    for index, record in enumerate(records[:20]):
        named = sum(bool(cell.strip()) for cell in record)
        if len(record) in (width, width - 1) and named >= max(1, 0.6 * width):
            return index
    return 0
