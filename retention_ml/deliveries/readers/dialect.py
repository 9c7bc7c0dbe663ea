"""One record of delimited text: its fields, or the reason why it has none."""

import csv
from dataclasses import dataclass

from retention_ml.deliveries.reasons import Reason

FIELD_CHARACTERS_MAX = 131_072

Fields = list[str] | Reason


@dataclass(frozen=True, slots=True)
class Dialect:
    """How the lines of a file are written."""

    encoding: str
    delimiter: str

    def decode(self, raw: bytes) -> str | None:
        """The text, or None where the bytes are not valid in this encoding."""
        try:
            return raw.decode(self.encoding)
        except UnicodeDecodeError:
            return None

    def parse(self, raw: bytes, field_count: int | None) -> Fields:
        """The fields of one record (several lines only where a field is quoted over them).

        Parameters
        ----------
        raw : bytes
        field_count : int or None
            How many fields it must have; None where any number will do.

        Examples
        --------
        >>> Dialect("utf-8", ",").parse(b'1,"a, b"', 2)
        ['1', 'a, b']
        >>> Dialect("utf-8", ",").parse(b'1,"a, b', 2)
        <Reason.UNCLOSED_QUOTE: 'unclosed_quote'>
        """
        text = self.decode(raw)
        if text is None:
            return Reason.BAD_ENCODING
        if "\0" in text:
            return Reason.NUL_BYTE
        if not text:
            return Reason.EMPTY_LINE
        try:
            rows = list(csv.reader([text], delimiter=self.delimiter, strict=True))
        except csv.Error as error:
            return self._fault(text, str(error))
        if len(rows) != 1 or field_count not in (None, len(rows[0])):
            return Reason.WRONG_FIELD_COUNT
        if len(text) > FIELD_CHARACTERS_MAX and max(map(len, rows[0])) > FIELD_CHARACTERS_MAX:
            return Reason.FIELD_TOO_LONG
        return rows[0]

    @staticmethod
    def _fault(text: str, message: str) -> Reason:
        if "field limit" in message:
            return Reason.FIELD_TOO_LONG
        if "new-line" in message:
            return Reason.STRAY_LINE_END
        if text.count('"') % 2 or "unexpected end" in message:
            return Reason.UNCLOSED_QUOTE
        return Reason.MALFORMED_QUOTES

    def is_open(self, raw: bytes) -> bool:
        """Whether the record ends inside a quoted field, so that more lines may belong to it."""
        text = self.decode(raw)
        if text is None or "\0" in text:
            return False
        try:
            list(csv.reader([text], delimiter=self.delimiter, strict=True))
        except csv.Error as error:
            return "unexpected end" in str(error)
        return False
