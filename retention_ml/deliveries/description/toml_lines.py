"""On which line of a TOML text a key stands; for messages about what it says."""

import re

from retention_ml.deliveries.description.mistakes import Path

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_KEY = re.compile(r"[A-Za-z0-9_-]+|\"(?:[^\"\\\n]|\\.)*\"|'[^'\n]*'")
_DOT = re.compile(r"[ \t]*\.[ \t]*")
_STRING = re.compile(
    r'"""(?:[^\\]|\\.)*?"""{0,2}"|' + r"'''.*?''''{0,2}|" + r'"(?:[^"\\\n]|\\.)*"|' + r"'[^'\n]*'",
    re.DOTALL,
)
_SCALAR = re.compile(r"[^,\]}\n#]+")


def line_of(text: str, path: Path) -> int:
    """The line of a key path, the first is 1; of the longest beginning of it that is there.

    Parameters
    ----------
    text : str
        Valid TOML.
    path : tuple of str or int
        Keys, and places in arrays.

    Examples
    --------
    >>> line_of('title = "x"\\n[feeds.a]\\nfiles = ["y"]\\n', ("feeds", "a", "files"))
    3
    """
    scanner = _Scanner(text)
    scanner.scan()
    for length in range(len(path), 0, -1):
        if path[:length] in scanner.places:
            return text.count("\n", 0, scanner.places[path[:length]]) + 1
    return 1


class _Scanner:
    """Notes where each key of a valid TOML text begins."""

    def __init__(self, text: str) -> None:
        self._text, self._at = text, 0
        self.places: dict[Path, int] = {}
        self._lengths: dict[Path, int] = {}

    def scan(self) -> None:
        """Read the whole text, or as far as it can be followed."""
        table: Path = ()
        self._skip()
        while self._at < len(self._text):
            begin = self._at
            if self._text.startswith("[", begin):
                is_array = self._text.startswith("[[", begin)
                self._at += 2 if is_array else 1
                table = self._table(self._keys(), is_array=is_array, begin=begin)
                self._at = self._text.find("]", self._at) + (2 if is_array else 1)
            else:
                self._pair(table)
            self._skip()
            if self._at <= begin:
                return

    def _table(self, keys: list[str], *, is_array: bool, begin: int) -> Path:
        path: Path = ()
        for place, key in enumerate(keys):
            path = (*path, key)
            self.places.setdefault(path, begin)
            if is_array and place == len(keys) - 1:
                self._lengths[path] = self._lengths.get(path, 0) + 1
            if path in self._lengths:
                path = (*path, self._lengths[path] - 1)
                self.places.setdefault(path, begin)
        return path

    def _pair(self, table: Path) -> None:
        begin, path = self._at, table
        for key in self._keys():
            path = (*path, key)
            self.places.setdefault(path, begin)
        self._at = self._text.find("=", self._at) + 1
        self._skip()
        self._value(path)

    def _keys(self) -> list[str]:
        keys: list[str] = []
        self._skip()
        while match := _KEY.match(self._text, self._at):
            key = match[0]
            keys.append(key[1:-1] if key[0] in "\"'" else key)
            self._at = match.end()
            dot = _DOT.match(self._text, self._at)
            if dot is None:
                break
            self._at = dot.end()
        return keys

    def _value(self, path: Path) -> None:
        if self._text.startswith("{", self._at):
            self._at += 1
            self._skip()
            while self._at < len(self._text) and self._text[self._at] != "}":
                before = self._at
                self._pair(path)
                self._separator()
                if self._at <= before:
                    return
            self._at += 1
        elif self._text.startswith("[", self._at):
            self._at += 1
            self._skip()
            place = 0
            while self._at < len(self._text) and self._text[self._at] != "]":
                before = self._at
                self.places.setdefault((*path, place), before)
                self._value((*path, place))
                self._separator()
                place += 1
                if self._at <= before:
                    return
            self._at += 1
        elif match := _STRING.match(self._text, self._at) or _SCALAR.match(self._text, self._at):
            self._at = match.end()

    def _separator(self) -> None:
        self._skip()
        if self._text.startswith(",", self._at):
            self._at += 1
        self._skip()

    def _skip(self) -> None:
        match = _BLANK.match(self._text, self._at)
        self._at = match.end() if match else self._at
