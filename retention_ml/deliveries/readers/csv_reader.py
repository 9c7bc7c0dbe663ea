"""Delimited text: blocks of bytes to text columns, and a reason for each line that is no row.

Most lines hold no quote and the right number of delimiters: numpy finds them and Arrow
splits them. The others go through Python's strict csv reader one by one, so that a quote
that is never closed costs its own line and swallows no later one.
"""

import codecs
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv as pacsv

from retention_ml.deliveries.readers.chunks import Reject
from retention_ml.deliveries.readers.dialect import FIELD_CHARACTERS_MAX, Dialect
from retention_ml.deliveries.reasons import Reason
from retention_ml.errors import FileRefused

LINE_BYTES_MAX = 64 << 20
LOOK_AHEAD_LINES, LOOK_AHEAD_BYTES = 50, 64 << 10
BLOCK_BYTES = 24 << 20

_Row = tuple[int, tuple[int, int], list[str]]


@dataclass(frozen=True, slots=True)
class ParsedBlock:
    """What became of a block: rows as text columns, and the lines that are no rows.

    `numbers` and `spans` (first byte, end) describe each row. `consumed` bytes and `lines`
    were used up; the rest belongs to the next block.
    """

    columns: dict[str, pa.ChunkedArray]
    numbers: npt.NDArray[np.int64]
    spans: npt.NDArray[np.int64]
    rejects: list[Reject]
    consumed: int
    lines: int


def blocks(stream: Iterator[bytes]) -> Iterator[bytes]:
    """The bytes in large pieces, at least one, without a byte order mark."""
    parts: list[bytes] = []
    mark = codecs.BOM_UTF8
    for piece in stream:
        parts.append(piece)
        if sum(map(len, parts)) >= BLOCK_BYTES:
            yield b"".join(parts).removeprefix(mark)
            parts, mark = [], b""
    if parts or mark:
        yield b"".join(parts).removeprefix(mark)


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
        Whole lines; unless `is_last`, an unfinished line may follow.
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
    if len(data) > LINE_BYTES_MAX and (
        len(ends) == 0
        or max(len(data) - ends[-1], int(np.diff(ends, prepend=0).max())) > LINE_BYTES_MAX
    ):
        raise FileRefused(
            f"A line after line {first_line:,} is longer than {LINE_BYTES_MAX >> 20} MiB. "
            "Expected one row a line; check the line ends of the file and deliver it again.",
            "line_too_long",
        )
    lines = _Lines(data, ends, dialect, len(header), terminator)
    rows, rejects, used = lines.parse_others(first_line, is_last)
    lines.simple[used:] = False
    columns = lines.split_simple(header, wanted)
    numbers = np.flatnonzero(lines.simple) + first_line
    spans = np.column_stack([lines.starts[lines.simple], lines.stops[lines.simple]])
    if rows:
        index = {name: i for i, name in enumerate(header)}
        for name in wanted:
            values = pa.array([fields[index[name]] for _, _, fields in rows], pa.string())
            columns[name] = pa.chunked_array([*columns[name].chunks, values], pa.string())
        numbers = np.concatenate([numbers, [number for number, _, _ in rows]])
        spans = np.concatenate([spans, [span for _, span, _ in rows]])
    consumed = int(ends[used - 1]) + 1 if used else 0
    return ParsedBlock(columns, numbers, spans, rejects, min(consumed, len(data)), used)


class _Lines:
    """The lines of a block, each from `starts` to `stops`; its terminator stands at `ends`.

    `simple` lines need no csv rules: no quote, no odd byte, and as many fields as the header.
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
        if len(ends):
            self._exclude_odd_lines()

    def _exclude_odd_lines(self) -> None:
        octets, ends, dialect = self._octets, self._ends, self._dialect
        delimiters = np.flatnonzero(octets[: ends[-1]] == ord(dialect.delimiter))
        field_counts = np.diff(np.searchsorted(delimiters, ends), prepend=0) + 1
        self.simple &= field_counts == self._field_count
        odd = (octets == 34) | (octets == 0)
        if (
            dialect.encoding not in ("utf-8", "ascii")
            or dialect.decode(octets[: ends[-1]].tobytes()) is None
        ):
            odd |= octets >= 128
        carriage = np.flatnonzero(octets == 13)
        if len(carriage):
            stops = self.stops[self.stops < ends]
            carriage = carriage[~np.isin(carriage, stops, assume_unique=True)]
        strange = np.concatenate([np.flatnonzero(odd), carriage])
        strange = strange[strange < ends[-1]]
        self.simple[np.searchsorted(ends, strange, side="left")] = False

    def _raw(self, first: int, last: int) -> bytes:
        return self._data[int(self.starts[first]) : int(self.stops[last])]

    def parse_others(self, first_line: int, is_last: bool) -> tuple[list[_Row], list[Reject], int]:
        """Rows and rejects among the lines that are not simple, and how many lines were used."""
        rows: list[_Row] = []
        rejects: list[Reject] = []
        after = 0
        filled = int(np.max(np.flatnonzero(self.stops > self.starts), initial=-1))
        for line in np.flatnonzero(~self.simple).tolist():
            if line < after:
                continue
            if is_last and line > filled:
                break
            last, raw = line, self._raw(line, line)
            fields = self._dialect.parse(raw, self._field_count)
            if fields is Reason.UNCLOSED_QUOTE and self._dialect.is_open(raw):
                closed = self._close(line)
                if closed is None and not is_last and self._reaches_the_end(line):
                    return rows, rejects, line
                if closed is not None:
                    fields, last = closed
                    after = last + 1
            if isinstance(fields, Reason):
                rejects.append(Reject(first_line + line, raw, fields))
            else:
                span = int(self.starts[line]), int(self.stops[last])
                rows.append((first_line + line, span, fields))
        return rows, rejects, len(self.starts)

    def _close(self, line: int) -> tuple[list[str], int] | None:
        """The fields of a record that begins at `line` and goes on, and its last line.

        None where a quote was simply never closed: a later line is a complete row by itself,
        the record does not parse, or nothing closes it near by.
        """
        dialect, raw = self._dialect, self._raw(line, line)
        begins_in_first_field = raw[:1] == b'"' and dialect.is_open(
            raw.split(dialect.delimiter.encode())[0]
        )
        for last in range(line + 1, min(line + 1 + LOOK_AHEAD_LINES, len(self.starts))):
            raw = self._raw(line, last)
            if self.simple[last] or len(raw) > LOOK_AHEAD_BYTES:
                return None
            alone = dialect.parse(self._raw(last, last), self._field_count)
            together = dialect.parse(raw, self._field_count)
            if isinstance(alone, list) and not (
                begins_in_first_field and isinstance(together, list)
            ):
                return None
            if isinstance(together, list):
                return together, last
            if not dialect.is_open(raw):
                return None
        return None

    def _reaches_the_end(self, line: int) -> bool:
        """Whether the look-ahead of a line was cut short by the end of the block."""
        return (
            line + LOOK_AHEAD_LINES >= len(self.starts)
            and not self.simple[line + 1 :].any()
            and int(self.stops[-1] - self.starts[line]) <= LOOK_AHEAD_BYTES
        )

    def split_simple(
        self, header: Sequence[str], wanted: Sequence[str]
    ) -> dict[str, pa.ChunkedArray]:
        """The wanted columns of the simple lines, split by Arrow."""
        if not self.simple.any() or not wanted:
            return {name: pa.chunked_array([], pa.string()) for name in wanted}
        size = len(self._data)
        if self.simple.all() and self._ends[-1] == size - 1:
            buffer = pa.py_buffer(self._data)
        else:
            widths = np.diff(np.append(self.starts, min(int(self._ends[-1]) + 1, size)))
            mask = np.repeat(self.simple, widths)
            buffer = pa.py_buffer(self._octets[: widths.sum()][mask])
        index = {name: str(i) for i, name in enumerate(header)}
        positions = [str(i) for i in range(len(header))]
        rows = pacsv.read_csv(
            pa.BufferReader(buffer),
            read_options=pacsv.ReadOptions(column_names=positions, block_size=4 << 20),
            parse_options=pacsv.ParseOptions(
                delimiter=self._dialect.delimiter,
                quote_char=False,
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
