"""Text encodings: lines of any codec as UTF-8, and what their bytes say about a declaration.

Lines are split by the bytes that end them in their encoding and decoded all at once where that
works, one by one where it does not, so that a line that is no text costs only itself.
The bytes of each line stay available: they go to quarantine as they were delivered.
"""

import codecs
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

# Stands for a line that cannot be decoded; no text in UTF-8 has it.
UNDECODABLE = b"\xff"
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_SAMPLE_BYTES = 200_000
_ESCAPES = b"\x1b$B$3\x1b(B~{0!~}+AGE-"  # what stateful codecs read as something else


@dataclass(frozen=True, slots=True)
class Codec:
    """An encoding: its name, the bytes of a code unit, what ends lines, and whether ASCII is itself.

    `mark` stands before the bytes of each line that is kept by itself: it says in which order
    the bytes of a unit are.
    """

    name: str
    unit: int
    covers_ascii: bool
    mark: bytes = b""

    @property
    def is_utf8(self) -> bool:
        """Whether its text is UTF-8."""
        return self.name == "utf-8"

    def unit_of(self, letter: str) -> int | None:
        """The number of the code unit that is a letter, None where it takes several."""
        try:
            encoded = letter.encode(self.name)
        except UnicodeEncodeError:
            return None
        order = "big" if self.name.endswith("be") else "little"
        return int.from_bytes(encoded, order) if len(encoded) == self.unit else None  # type: ignore[arg-type]

    def units(self, data: bytes) -> npt.NDArray[np.unsignedinteger]:
        """The code units of some bytes; an unfinished last one is left out."""
        order = ">" if self.name.endswith("be") else "<"
        return np.frombuffer(data, f"{order}u{self.unit}", count=len(data) // self.unit)


@lru_cache(maxsize=64)
def find_codec(name: str, beginning: bytes = b"") -> Codec:
    """The codec of a name; of UTF-16 and UTF-32, in the order of bytes that the beginning shows.

    Raises
    ------
    LookupError
        Python has no text codec of that name.
    """
    info = codecs.lookup(name)
    if not getattr(info, "_is_text_encoding", True):
        raise LookupError(f"unknown encoding: {name}")
    canonical = {"utf-8-sig": "utf-8"}.get(info.name, info.name)
    if canonical.startswith(("utf-16", "utf-32")):
        family, unit = canonical[:6], int(canonical[4:6]) // 8
        of_mark = [other for mark, other in _MARKS if beginning.startswith(mark)]
        if of_mark and of_mark[0].startswith(family):
            canonical = of_mark[0]
        elif canonical == family:
            is_big = beginning[:400:unit].count(0) > beginning[unit - 1 : 400 : unit].count(0)
            canonical = f"{family}-{'be' if is_big else 'le'}"
        marks = {other: mark for mark, other in _MARKS}
        return Codec(canonical, unit, covers_ascii=False, mark=marks[canonical])
    plain = bytes(range(128)).replace(b"\x1b", b"")
    try:
        covers = all(sample.decode(name) == sample.decode("ascii") for sample in (plain, _ESCAPES))
    except UnicodeError:
        covers = False
    return Codec(canonical, 1, covers)


def decode(raw: bytes, codec: Codec) -> str | None:
    """The text of a row without a mark before it, or None where its bytes are no such text."""
    if codec.unit > 1:
        codec = find_codec(codec.name[:6], raw[:4]) if raw[:4] else codec
    try:
        return raw.decode(codec.name).removeprefix("\ufeff")
    except UnicodeError:
        return None


def without_mark(beginning: bytes, codec: Codec) -> bytes:
    """The first bytes of a file without their byte order mark."""
    return beginning.removeprefix(codecs.BOM_UTF8 if codec.unit == 1 else codec.mark)


@dataclass(frozen=True, slots=True)
class Lines:
    """Some lines as they were delivered and as UTF-8, ended by line feeds or carriage returns.

    `rest` begins with the delivered bytes; an unfinished line may follow.
    """

    rest: bytes
    utf8: bytes
    _codec: Codec
    _length: int
    _delivered_ends: npt.NDArray[np.int64] | None = None
    _utf8_ends: npt.NDArray[np.int64] | None = None

    def raw(self, begin: int, end: int) -> bytes:
        """The delivered bytes of the lines that lie from one byte of the UTF-8 to another."""
        if self._delivered_ends is None or self._utf8_ends is None:
            return self.utf8[begin:end]
        first, last = np.searchsorted(self._utf8_ends, [begin, end]).tolist()
        line = self.rest[self._begin(first) : self._end(last)]
        if end < len(self.utf8) and self.utf8[end] == 13 and end not in self._utf8_ends:
            line = line[: -self._codec.unit]
        return self._codec.mark + line

    def delivered_bytes(self, lines: int, utf8_bytes: int) -> int:
        """How many delivered bytes the first lines are, given how many bytes of UTF-8."""
        return utf8_bytes if self._delivered_ends is None else self._begin(lines)

    @property
    def unfinished_bytes(self) -> int:
        """How many delivered bytes follow the last whole line."""
        return len(self.rest) - self._length

    def _begin(self, line: int) -> int:
        ends = self._delivered_ends
        assert ends is not None
        return min(int(ends[line - 1]) + self._codec.unit, self._length) if line else 0

    def _end(self, line: int) -> int:
        ends = self._delivered_ends
        assert ends is not None
        return int(ends[line]) if line < len(ends) else self._length


def line_end(codec: Codec, beginning: bytes) -> str:
    """What ends the lines of a file: a line feed, or a carriage return or next line without one."""
    letters = ["\n", "\r"] if codec.covers_ascii or codec.unit > 1 else ["\n", "\x85", "\r"]
    for letter in letters:
        unit = codec.unit_of(letter)
        if unit is not None and (
            bytes([unit]) in beginning
            if codec.unit == 1
            else (codec.units(beginning) == unit).any()
        ):
            return letter
    return "\n"


def _ends(data: bytes, codec: Codec, letter: str) -> npt.NDArray[np.int64]:
    """Where a letter stands, if it is one code unit."""
    unit = codec.unit_of(letter)
    places = np.flatnonzero(codec.units(data) == unit) if unit is not None else np.array([])
    return places.astype(np.int64) * codec.unit


def lines_of(data: bytes, codec: Codec, end: str, *, is_last: bool) -> Lines:
    """Lines with their UTF-8; those that are no text in their encoding are `UNDECODABLE` there.

    Parameters
    ----------
    data : bytes
        Whole lines; unless `is_last`, an unfinished line may follow.
    codec : Codec
    end : str
        What ends each line.
    is_last : bool
    """
    if codec.is_utf8 or (codec.covers_ascii and data.isascii()):
        return Lines(data, data, codec, len(data))
    ends = _ends(data, codec, end)
    length = len(data) if is_last else int(ends[-1]) + codec.unit if len(ends) else 0
    terminator = b"\r" if end == "\r" else b"\n"
    utf8 = _recode(data[:length], codec, end)
    if utf8 is None or utf8.count(terminator) != len(ends):
        starts = [0, *(ends + codec.unit).tolist()]
        stops = [*ends.tolist(), length]
        parts = [_recode(data[a:b], codec, end) for a, b in zip(starts, stops, strict=True)]
        utf8 = terminator.join(
            UNDECODABLE if part is None or terminator in part else part for part in parts
        )
    utf8_ends = np.flatnonzero(np.frombuffer(utf8, np.uint8) == terminator[0])
    return Lines(data, utf8, codec, length, ends, utf8_ends.astype(np.int64))


def _recode(data: bytes, codec: Codec, end: str) -> bytes | None:
    try:
        text = data.decode(codec.name)
        return (text.replace(end, "\n") if end == "\x85" else text).encode()
    except UnicodeError:
        return None


def split_lines(data: bytes, codec: Codec) -> list[bytes]:
    """The delivered lines of some bytes; the last one is what follows the last line end."""
    if codec.covers_ascii:
        return data.split(b"\n")
    ends = _ends(data, codec, "\n")
    starts = [0, *(ends + codec.unit).tolist()]
    return [data[a:b] for a, b in zip(starts, [*ends.tolist(), len(data)], strict=True)]


def contradiction(beginning: bytes, codec: Codec) -> str | None:
    """The encoding that the first bytes of a file certainly have, where another one is declared."""
    for mark, name in _MARKS:
        if beginning.startswith(mark):
            is_declared = codec.is_utf8 if name == "utf-8" else codec.name[:6] == name[:6]
            return None if is_declared else name.removesuffix("-le").removesuffix("-be")
    if codec.unit > 1:
        units = codec.units(beginning[:4096])
        is_text = beginning.isascii() and 0 not in beginning
        return "utf-8" if is_text and len(units) > 4 else None
    every_second = [beginning[begin:40:2].count(0) for begin in (0, 1)]
    if max(every_second) > 4 and min(every_second) == 0:
        return "utf-16-be" if every_second[0] else "utf-16-le"
    if codec.is_utf8 or beginning.isascii():
        return None
    text = _text(beginning, "utf-8")
    if text is not None:
        # Two bytes that are UTF-8 by chance are common where a letter takes two bytes.
        letters = sum(not letter.isascii() for letter in text[:_SAMPLE_BYTES])
        is_certain = letters >= 4 or _text(beginning, codec.name) is None or _is_single(codec)
        return "utf-8" if is_certain else None
    if _is_single(codec) and _is_latin(beginning[:_SAMPLE_BYTES].decode(codec.name, "replace")):
        return _certain_reading(beginning)
    return None


def likely_encoding(beginning: bytes) -> str | None:
    """The encoding that some bytes are probably in, for a message; None where they fit none."""
    if _text(beginning, "utf-8") is not None:
        return "utf-8"
    certain = _certain_reading(beginning)
    if certain is not None:
        return certain
    return next((name for name in ("cp1252", "cp1250") if _text(beginning, name)), None)


def _text(data: bytes, name: str) -> str | None:
    """The text of the beginning of a file; a last letter that is cut does not count."""
    try:
        return codecs.getincrementaldecoder(name)().decode(data)
    except UnicodeError:
        return None


@lru_cache(maxsize=64)
def _is_single(codec: Codec) -> bool:
    """Whether each byte is a letter by itself."""
    return codec.unit == 1 and all(
        len(bytes([byte]).decode(codec.name, "replace")) == 1
        and (bytes([byte]) * 2).decode(codec.name, "replace")
        == bytes([byte]).decode(codec.name, "replace") * 2
        for byte in range(128, 256)
    )


def _is_latin(text: str) -> bool:
    """Whether the letters beyond ASCII are such as western and central Europe write."""
    foreign = [letter for letter in text if not letter.isascii()]
    return all(
        ord(letter) < 0x250 or 0x2000 <= ord(letter) < 0x2C00 or letter == "\ufffd"
        for letter in foreign
    )


def _certain_reading(beginning: bytes) -> str | None:
    """The encoding of eastern Europe or Asia in which bytes are certainly text, or None."""
    for name in ("cp932", "euc_jp"):
        foreign = _foreign(beginning, name)
        kana = _share(foreign, (0x3041, 0x30FF))
        if len(foreign) > 2 and kana > 0.15 and kana + _share(foreign, *_IDEOGRAPHIC) > 0.9:
            return name
    foreign = _foreign(beginning, "euc_kr")
    if len(foreign) > 3 and _share(foreign, (0xAC00, 0xD7A3)) > 0.9:
        return "cp949"
    foreign = _foreign(beginning, "gb2312")
    first_level = [letter for letter in foreign if 0xB0 <= letter.encode("gb2312")[0] <= 0xD7]
    if len(foreign) > 3 and len(first_level) > 0.6 * len(foreign):
        return "gb18030"
    shares = {name: _commonest_cyrillic(beginning, name) for name in _CYRILLIC}
    best = max(shares, key=shares.__getitem__)
    return best if shares[best] > 0.45 else None


_IDEOGRAPHIC = ((0x3000, 0x303F), (0x4E00, 0x9FFF), (0xFF01, 0xFF5E), (0xFFE0, 0xFFE6))
_CYRILLIC = ("cp1251", "koi8_r", "cp866", "iso8859_5")


def _foreign(beginning: bytes, name: str) -> Sequence[str]:
    """The letters beyond ASCII."""
    text = _text(beginning[:_SAMPLE_BYTES], name) or ""
    return [letter for letter in text if not letter.isascii()]


def _share(letters: Sequence[str], *ranges: tuple[int, int]) -> float:
    inside = sum(any(a <= ord(letter) <= b for a, b in ranges) for letter in letters)
    return inside / max(len(letters), 1)


def _commonest_cyrillic(beginning: bytes, name: str) -> float:
    """The share of the commonest small Russian letters among the letters beyond ASCII."""
    text = _text(beginning[:_SAMPLE_BYTES], name) or ""
    letters = [letter for letter in text if not letter.isascii()]
    if len(letters) < 8:
        return 0.0
    # Signs of other encodings look like letters here, but stand alone or after Latin ones.
    common = sum(
        letter in "оеаинтсрвлкм"
        and (_is_small(before) or _is_small(after))
        and not (before.isascii() and before.isalpha())
        for before, letter, after in zip(" " + text, text, text[1:] + " ", strict=False)
    )
    return common / len(letters)


def _is_small(letter: str) -> bool:
    return not letter.isascii() and letter.islower()
