"""Words looked for in text and in the files of a database."""

import re
from collections.abc import Iterable, Sequence

LETTERS_MIN = 6
"""Shorter words are found in any file of a database: they are amounts and quantities, too."""
_WIDE = ("utf-16-le", "utf-16-be")
_BEFORE, _AFTER = rb"(?<![0-9A-Za-z])", rb"(?![0-9A-Za-z])"


class Search:
    """Numbers and pseudonyms, to be found where they are not part of a longer word.

    In a page of a database letters may stand beside one that do not belong to it: there words of
    six letters or more are found anywhere.

    Parameters
    ----------
    words : sequence of str

    Examples
    --------
    >>> search = Search(["C0000803"])
    >>> search.count(b"C0000803,1; xC0000803"), search.count_in([b"xC0000", b"803"], is_binary=True)
    (1, 1)
    """

    def __init__(self, words: Sequence[str]) -> None:
        encoded = sorted({word.encode() for word in words if word}, key=len, reverse=True)
        self._overlap = max(map(len, encoded), default=0) + 1
        wide = _one_of([word.encode(name) for word in words if word for name in _WIDE])
        self._overlap = 2 * self._overlap
        self._text = re.compile(_BEFORE + _one_of(encoded) + _AFTER + b"|" + wide)
        long = _one_of([word for word in encoded if len(word) >= LETTERS_MIN])
        short = _one_of([word for word in encoded if len(word) < LETTERS_MIN])
        self._binary = re.compile(long + b"|" + _BEFORE + short + _AFTER)

    def count(self, content: bytes) -> int:
        """How often one of them stands in a text."""
        return sum(1 for _ in self._text.finditer(content))

    def count_in(self, pieces: Iterable[bytes], *, is_binary: bool = False) -> int:
        """How often one of them stands in a file that comes in pieces."""
        pattern = self._binary if is_binary else self._text
        hits, content, counted = 0, b"", 0
        for piece in pieces:
            content += piece
            whole = len(content) - self._overlap  # what begins after it may go on in the next piece
            if whole > counted:
                hits += sum(counted <= each.start() < whole for each in pattern.finditer(content))
                content, counted = content[whole - 1 :], 1
        return hits + sum(each.start() >= counted for each in pattern.finditer(content))


def _one_of(words: Sequence[bytes]) -> bytes:
    """A pattern of these words, which matches nothing where there are none.

    It branches byte by byte: tried one after the other, hundreds of words take minutes.
    """
    if not words:
        return rb"(?!)"
    branches: dict[bytes, list[bytes]] = {}
    for word in words:
        branches.setdefault(word[:1], []).append(word[1:])
    parts = []
    for first, rests in sorted(branches.items()):
        longer = [rest for rest in rests if rest]
        rest = _one_of(longer) if longer else b""
        parts.append(
            re.escape(first) + (rest if len(longer) == len(rests) else b"(?:" + rest + b")?")
        )
    return b"(?:" + b"|".join(parts) + b")"
