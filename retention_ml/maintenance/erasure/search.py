"""Words looked for in text and in the files of a database."""

import re
from collections.abc import Collection, Iterable, Sequence

import numpy as np

LETTERS_MIN = 6
"""Shorter words are found in any file of a database: they are amounts and quantities, too."""
_WIDE = ("utf-16-le", "utf-16-be")
_LETTER = re.compile(rb"[0-9A-Za-z]")
_END = 4  # bytes by which a word is recognised first
_SLOTS = 20  # bits of the table of ends
_MIX = np.uint32(2_654_435_761)  # Knuth's multiplier, 2^32 over the golden ratio
_BETWEEN = b"\xff\n"  # stands in no UTF-8 and is no letter


class Search:
    """Numbers and pseudonyms, to be found where they are not part of a longer word.

    In a page of a database letters may stand beside one that do not belong to it: there words of
    six letters or more are found anywhere.

    Parameters
    ----------
    words : sequence of str

    Notes
    -----
    Where the last four bytes of a word may end is found for all words and all bytes at once, by a
    table of their hashes; only there a word is compared. A pattern of hundreds of words takes ten
    times as long.

    Examples
    --------
    >>> search = Search(["C0000803"])
    >>> search.count(b"C0000803,1; xC0000803"), search.count_in([b"xC0000", b"803"], is_binary=True)
    (1, 1)
    """

    def __init__(self, words: Sequence[str]) -> None:
        plain = {word.encode() for word in words if word}
        # Without the zeros at its ends a word is the same in both orders of bytes, and found once;
        # of a single letter nothing would be left that tells it from text of one byte a letter.
        wide = {word.encode(name).strip(b"\0") for word in words if len(word) > 1 for name in _WIDE}
        long = {word for word in plain if len(word) >= LETTERS_MIN}
        self._overlap = 2 * (max(map(len, plain), default=0) + 1)
        self._text = _Words(apart=plain, anywhere=wide)
        self._binary = _Words(apart=plain - long, anywhere=long)

    def count(self, content: bytes) -> int:
        """How often one of them stands in a text."""
        return len(self._text.starts(content))

    def count_values(self, values: Sequence[bytes]) -> int:
        """In how many of these texts one of them stands."""
        starts = self._text.starts(_BETWEEN.join(values))
        ends = np.cumsum([len(value) + len(_BETWEEN) for value in values])
        return len(np.unique(np.searchsorted(ends, starts, side="right")))

    def count_in(self, pieces: Iterable[bytes], *, is_binary: bool = False) -> int:
        """How often one of them stands in a file that comes in pieces."""
        words = self._binary if is_binary else self._text
        hits, content, counted = 0, b"", 0
        for piece in pieces:
            content += piece
            whole = len(content) - self._overlap  # what begins after it may go on in the next piece
            if whole > counted:
                hits += sum(counted <= start < whole for start in words.starts(content))
                content, counted = content[whole - 1 :], 1
        return hits + sum(start >= counted for start in words.starts(content))


class _Words:
    """Words with no letter beside them (`apart`), and words that may stand `anywhere`."""

    def __init__(self, *, apart: Collection[bytes], anywhere: Collection[bytes]) -> None:
        self._by_end: dict[bytes, list[tuple[bytes, bool]]] = {}
        self._short: list[tuple[bytes, bool]] = []
        for words, is_apart in ((apart, True), (anywhere, False)):
            for word in words:
                if len(word) < _END:
                    self._short.append((word, is_apart))
                else:
                    self._by_end.setdefault(word[-_END:], []).append((word, is_apart))
        self._table = np.zeros(1 << _SLOTS, np.bool_)
        self._table[_slots(b"".join(self._by_end), 0)] = True

    def starts(self, content: bytes) -> list[int]:
        """Where one of them begins, in order, each place once."""
        starts = set()
        for shift in range(_END):
            for number in np.flatnonzero(self._table[_slots(content, shift)]).tolist():
                end = number * _END + shift + _END
                for word, is_apart in self._by_end.get(content[end - _END : end], ()):
                    start = end - len(word)
                    if (
                        start >= 0
                        and content.startswith(word, start)
                        and not (is_apart and _touches(content, start, end))
                    ):
                        starts.add(start)
        for word, is_apart in self._short:
            start = content.find(word)
            while start >= 0:
                if not (is_apart and _touches(content, start, start + len(word))):
                    starts.add(start)
                start = content.find(word, start + 1)
        return sorted(starts)


def _slots(content: bytes, shift: int) -> np.ndarray:
    """The slot of each four bytes that begin at `shift` and every four bytes after it."""
    count = max(0, len(content) - shift) // _END
    four = np.frombuffer(content, "<u4", count, shift) if count else np.zeros(0, np.uint32)
    return (four * _MIX) >> np.uint32(32 - _SLOTS)


def _touches(content: bytes, start: int, end: int) -> bool:
    """Whether a letter or digit stands right before or after."""
    before = start > 0 and _LETTER.match(content, start - 1)
    return bool(before or _LETTER.match(content, end))
