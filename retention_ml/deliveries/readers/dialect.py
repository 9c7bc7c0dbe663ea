"""One record of delimited text: its fields, or the reason why it has none."""

import csv
import re
from dataclasses import dataclass
from enum import Enum, auto
from functools import lru_cache

from retention_ml.deliveries.reasons import Reason

FIELD_CHARACTERS_MAX = 131_072
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r"}

Fields = list[str] | Reason


class State(Enum):
    """Where the end of a line lies: after its record, in quotes, after an escape, or in nonsense."""

    CLOSED = auto()
    QUOTED = auto()
    ESCAPED = auto()
    MALFORMED = auto()


@dataclass(frozen=True, slots=True)
class Dialect:
    """How the records of a file are written.

    `quote` is empty where quotes are letters like others. After `escape`, which may be empty, the
    delimiter, the quote, itself and a line end are letters, and `n`, `t` and `r` a line feed, a tab
    and a carriage return; before any other letter it stays (`\\N`). The last `nameless` columns have
    no name: nothing may stand in them.
    """

    delimiter: str
    quote: str = '"'
    escape: str = ""
    nameless: int = 0

    def parse(self, raw: bytes, field_count: int | None) -> Fields:
        """The fields of one record in UTF-8; see `parse_text`.

        Examples
        --------
        >>> Dialect(",").parse(b'1,"a, b"', 2)
        ['1', 'a, b']
        >>> Dialect(",").parse(b'1,"a, b', 2)
        <Reason.UNCLOSED_QUOTE: 'unclosed_quote'>
        """
        try:
            return self.parse_text(raw.decode(), field_count)
        except UnicodeDecodeError:
            return Reason.BAD_ENCODING

    def parse_text(self, text: str, field_count: int | None) -> Fields:
        """The fields of one record (several lines only where a field is quoted over them).

        Parameters
        ----------
        text : str
        field_count : int or None
            How many fields it must have; None where any number will do.
        """
        if "\0" in text:
            return Reason.NUL_BYTE
        if not text:
            return Reason.EMPTY_LINE
        fields = self._split_escaped(text) if self.escape else self._split(text)
        if isinstance(fields, Reason):
            return fields
        if field_count is not None and field_count != len(fields):
            return Reason.WRONG_FIELD_COUNT
        if self.nameless and any(fields[-self.nameless :]):
            return Reason.WRONG_FIELD_COUNT
        if len(text) > FIELD_CHARACTERS_MAX and max(map(len, fields)) > FIELD_CHARACTERS_MAX:
            return Reason.FIELD_TOO_LONG
        return fields

    def is_open(self, raw: bytes) -> bool:
        """Whether the record ends where more lines may belong to it: in quotes, or escaped."""
        return self.state(raw) in (State.QUOTED, State.ESCAPED)

    def state(self, raw: bytes, before: State = State.CLOSED) -> State:
        """Where the end of a line lies, given where the end of the line before lies."""
        if before is not State.QUOTED:
            return self._state_of_record(raw)
        inside = _inside_quotes(self.quote, self.escape).match(raw)
        end = inside.end() if inside else 0
        if raw[end : end + 1] != self.quote.encode():
            return State.QUOTED
        rest = raw[end + 1 :]
        if not rest:
            return State.CLOSED
        is_delimited = rest.startswith(self.delimiter.encode())
        return self._state_of_record(rest) if is_delimited else State.MALFORMED

    def _state_of_record(self, raw: bytes) -> State:
        try:
            text = raw.decode()
        except UnicodeDecodeError:
            return State.CLOSED
        if "\0" in text:
            return State.CLOSED
        if self.escape:
            if self._split_escaped(text) is not Reason.UNCLOSED_QUOTE:
                return State.CLOSED
            is_quoted = self._split_escaped(text + self.escape) is Reason.UNCLOSED_QUOTE
            return State.QUOTED if is_quoted else State.ESCAPED
        if not self.quote:
            return State.CLOSED
        try:
            self._records(text)
        except csv.Error as error:
            return State.QUOTED if "unexpected end" in str(error) else State.CLOSED
        return State.CLOSED

    def _records(self, text: str) -> list[list[str]]:
        reader = csv.reader([text], delimiter=self.delimiter, quotechar=self.quote, strict=True)
        return list(reader)

    def _split(self, text: str) -> Fields:
        if not self.quote:
            return Reason.STRAY_LINE_END if "\r" in text else text.split(self.delimiter)
        try:
            rows = self._records(text)
        except csv.Error as error:
            return self._fault(text, str(error))
        return rows[0] if len(rows) == 1 else Reason.WRONG_FIELD_COUNT

    def _fault(self, text: str, message: str) -> Reason:
        if "field limit" in message:
            return Reason.FIELD_TOO_LONG
        if "new-line" in message:
            return Reason.STRAY_LINE_END
        if text.count(self.quote) % 2 or "unexpected end" in message:
            return Reason.UNCLOSED_QUOTE
        return Reason.MALFORMED_QUOTES

    def _split_escaped(self, text: str) -> Fields:
        """The fields where letters may be escaped; an open end counts as an open quote."""
        fields: list[str] = []
        parts: list[str] = []
        in_quotes = was_quoted = False
        i, n = 0, len(text)
        special = {self.escape, self.delimiter, self.quote, "\r"} - {""}
        while i < n:
            letter = text[i]
            if letter not in special:
                j = i + 1
                while j < n and text[j] not in special:
                    j += 1
                if was_quoted and not in_quotes:
                    return Reason.MALFORMED_QUOTES
                parts.append(text[i:j])
                i = j
                continue
            if letter == self.escape:
                following = text[i + 1 : i + 2]
                if not following:
                    return Reason.UNCLOSED_QUOTE
                if text[i + 1 : i + 3] == "\r\n":
                    i += 1
                    following = "\n"
                if following in special or following == "\n":
                    parts.append(following)
                else:
                    parts.append(_ESCAPED.get(following, letter + following))
                i += 2
                continue
            if letter == self.quote and (in_quotes or (not parts and not was_quoted)):
                if in_quotes and text[i + 1 : i + 2] == self.quote:
                    parts.append(letter)
                    i += 1
                else:
                    in_quotes, was_quoted = not in_quotes, True
            elif letter == self.delimiter and not in_quotes:
                fields.append("".join(parts))
                parts, was_quoted = [], False
            elif letter == "\r" and not in_quotes:
                return Reason.STRAY_LINE_END
            else:
                parts.append(letter)
            i += 1
        if in_quotes:
            return Reason.UNCLOSED_QUOTE
        return [*fields, "".join(parts)]


@lru_cache(maxsize=16)
def _inside_quotes(quote: str, escape: str) -> re.Pattern[bytes]:
    """What may stand in a quoted field up to the quote that closes it."""
    q, e = re.escape(quote), re.escape(escape)
    plain = f"[^{q}{e}]|{q}{q}" + (f"|{e}." if escape else "")
    return re.compile(f"(?:{plain})*+".encode(), re.DOTALL)
