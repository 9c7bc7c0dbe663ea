"""Delimited text: blocks of lines in UTF-8 to text columns, and a reason for each that is no row.

Most lines hold the right number of delimiters and no quote, or only quotes around whole fields:
numpy finds them and Arrow splits them. The others go through Python's strict csv reader one by one,
so that a quote that is never closed costs its own line and swallows no later one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv as pacsv

from retention_ml.deliveries.readers.dialect import FIELD_CHARACTERS_MAX, Dialect
from retention_ml.deliveries.readers.open_quotes import OpenQuotes
from retention_ml.deliveries.reasons import Reason
from retention_ml.errors import FileRefused

LINE_BYTES_MAX = 64 << 20
BLOCK_BYTES = 24 << 20

_Row = tuple[int, tuple[int, int], list[str]]


class RejectedLines(NamedTuple):
    """Lines that are no row: the number of the first, where they lie in the block, and why."""

    line_number: int
    begin: int
    end: int
    reason: Reason


@dataclass(frozen=True, slots=True)
class ParsedBlock:
    """What became of a block: rows as text columns, and the lines that are no rows.

    `numbers` and `spans` (first byte, end) describe each row. `consumed` bytes and `lines`
    were used up; the rest belongs to the next block.
    """

    columns: dict[str, pa.ChunkedArray]
    numbers: npt.NDArray[np.int64]
    spans: npt.NDArray[np.int64]
    rejects: list[RejectedLines]
    consumed: int
    lines: int


def blocks(stream: Iterator[bytes]) -> Iterator[bytes]:
    """The bytes in large pieces, at least one."""
    parts: list[bytes] = []
    is_first = True
    for piece in stream:
        parts.append(piece)
        if sum(map(len, parts)) >= BLOCK_BYTES:
            yield b"".join(parts)
            parts, is_first = [], False
    if parts or is_first:
        yield b"".join(parts)


def parse_block(
    data: bytes,
    *,
    dialect: Dialect,
    header: Sequence[str],
    wanted: Sequence[str],
    first_line: int,
    terminator: int = 10,
    is_last: bool,
) -> ParsedBlock:
    """Rows and rejects of a block that begins at the start of a record.

    Parameters
    ----------
    data : bytes
        Whole lines in UTF-8; unless `is_last`, an unfinished line may follow.
    header : sequence of str
        Names of all columns of the file.
    wanted : sequence of str
        Which of them are returned.
    first_line : int
        Number of the block's first line.
    terminator : int
        The byte that ends lines: 10, or 13 in files that have only carriage returns.

    Raises
    ------
    FileRefused
        If a line is longer than 64 MiB.
    """
    ends = np.flatnonzero(np.frombuffer(data, np.uint8) == terminator).astype(np.int64)
    if is_last and data and (len(ends) == 0 or ends[-1] != len(data) - 1):
        ends = np.append(ends, len(data))
    if len(data) > LINE_BYTES_MAX:
        longest = (
            max(len(data) - ends[-1], int(np.diff(ends, prepend=0).max()))
            if len(ends)
            else len(data)
        )
        require_line_ends(int(longest), first_line)
    lines = _Lines(data, ends, dialect, len(header), terminator)
    rows, rejects, used = lines.parse_others(first_line, is_last)
    lines.simple[used:] = lines.quoted[used:] = False
    columns = lines.split_plain(header, wanted)
    plain = lines.simple | lines.quoted
    numbers = np.flatnonzero(plain) + first_line
    spans = np.column_stack([lines.starts[plain], lines.stops[plain]])
    if rows:
        index = {name: i for i, name in enumerate(header)}
        for name in wanted:
            values = pa.array([fields[index[name]] for _, _, fields in rows], pa.string())
            columns[name] = pa.chunked_array([*columns[name].chunks, values], pa.string())
        numbers = np.concatenate([numbers, [number for number, _, _ in rows]])
        spans = np.concatenate([spans, [span for _, span, _ in rows]])
    consumed = int(ends[used - 1]) + 1 if used else 0
    return ParsedBlock(columns, numbers, spans, rejects, min(consumed, len(data)), used)


def require_line_ends(line_bytes: int, first_line: int) -> None:
    """Refuse a file with a line that is too long to be a row.

    Raises
    ------
    FileRefused
    """
    if line_bytes > LINE_BYTES_MAX:
        raise FileRefused(
            f"A line after line {first_line:,} is longer than {LINE_BYTES_MAX >> 20} MiB. "
            "Expected one row a line; check the line ends of the file and deliver it again.",
            "line_too_long",
        )


class _Lines:
    """The lines of a block, each from `starts` to `stops`; its terminator stands at `ends`.

    `simple` lines need no csv rules: no quote, no odd byte, and as many fields as the header.
    `quoted` lines are as simple but for quotes around whole fields, with none inside.
    """

    def __init__(
        self,
        data: bytes,
        ends: npt.NDArray[np.int64],
        dialect: Dialect,
        field_count: int,
        terminator: int,
    ) -> None:
        self._data, self._ends = data, ends
        self._octets = octets = np.frombuffer(data, np.uint8)
        self._dialect, self._field_count = dialect, field_count
        self.starts = np.concatenate([[0], ends[:-1] + 1]) if len(ends) else ends
        self.stops = ends.copy()
        if terminator == 10 and len(ends):
            self.stops -= (ends > self.starts) & (octets[np.maximum(ends - 1, 0)] == 13)
        widths = self.stops - self.starts
        self.simple = (widths > 0) & (widths <= FIELD_CHARACTERS_MAX)
        self.quoted = np.zeros(len(ends), dtype=np.bool_)
        if len(ends):
            self._exclude_odd_lines()

    def _exclude_odd_lines(self) -> None:
        octets, ends, dialect = self._octets, self._ends, self._dialect
        delimiters = np.flatnonzero(octets[: ends[-1]] == ord(dialect.delimiter))
        field_counts = np.diff(np.searchsorted(delimiters, ends), prepend=0) + 1
        if dialect.nameless:
            stops = np.maximum(self.stops, dialect.nameless)
            for place in range(1, dialect.nameless + 1):
                self.simple &= octets[stops - place] == ord(dialect.delimiter)
        odd = octets == 0
        for sign in dialect.escape:
            odd |= octets == ord(sign)
        carriage = np.flatnonzero(octets == 13)
        if len(carriage):
            stops = self.stops[self.stops < ends]
            carriage = carriage[~np.isin(carriage, stops, assume_unique=True)]
        strange = np.concatenate([np.flatnonzero(odd), carriage])
        strange = strange[strange < ends[-1]]
        self.simple[np.searchsorted(ends, strange, side="left")] = False
        try:
            self._data.decode()
        except UnicodeDecodeError:
            foreign = np.flatnonzero(octets[: ends[-1]] >= 128)
            for line in np.unique(np.searchsorted(ends, foreign, side="left")).tolist():
                try:
                    self._raw(line, line).decode()
                except UnicodeDecodeError:
                    self.simple[line] = False
        if dialect.quote:
            self._tell_quoted_apart(delimiters)
        self.simple &= field_counts == self._field_count

    def _tell_quoted_apart(self, delimiters: npt.NDArray[np.int64]) -> None:
        """Lines with quotes are not simple; those whose quotes surround whole fields are `quoted`."""
        octets, ends, dialect = self._octets, self._ends, self._dialect
        quotes = np.flatnonzero(octets[: ends[-1]] == ord(dialect.quote))
        if not len(quotes):
            return
        lines = np.searchsorted(ends, quotes, side="left")
        has_quote = np.zeros(len(ends), dtype=np.bool_)
        has_quote[lines] = True
        self.quoted = self.simple & has_quote & (not dialect.escape)
        self.simple &= ~has_quote
        before = np.searchsorted(quotes, self.starts)  # quotes before each line
        is_closing = (np.arange(len(quotes)) - before[lines]) % 2 == 1
        is_delimiter = np.zeros(len(octets) + 1, dtype=np.bool_)
        is_delimiter[delimiters] = True
        begins = is_delimiter[quotes - 1] | (quotes == self.starts[lines])
        is_end = is_delimiter[quotes + 1] | (quotes + 1 == self.stops[lines])
        self.quoted[lines[~np.where(is_closing, is_end, begins)]] = False
        self.quoted &= (np.searchsorted(quotes, ends) - before) % 2 == 0
        of_delimiters = np.searchsorted(ends, delimiters, side="left")
        is_outside = (np.searchsorted(quotes, delimiters) - before[of_delimiters]) % 2 == 0
        field_counts = np.bincount(of_delimiters[is_outside], minlength=len(ends)) + 1
        self.quoted &= field_counts == self._field_count

    def _raw(self, first: int, last: int) -> bytes:
        return self._data[int(self.starts[first]) : int(self.stops[last])]

    def parse_others(
        self, first_line: int, is_last: bool
    ) -> tuple[list[_Row], list[RejectedLines], int]:
        """Rows and rejects among the lines that are not simple, and how many lines were used."""
        rows: list[_Row] = []
        rejects: list[RejectedLines] = []
        quotes = OpenQuotes(
            self._dialect, self._field_count, self.starts, self.stops, self.simple, self._raw
        )
        after = 0
        filled = int(np.max(np.flatnonzero(self.stops > self.starts), initial=-1))
        for line in np.flatnonzero(~(self.simple | self.quoted)).tolist():
            if line < after:
                continue
            if is_last and line > filled:
                break
            last, raw = line, self._raw(line, line)
            fields = self._dialect.parse(raw, self._field_count)
            if fields is Reason.UNCLOSED_QUOTE and self._dialect.is_open(raw):
                closed = quotes.close(line)
                if closed is None and not is_last:
                    return rows, rejects, line
                fields, last = closed or (fields, line)
                self.simple[line : last + 1] = self.quoted[line : last + 1] = False
                after = last + 1
            begin, end = int(self.starts[line]), int(self.stops[last])
            if isinstance(fields, Reason):
                rejects.append(RejectedLines(first_line + line, begin, end, fields))
            else:
                rows.append((first_line + line, (begin, end), fields))
        return rows, rejects, len(self.starts)

    def split_plain(
        self, header: Sequence[str], wanted: Sequence[str]
    ) -> dict[str, pa.ChunkedArray]:
        """The wanted columns of the simple and the quoted lines, split by Arrow."""
        plain = self.simple | self.quoted
        if not plain.any() or not wanted:
            return {name: pa.chunked_array([], pa.string()) for name in wanted}
        size = len(self._data)
        if plain.all() and self._ends[-1] == size - 1:
            buffer = pa.py_buffer(self._data)
        else:
            widths = np.diff(np.append(self.starts, min(int(self._ends[-1]) + 1, size)))
            mask = np.repeat(plain, widths)
            buffer = pa.py_buffer(self._octets[: widths.sum()][mask])
        index = {name: str(i) for i, name in enumerate(header)}
        positions = [str(i) for i in range(len(header))]
        rows = pacsv.read_csv(
            pa.BufferReader(buffer),
            read_options=pacsv.ReadOptions(column_names=positions, block_size=4 << 20),
            parse_options=pacsv.ParseOptions(
                delimiter=self._dialect.delimiter,
                quote_char=self._dialect.quote if self.quoted.any() else False,
                double_quote=False,
                escape_char=False,
                newlines_in_values=False,
                ignore_empty_lines=False,
            ),
            convert_options=pacsv.ConvertOptions(
                column_types=dict.fromkeys(positions, pa.string()),
                include_columns=[index[name] for name in wanted],
                strings_can_be_null=False,
                check_utf8=False,
            ),
        )
        return {name: rows[index[name]] for name in wanted}
