"""Where a record ends that is still open at the end of its line.

Inside quotes, what a line does does not depend on where they were opened. So one look ahead serves
all open lines that it passes, and a file of nothing but open quotes is read once, not once a line.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto

import numpy as np
import numpy.typing as npt

from retention_ml.deliveries.readers.dialect import Dialect, Fields, State
from retention_ml.deliveries.reasons import Reason

LOOK_AHEAD_BYTES = 1 << 20
_PARSES_MAX = 8


class Ending(Enum):
    """How a look ahead ended: at a closing quote, where none can come, or too far from the line."""

    CLOSED = auto()
    NEVER = auto()
    TOO_FAR = auto()


# Whether the field that is open is the first, and otherwise whether the first has digits, letters.
_Kind = tuple[bool, bool, bool]


@dataclass(slots=True)
class _Scan:
    """A look ahead: the state at the end of each line since `begin`, and how it ended, if it has."""

    begin: int
    states: list[State]
    ending: Ending | None = None
    has_rows: bool = False

    @property
    def last(self) -> int:
        return self.begin + len(self.states) - 1


@dataclass(slots=True)
class OpenQuotes:
    """The lines of a block, from `starts` to `stops`; `simple` ones are rows by themselves.

    `raw` returns the bytes from the first to the last of some lines.
    """

    dialect: Dialect
    field_count: int
    starts: npt.NDArray[np.int64]
    stops: npt.NDArray[np.int64]
    simple: npt.NDArray[np.bool_]
    raw: Callable[[int, int], bytes]
    _scans: dict[_Kind, _Scan] = field(default_factory=dict)
    _parses: Counter[int] = field(default_factory=Counter)

    def close(self, line: int) -> tuple[Fields, int] | None:
        """The fields and the last line of the record that begins at an open line.

        A quote that is never closed costs only its own line. It counts as closed where the record
        has the right number of fields, or nothing in it could be a row by itself; and a line that
        could be one, and begins like the open line, is always a row. None where the block ends
        before that can be known.
        """
        scan = self._look_ahead(line)
        if scan.ending is None:
            return None
        never = Reason.UNCLOSED_QUOTE, line
        last = scan.last
        rows = int(self.simple[line + 1 : last].sum())
        if scan.ending is not Ending.CLOSED or 2 * rows > last - line:
            return never
        self._parses[last] += 1
        if self._parses[last] > _PARSES_MAX:
            return never
        fields = self.dialect.parse(self.raw(line, last), self.field_count)
        is_lost = isinstance(fields, Reason) and (scan.has_rows or rows)
        return never if is_lost else (fields, last)

    def _look_ahead(self, line: int) -> _Scan:
        raw = self.raw(line, line)
        state, kind = self.dialect.state(raw), self._kind(raw)
        scan = self._scans.get(kind)
        if (
            scan is None
            or not 0 <= line - scan.begin < len(scan.states)
            or scan.states[line - scan.begin] is not state
        ):
            scan = self._scans[kind] = _Scan(line, [state])
        elif scan.ending is Ending.TOO_FAR:
            scan.ending = None
        limit = int(self.starts[line]) + LOOK_AHEAD_BYTES
        while scan.ending is None and scan.last + 1 < len(self.starts):
            if int(self.stops[scan.last + 1]) > limit:
                scan.ending = Ending.TOO_FAR
            else:
                self._go_on(scan, kind)
        return scan

    def _go_on(self, scan: _Scan, kind: _Kind) -> None:
        """Look at one line more."""
        line = scan.last + 1
        raw = self.raw(line, line)
        is_row = bool(self.simple[line]) or isinstance(
            self.dialect.parse(raw, self.field_count), list
        )
        if is_row and (self.simple[line] if kind[0] else self._kind(raw) == kind):
            scan.ending = Ending.NEVER
            return
        scan.has_rows |= is_row and kind[0]
        state = self.dialect.state(raw, scan.states[-1])
        if state is State.MALFORMED:
            scan.ending = Ending.NEVER
            return
        scan.states.append(state)
        if state is State.CLOSED:
            scan.ending = Ending.CLOSED

    def _kind(self, raw: bytes) -> _Kind:
        first = raw.split(self.dialect.delimiter.encode(), 1)[0]
        if self.dialect.is_open(first):
            return True, False, False
        is_lettered = first.upper() != first.lower() or not first.isascii()
        return False, any(48 <= octet < 58 for octet in first), is_lettered
