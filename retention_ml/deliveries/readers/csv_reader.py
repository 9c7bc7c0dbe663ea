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

from retention_ml.deliveries.readers.dialect import FIELD_CHARACTERS_MAX, Dialect
from retention_ml.deliveries.reasons import Reason
from retention_ml.errors import FileRefused

LINE_BYTES_MAX = 64 << 20
LOOK_AHEAD_LINES, LOOK_AHEAD_BYTES = 50, 64 << 10
BLOCK_BYTES = 24 << 20


@dataclass(frozen=True, slots=True)
class ParsedBlock:
    """What became of a block: rows as text columns, and the lines that are no rows.

    `numbers` and `spans` (first byte, end) describe each row; a reject is its line number,
    its bytes and the reason. `consumed` bytes and `lines` were used up; the rest belongs to
    the next block.
    """

    columns: dict[str, pa.ChunkedArray]
    numbers: npt.NDArray[np.int64]
    spans: npt.NDArray[np.int64]
    rejects: list[tuple[int, bytes, Reason]]
    consumed: int
    lines: int


def blocks(stream: Iterator[bytes]) -> Iterator[bytes]:
    """The bytes in large pieces, without a byte order mark."""
    parts: list[bytes] = []
    size, first = 0, True
    for piece in stream:
        parts.append(piece)
        size += len(piece)
        if size >= BLOCK_BYTES:
            joined = b"".join(parts)
            yield joined.removeprefix(codecs.BOM_UTF8) if first else joined
            parts, size, first = [], 0, False
    if parts or first:
        joined = b"".join(parts)
        yield joined.removeprefix(codecs.BOM_UTF8) if first else joined


def line_ends(data: bytes, terminator: int) -> npt.NDArray[np.int64]:
    """Where the lines of a block end: positions of the terminator byte."""
    return np.flatnonzero(np.frombuffer(data, np.uint8) == terminator).astype(np.int64)


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
    ends = line_ends(data, terminator)
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
    starts = np.concatenate([[0], ends[:-1] + 1]) if len(ends) else ends
    octets = np.frombuffer(data, np.uint8)
    stops = ends.copy()
    if terminator == 10 and len(ends):
        stops -= (stops > starts) & (octets[np.maximum(stops - 1, 0)] == 13)
    simple = _simple_lines(octets, starts, stops, ends, dialect, len(header))
    rows, rejects, used = _other_lines(
        data, starts, stops, simple, dialect, len(header), first_line, is_last
    )
    simple[used:] = False
    columns = _split(data, octets, starts, ends, simple, dialect, header, wanted)
    numbers = np.flatnonzero(simple) + first_line
    spans = np.column_stack([starts[simple], stops[simple]])
    if rows:
        index = {name: i for i, name in enumerate(header)}
        for name in wanted:
            values = pa.array([fields[index[name]] for _, _, fields in rows], pa.string())
            columns[name] = pa.chunked_array([*columns[name].chunks, values], pa.string())
        numbers = np.concatenate([numbers, [number for number, _, _ in rows]])
        spans = np.concatenate([spans, [span for _, span, _ in rows]])
    consumed = int(ends[used - 1]) + 1 if used else 0
    return ParsedBlock(columns, numbers, spans, rejects, min(consumed, len(data)), used)


def _simple_lines(
    octets: npt.NDArray[np.uint8],
    starts: npt.NDArray[np.int64],
    stops: npt.NDArray[np.int64],
    ends: npt.NDArray[np.int64],
    dialect: Dialect,
    field_count: int,
) -> npt.NDArray[np.bool_]:
    """Which lines need no csv rules: no quote, no odd byte, and as many fields as the header."""
    simple = (stops > starts) & (stops - starts <= FIELD_CHARACTERS_MAX)
    if not len(ends):
        return simple
    delimiters = np.flatnonzero(octets[: ends[-1]] == ord(dialect.delimiter))
    simple &= np.diff(np.searchsorted(delimiters, ends), prepend=0) == field_count - 1
    odd = (octets == 34) | (octets == 0)
    if (
        dialect.encoding not in ("utf-8", "ascii")
        or dialect.decode(octets[: ends[-1]].tobytes()) is None
    ):
        odd |= octets >= 128
    carriage = np.flatnonzero(octets == 13)
    if len(carriage):
        carriage = carriage[~np.isin(carriage, stops[stops < ends], assume_unique=True)]
    strange = np.concatenate([np.flatnonzero(odd), carriage])
    strange = strange[strange < ends[-1]]
    simple[np.searchsorted(ends, strange, side="left")] = False
    return simple


def _other_lines(
    data: bytes,
    starts: npt.NDArray[np.int64],
    stops: npt.NDArray[np.int64],
    simple: npt.NDArray[np.bool_],
    dialect: Dialect,
    field_count: int,
    first_line: int,
    is_last: bool,
) -> tuple[list[tuple[int, tuple[int, int], list[str]]], list[tuple[int, bytes, Reason]], int]:
    """Rows and rejects among the lines that are not simple, and how many lines were used."""
    rows: list[tuple[int, tuple[int, int], list[str]]] = []
    rejects: list[tuple[int, bytes, Reason]] = []
    after = 0
    last = int(np.max(np.flatnonzero(stops > starts), initial=-1))
    for line in np.flatnonzero(~simple).tolist():
        if line < after:
            continue
        if is_last and line > last:
            break
        start, stop = int(starts[line]), int(stops[line])
        raw = data[start:stop]
        fields = dialect.parse(raw, field_count)
        if fields is Reason.UNCLOSED_QUOTE and dialect.is_open(raw):
            closed = _close(data, starts, stops, simple, line, dialect, field_count)
            if closed is None and not is_last and _reaches_the_end(starts, stops, simple, line):
                return rows, rejects, line
            if closed is not None:
                fields, closing = closed
                stop, after = int(stops[closing]), closing + 1
        if isinstance(fields, Reason):
            rejects.append((first_line + line, raw, fields))
        else:
            rows.append((first_line + line, (start, stop), fields))
    return rows, rejects, len(starts)


def _close(
    data: bytes,
    starts: npt.NDArray[np.int64],
    stops: npt.NDArray[np.int64],
    simple: npt.NDArray[np.bool_],
    line: int,
    dialect: Dialect,
    field_count: int,
) -> tuple[list[str], int] | None:
    """The fields of a record that begins at `line` and goes on over further lines, and its last line.

    None where a quote was simply never closed: a later line is a complete row by itself, the
    record does not parse, or nothing closes it near by.
    """
    start = int(starts[line])
    begins_in_first_field = data[start : start + 1] == b'"' and dialect.is_open(
        data[start : int(stops[line])].split(dialect.delimiter.encode())[0]
    )
    for closing in range(line + 1, min(line + 1 + LOOK_AHEAD_LINES, len(starts))):
        if simple[closing] or int(stops[closing]) - start > LOOK_AHEAD_BYTES:
            return None
        alone = dialect.parse(data[int(starts[closing]) : int(stops[closing])], field_count)
        together = dialect.parse(data[start : int(stops[closing])], field_count)
        if isinstance(alone, list) and not (begins_in_first_field and isinstance(together, list)):
            return None
        if isinstance(together, list):
            return together, closing
        if not dialect.is_open(data[start : int(stops[closing])]):
            return None
    return None


def _reaches_the_end(
    starts: npt.NDArray[np.int64],
    stops: npt.NDArray[np.int64],
    simple: npt.NDArray[np.bool_],
    line: int,
) -> bool:
    """Whether the look-ahead of a line was cut short by the end of the block."""
    return (
        line + LOOK_AHEAD_LINES >= len(starts)
        and not simple[line + 1 :].any()
        and int(stops[-1] - starts[line]) <= LOOK_AHEAD_BYTES
    )


def _split(
    data: bytes,
    octets: npt.NDArray[np.uint8],
    starts: npt.NDArray[np.int64],
    ends: npt.NDArray[np.int64],
    simple: npt.NDArray[np.bool_],
    dialect: Dialect,
    header: Sequence[str],
    wanted: Sequence[str],
) -> dict[str, pa.ChunkedArray]:
    """The wanted columns of the simple lines, split by Arrow."""
    if not simple.any() or not wanted:
        return {name: pa.chunked_array([], pa.string()) for name in wanted}
    if simple.all() and ends[-1] == len(data) - 1:
        buffer = pa.py_buffer(data)
    else:
        widths = np.diff(np.append(starts, min(int(ends[-1]) + 1, len(data))))
        buffer = pa.py_buffer(octets[: widths.sum()][np.repeat(simple, widths)])
    positions = [str(i) for i in range(len(header))]
    index = {name: str(i) for i, name in enumerate(header)}
    rows = pacsv.read_csv(
        pa.BufferReader(buffer),
        read_options=pacsv.ReadOptions(column_names=positions, block_size=4 << 20),
        parse_options=pacsv.ParseOptions(
            delimiter=dialect.delimiter,
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
