"""One JSON document, read in pieces: where its arrays are, and the elements of one of them.

The document may be larger than the memory; an element may not.
"""

import codecs
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from retention_ml.deliveries.readers import json_paths
from retention_ml.deliveries.readers.csv_reader import LINE_BYTES_MAX
from retention_ml.errors import FileRefused

_SPACE = re.compile(r"[ \t\r\n]*+")
_TOKEN = re.compile(r'[{}\[\]]|"(?:[^"\\]|\\.)*+(?:"|\\?\Z)', re.DOTALL)
_DEPTH_MAX = 10
# An error that lies nearer to the end of what is read may only be a cut.
_NEAR_END = 64


class Element(NamedTuple):
    """An element of an array: its value (numbers as they are written), and its text."""

    value: Any
    text: str


@dataclass(frozen=True, slots=True)
class Outline:
    """What a document is: `[` or `{`, and the arrays outside of others by their path.

    Each array is `{` where it begins with an object, `]` where it is empty, else another sign.
    """

    kind: str
    arrays: dict[str, str]


class JsonDocument:
    """Reads a document from its beginning.

    Parameters
    ----------
    pieces : iterator of bytes
    encoding : str
    name : str
        The file's name for messages.
    decimal : str
        The decimal mark that its numbers get.

    Raises
    ------
    FileRefused
        By each method, if the document is broken or an element is too long.
    """

    def __init__(
        self, pieces: Iterator[bytes], encoding: str, name: str, decimal: str = "."
    ) -> None:
        self._pieces, self._name = pieces, name
        self._json = json_paths.decoder(decimal)
        self._decoder = codecs.getincrementaldecoder(encoding)()
        self._text, self._at, self._before = "", 0, 0
        self._is_complete = False

    def outline(self) -> Outline:
        """What the document is; it is read to its end."""
        arrays: dict[str, str] = {}
        kind = self._peek()
        if kind not in ("[", "{"):
            raise self._broken("does not begin with [ or {")
        self._walk("", arrays)
        following = self._peek()
        if following:
            if kind == "{" and following == "{":
                raise FileRefused(
                    f"{self._name} holds several JSON documents; expected one. If each line is one, "
                    'set format = "jsonl" in its feed.',
                    "bad_json",
                )
            raise self._broken("has something after its end")
        return Outline(kind, arrays)

    def elements(self, path: str) -> Iterator[Element]:
        """The elements of the array at a path, "" for the document itself."""
        if not self._go_to(path, "") or self._peek() != "[":
            return
        self._at += 1
        while self._peek() != "]":
            yield self._value()
            if self._peek() == ",":
                self._at += 1
            elif self._peek() != "]":
                raise self._broken("lacks a comma")

    def whole(self) -> Element:
        """The document as one value."""
        self._peek()
        return self._value()

    def _walk(self, path: str, arrays: dict[str, str], depth: int = 0) -> None:
        sign = self._peek()
        if sign == "[":
            self._at += 1
            arrays[path] = self._peek()
            self._skip(depth=1)
        elif sign == "{" and depth < _DEPTH_MAX:
            for key in self._keys():
                self._walk(f"{path}.{key}" if path else key, arrays, depth + 1)
        else:
            self._skip()

    def _go_to(self, path: str, at: str) -> bool:
        """Read up to the value at a path; whether there is one."""
        if path == at:
            return True
        if self._peek() != "{":
            self._skip()
            return False
        for key in self._keys():
            inner = f"{at}.{key}" if at else key
            if path == inner or path.startswith(f"{inner}."):
                if self._go_to(path, inner):
                    return True
            else:
                self._skip()
        return False

    def _keys(self) -> Iterator[str]:
        """The keys of an object; the value of each is to be read before the next."""
        self._at += 1
        while self._peek() != "}":
            if self._peek() != '"':
                raise self._broken("lacks a key")
            key = str(self._value().value)
            if self._peek() != ":":
                raise self._broken("lacks a colon")
            self._at += 1
            yield key
            if self._peek() == ",":
                self._at += 1
            elif self._peek() != "}":
                raise self._broken("lacks a comma")
        self._at += 1

    def _peek(self) -> str:
        """The next letter that is no white space, "" at the end."""
        while True:
            match = _SPACE.match(self._text, self._at)
            self._at = match.end() if match else self._at
            if self._at < len(self._text) or not self._fill():
                return self._text[self._at : self._at + 1]

    def _value(self) -> Element:
        while True:
            try:
                value, end = self._json.raw_decode(self._text, self._at)
            except json.JSONDecodeError as error:
                is_near_end = error.pos > len(self._text) - _NEAR_END
                if not (is_near_end or "Unterminated" in error.msg) or not self._fill():
                    raise self._broken("cannot be read", error.pos) from error
            except RecursionError as error:
                raise self._broken("is nested too deeply") from error
            else:
                # A number may go on in the next piece.
                if end < len(self._text) or isinstance(value, dict | list) or not self._fill():
                    text = self._text[self._at : end]
                    self._at = end
                    return Element(value, text)

    def _skip(self, depth: int = 0) -> None:
        """Pass over a value, or over what is left of one that has been opened."""
        if not depth and self._peek() not in ("{", "["):
            self._value()
            return
        while True:
            match = _TOKEN.search(self._text, self._at)
            token = match[0] if match else ""
            if match is None or (
                token[0] == '"' and (len(token) == 1 or match.end() == len(self._text))
            ):
                self._at = match.start() if match else len(self._text)
                if self._fill():
                    continue
                if match is None or len(token) == 1 or token[-1] != '"':
                    raise self._broken("ends too early")
            assert match is not None
            self._at = match.end()
            if token in ("{", "["):
                depth += 1
            elif token in ("}", "]"):
                depth -= 1
                if not depth:
                    return

    def _fill(self) -> bool:
        """Read at least as much again as waits; whether there was more."""
        if self._is_complete:
            return False
        waiting = self._text[self._at :]
        if len(waiting) > LINE_BYTES_MAX:
            raise FileRefused(
                f"{self._name} has an element or a text of more than {LINE_BYTES_MAX >> 20} MiB after "
                f"letter {self._before + self._at:,}. Expected one row an element.",
                "line_too_long",
            )
        parts, size = [waiting], 0
        try:
            while size <= len(waiting):
                piece = next(self._pieces, None)
                parts.append(self._decoder.decode(piece or b"", final=piece is None))
                size += len(parts[-1])
                if piece is None:
                    self._is_complete = True
                    break
        except UnicodeError as error:
            raise FileRefused(
                f"{self._name} is no {self._decoder.__class__.__module__.rpartition('.')[2]} text "
                f"after letter {self._before + self._at:,}. Set the encoding of its feed, or deliver "
                "it again.",
                "bad_encoding",
            ) from error
        self._before += self._at
        self._text, self._at = "".join(parts), 0
        return size > 0

    def _broken(self, what: str, position: int | None = None) -> FileRefused:
        at = self._before + (self._at if position is None else position)
        is_end = not self._text[self._at :].strip() and self._is_complete
        where = "at its end: it was cut off" if is_end else f"at letter {at + 1:,}"
        return FileRefused(
            f"{self._name} is no JSON document: it {what} {where}. Export it again and deliver it.",
            "bad_json",
        )
