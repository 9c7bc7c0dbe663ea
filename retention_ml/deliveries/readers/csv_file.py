"""A delimited text file: its encoding, its header, its delimiter, its blocks."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from retention_ml.deliveries import unpacking
from retention_ml.deliveries.description.feed import Feed
from retention_ml.deliveries.readers import chunks, csv_reader, encodings
from retention_ml.deliveries.readers.csv_reader import ParsedBlock, RejectedLines
from retention_ml.deliveries.readers.dialect import Dialect
from retention_ml.deliveries.readers.encodings import Codec, Lines
from retention_ml.deliveries.reasons import Reason
from retention_ml.deliveries.sealing.stored_file import DeliveredFile
from retention_ml.errors import FileRefused

_ROWS_MEASURED = 200
_HEADER_LINES_MAX = 20
_ALIKE_MIN = 3
_SEP_LINE = re.compile(rb'"?sep=(.)"?', re.IGNORECASE | re.DOTALL)


def open_csv(path: DeliveredFile, feed: Feed, name: str) -> chunks.OpenedFile:
    """The rows of a delimited text file; see `readers.open_file`."""
    blocks = csv_reader.blocks(unpacking.pieces(path, name, feed.member))
    codec, beginning = chunks.begin_text(next(blocks), feed, name)
    end = encodings.line_end(codec, beginning)
    upcoming = next(blocks, None)
    lines = encodings.lines_of(beginning, codec, end, is_last=upcoming is None)
    top = _Top(lines.utf8, b"\r" if end == "\r" else b"\n")
    dialect = Dialect(feed.delimiter, feed.quote, feed.escape)
    columns = _columns_of(top, dialect, feed, name, lines)
    columns = _fit_to_rows(columns, top, dialect)
    unread = chunks.check_header(columns, feed, name)
    reader = _CsvReader(
        name=name,
        codec=codec,
        end=end,
        dialect=replace(dialect, nameless=chunks.nameless_count(columns)),
        columns=columns,
        wanted=chunks.wanted_columns(feed, columns),
    )
    return chunks.OpenedFile(tuple(columns), reader.read(lines, top, upcoming, blocks), unread)


@dataclass(slots=True)
class _Top:
    """The beginning of a text, and how far it has been read."""

    text: bytes
    terminator: bytes
    at: int = 0
    lines: int = 0

    def next_line(self) -> bytes:
        """The next line, without its end."""
        stop = self.text.find(self.terminator, self.at)
        line = self.text[self.at :] if stop < 0 else self.text[self.at : stop]
        self.at = len(self.text) if stop < 0 else stop + 1
        self.lines += 1
        return line.removesuffix(b"\r")


def _columns_of(top: _Top, dialect: Dialect, feed: Feed, name: str, lines: Lines) -> list[str]:
    """The names of the columns; what stands before the rows is read."""
    declared = _SEP_LINE.fullmatch(replace(top).next_line()) if not feed.skip_lines else None
    if declared:
        top.next_line()
        if declared[1].decode("latin-1") != feed.delimiter:
            raise _wrong_delimiter(
                f"{name} says in its first line that its delimiter is "
                f"{declared[1].decode('latin-1')!r}", declared[1].decode("latin-1"), feed
            )  # fmt: skip
    for _ in range(feed.skip_lines):
        top.next_line()
    if feed.header:
        return list(feed.header)
    begin, line = top.at, top.next_line()
    while dialect.is_open(line) and top.lines < _HEADER_LINES_MAX and top.at < len(top.text):
        line += b"\n" + top.next_line()
    columns = _header_of(line, dialect, feed, name, lines.raw(begin, begin + len(line)))
    _check_delimiter(columns, feed, name)
    return columns


def _header_of(line: bytes, dialect: Dialect, feed: Feed, name: str, raw: bytes) -> list[str]:
    fields = dialect.parse(line, None)
    if fields in (Reason.BAD_ENCODING, Reason.NUL_BYTE):
        likely = encodings.likely_encoding(raw)
        advice = f"It may be {likely}: set" if likely else "Set"
        raise FileRefused(
            f"The header of {name} is no {feed.encoding} text. {advice} the encoding of the feed, "
            "or save the file in it and deliver it again.",
            "bad_encoding",
        )
    if isinstance(fields, Reason):
        raise FileRefused(
            f"{name} begins with a line that is no header ({len(line):,} bytes). "
            "Expected the column names in the first line.",
            "bad_header",
        )
    return [chunks.clean_name(column) for column in fields]


def _check_delimiter(columns: Sequence[str], feed: Feed, name: str) -> None:
    if len(columns) > 1 or len(feed.required_columns) < 2:
        return
    others = {mark: columns[0].count(mark) for mark in ",;\t|" if mark != feed.delimiter}
    best = max(others, key=others.__getitem__)
    if others[best]:
        raise _wrong_delimiter(
            f"The header of {name} is one field when split at {feed.delimiter!r} and "
            f"{others[best] + 1} when split at {best!r}. Expected "
            f"{chunks.list_names(feed.required_columns)}", best, feed
        )  # fmt: skip


def _wrong_delimiter(what: str, delimiter: str, feed: Feed) -> FileRefused:
    return FileRefused(
        f"{what}. Set delimiter = {json.dumps(delimiter)} in the source, or deliver the file "
        f"with {feed.delimiter!r}.",
        "wrong_delimiter",
    )


def _fit_to_rows(columns: list[str], top: _Top, dialect: Dialect) -> list[str]:
    """The columns with as many nameless ones at their end as the rows have delimiters there."""
    sample = replace(top)
    rows: list[list[str]] = []
    while len(rows) < _ROWS_MEASURED and sample.at < len(sample.text):
        fields = dialect.parse(sample.next_line(), None)
        if isinstance(fields, list):
            rows.append(fields)
    if not rows:
        return columns
    width, _ = Counter(map(len, rows)).most_common(1)[0]
    n = len(columns)
    filled = [any(row[n:]) for row in rows if len(row) == width]
    if width > n and 2 * sum(filled) < len(filled):
        return columns + [""] * (width - n)
    if n - chunks.nameless_count(columns) <= width < n:
        return columns[:width]
    return columns


@dataclass(frozen=True, slots=True, kw_only=True)
class _CsvReader:
    """How the rows of a file are read."""

    name: str
    codec: Codec
    end: str
    dialect: Dialect
    columns: Sequence[str]
    wanted: Sequence[str]

    def read(
        self, lines: Lines, top: _Top, upcoming: bytes | None, blocks: Iterator[bytes]
    ) -> Iterator[chunks.Chunk]:
        """The chunks of a file whose first lines are read up to `top`."""
        at, number, before = top.at, top.lines + 1, top.lines
        while True:
            csv_reader.require_line_ends(lines.unfinished_bytes, number)
            text = lines.utf8[at:] if at else lines.utf8
            parsed = csv_reader.parse_block(
                text, dialect=self.dialect, header=self.columns, wanted=self.wanted,
                first_line=number, terminator=top.terminator[0], is_last=upcoming is None,
            )  # fmt: skip
            remark = None
            if upcoming is None and number + parsed.lines > 2 and not text.endswith(top.terminator):
                parsed, remark = self._without_cut_line(text, parsed)
            yield self._chunk(lines, at, parsed, remark)
            if upcoming is None:
                return
            number += parsed.lines
            used = lines.delivered_bytes(before + parsed.lines, at + parsed.consumed)
            rest = lines.rest[used:] + upcoming
            upcoming = next(blocks, None)
            lines = encodings.lines_of(rest, self.codec, self.end, is_last=upcoming is None)
            at = before = 0

    def _chunk(
        self, lines: Lines, at: int, parsed: ParsedBlock, remark: str | None
    ) -> chunks.Chunk:
        numbers = pa.array(parsed.numbers, pa.int64())
        rows = pa.table({**parsed.columns, chunks.LINE_NUMBER: numbers})

        def raw(indexes: Sequence[int]) -> list[bytes]:
            spans = (parsed.spans[list(indexes)] + at).tolist()
            return [lines.raw(begin, end) for begin, end in spans]

        rejects = [
            chunks.Reject(number, lines.raw(at + begin, at + end), reason)
            for number, begin, end, reason in parsed.rejects
        ]
        return chunks.Chunk(rows, raw, rejects, remark=remark)

    def _without_cut_line(self, text: bytes, parsed: ParsedBlock) -> tuple[ParsedBlock, str | None]:
        """The block without a last line that is cut; a remark where that cannot be known."""
        cut = [reject for reject in parsed.rejects if reject.end == len(text)]
        if cut:
            if self._is_short(text[cut[0].begin :]):
                rejects = [r for r in parsed.rejects if r.end != len(text)]
                rejects.append(cut[0]._replace(reason=Reason.CUT_LAST_LINE))
                return replace(parsed, rejects=rejects), None
            return parsed, None
        last = np.flatnonzero(parsed.spans[:, 1] == len(text))
        if len(last) and self._ends_short(text, parsed.spans, int(last[0])):
            begin, end = parsed.spans[last[0]].tolist()
            reject = RejectedLines(int(parsed.numbers[last[0]]), begin, end, Reason.CUT_LAST_LINE)
            mask = np.arange(len(parsed.numbers)) != last[0]
            columns = {
                name: column.filter(pa.array(mask)) for name, column in parsed.columns.items()
            }
            return replace(
                parsed,
                columns=columns,
                numbers=parsed.numbers[mask],
                spans=parsed.spans[mask],
                rejects=[*parsed.rejects, reject],
            ), None
        return parsed, (
            f"The last line of {self.name} has no line end, unlike the others. If it was cut off, "
            "its last value is too short: look at it, and deliver the file again if so."
        )

    def _is_short(self, line: bytes) -> bool:
        """Whether a rejected line has too few fields, or ends inside one."""
        fields = self.dialect.parse(line, None)
        return isinstance(fields, Reason) or len(fields) < len(self.columns)

    def _ends_short(self, text: bytes, spans: npt.NDArray[np.int64], last: int) -> bool:
        """Whether the last value stops before the end of a form that all before it have."""
        others = [i for i in range(len(spans) - _ROWS_MEASURED, len(spans)) if i >= 0 and i != last]
        forms = set()
        for begin, end in spans[others].tolist():
            forms.add(_form_of_last(self.dialect.parse(text[begin:end], None)))
        form = _form_of_last(self.dialect.parse(text[spans[last][0] :], None))
        if len(forms) != 1 or len(others) < _ALIKE_MIN or form is None:
            return False
        usual = forms.pop()
        return usual is not None and "9" in usual and usual != form and usual.startswith(form)


def _form_of_last(fields: list[str] | Reason) -> str | None:
    """The last field with each digit as 9 and each letter as a; its first digits as one."""
    if isinstance(fields, Reason):
        return None
    value = re.sub(r"\d+", "9", fields[-1].strip(), count=1)
    return re.sub(r"[^\W\d_]", "a", re.sub(r"\d", "9", value))
