"""Exports of shops with other texts, lines, headers, marks, bytes and wrappings."""

import gzip
import io
import random
import re
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import replace

from tests.chaos.exports import HEADER, Export, originals, records
from tests.worlds.archives import workbook, zipped


def mutated(number: int) -> Export:
    """The mutation of this number of one of the originals; always the same for a number."""
    draw = random.Random(number)
    exports = originals()
    export = exports[draw.choice(sorted(exports))]
    content = export.content
    for _ in range(draw.choice((1, 1, 2, 3))):
        deed = draw.choice((*_TEXT_EDITS, *_TEXT_EDITS, *_BYTE_EDITS))
        if deed in _BYTE_EDITS:
            content = deed(draw, content)
        else:
            content = _edit_text(draw, deed, content, export)
    return replace(export, content=content)


Edit = Callable[[random.Random, bytes], bytes]
TextEdit = Callable[[random.Random, str], str]


def _edit_text(draw: random.Random, deed: TextEdit, content: bytes, export: Export) -> bytes:
    """Edit what a file says: its text, or that within its wrapping."""
    if content[:2] == b"\x1f\x8b" and export.file_name.endswith("gz"):
        try:
            text = gzip.decompress(content).decode("utf-8", "replace")
        except (OSError, EOFError, zlib.error):
            return content
        return gzip.compress(deed(draw, text).encode("utf-8", "replace"), mtime=0)
    if content[:2] == b"PK":
        try:
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                files = {name: archive.read(name) for name in archive.namelist()}
        except Exception:  # a zip file that is damaged raises anything
            return content
        if files:
            name = draw.choice(sorted(files))
            text = files[name].decode("utf-8", "replace")
            files[name] = deed(draw, text).encode("utf-8", "replace")
        return zipped(files)
    if content[:4] == b"PAR1":
        return _flip(draw, content)
    text = content.decode(export.encoding, "replace")
    return deed(draw, text).encode(export.encoding, "replace")


_ODD = (
    "", " ", "\u00a0", "NULL", "\\N", "nan", "-", "0", "-0", "00", "1e5", "1.23457E+12", "1,234",
    "1,234,567", "1.234,50", "12.50-", "(12.50)", "$5", "€5", "5 EUR", "¥1,234", "R$ 1,00", ".99",
    "5.", ".", "-.", "+1", "１２", "٣", "\u221212", "1'234.50", "99999999999999999999", "9" * 400,
    "0." + "0" * 300 + "1", "inf", "2025-02-30", "0000-00-00 00:00:00", "9999-12-31 23:59:60",
    "2025-03-30 02:30:00", "2025-01-05T14:23:11.1234567Z", "2025-01-05 14:23:11 UTC", "45383",
    "2025-01-05 14:23:11 +99:99", "1736086991123", "-62135596801", "05/01/2025", "2025年1月5日",
    "true", "[]", "{}", "x" * 300, "x" * 70_000, "a\tb", "a|b", "MUG x 1 | ", " | ", "MUG x ",
    "\u200b", "\ufeff", "\u202e", "e\u0301", "\ud83d\ude00".encode("utf-16", "surrogatepass")
    .decode("utf-16"), "\x00", "\x1b[31m", "'; DROP TABLE x;--", "%s {x} $1", '="00123"', "'00123",
)  # fmt: skip


def _field(draw: random.Random, text: str) -> str:
    """Some fields hold something odd."""
    pieces = re.split(r"([,;\t|\n\r]|\": |, \"|<v>|</v>|<t>|</t>)", text)
    places = range(0, len(pieces), 2)
    for at in draw.sample(places, min(len(places), draw.choice((1, 1, 3, 20)))):
        pieces[at] = draw.choice(_ODD)
    return "".join(pieces)


def _number(draw: random.Random, text: str) -> str:
    pieces = re.split(r"(\d+)", text)
    places = range(1, len(pieces), 2)
    for at in draw.sample(places, min(len(places), draw.choice((1, 3, 20)))):
        pieces[at] = draw.choice((str(draw.randrange(10**9)), "", "-", "9" * 30, "0", "1.5", "a"))
    return "".join(pieces)


def _lines(draw: random.Random, text: str) -> str:
    """Lines fewer, more, empty, in another order, ended otherwise."""
    lines = text.splitlines(keepends=True)
    if not lines:
        return text
    at, end = sorted(draw.choices(range(len(lines) + 1), k=2))
    middle = lines[at:end]
    deed = draw.randrange(7)
    if deed == 0:
        middle = []
    elif deed == 1:
        middle = middle * draw.choice((2, 2, 5))
    elif deed == 2:
        draw.shuffle(middle)
    elif deed == 3:
        middle = ["\n", *middle, "\r\n", "\r"]
    elif deed == 4:
        middle = [line.rstrip("\r\n") + draw.choice((",", ";", ",,", "\r", "\r\n", "\n\n", ""))
                  for line in middle]  # fmt: skip
    elif deed == 5:
        middle = [lines[0], *middle]
    else:
        return text.replace("\n", draw.choice(("\r\n", "\r", "\u2028", "\n\r", "\\\n")))
    return "".join([*lines[:at], *middle, *lines[end:]])


def _header(draw: random.Random, text: str) -> str:
    """Names of columns (or keys) less, doubled, in another order, with other signs."""
    name = draw.choice((*HEADER, "id", "items", "placed", "Items", "data"))
    other = draw.choice(
        (*HEADER, "", name.upper(), f" {name} ", f"{name}\u200b", f'"{name}', "x" * 9_000)
    )
    return text.replace(name, other, draw.choice((1, 1, 1_000)))


def _marks(draw: random.Random, text: str) -> str:
    """Quotes, delimiters, brackets, backslashes more or less anywhere."""
    for _ in range(draw.choice((1, 2, 10))):
        at = draw.randrange(len(text) + 1)
        mark = draw.choice(
            (
                '"',
                '"',
                "'",
                "\\",
                ",",
                ";",
                "\t",
                "\n",
                "\r",
                "{",
                "}",
                "[",
                "]",
                "<",
                "&",
                "\x00",
                "\ufffd",
            )
        )
        text = (
            text[:at] + mark * draw.choice((1, 1, 2, 3, 50)) + text[at + draw.choice((0, 0, 1)) :]
        )
    return text


def _piece(draw: random.Random, text: str) -> str:
    """A piece again, elsewhere, or not at all."""
    begin = draw.randrange(len(text) + 1)
    end = min(len(text), begin + draw.choice((1, 10, 200, 4_000)))
    piece = text[begin:end]
    deed = draw.randrange(4)
    if deed == 0:
        return text[:begin] + text[end:]
    if deed == 1:
        return text[:begin] + piece * draw.choice((2, 3, 60)) + text[end:]
    if deed == 2:
        return text[end:] + piece + text[:begin]
    return text[:begin] + piece[::-1] + text[end:]


def _deep(draw: random.Random, text: str) -> str:
    at = draw.randrange(len(text) + 1)
    return (
        text[:at]
        + draw.choice(("[", '{"a":', "(", '"')) * draw.choice((5, 2_000, 120_000))
        + text[at:]
    )


def _far(draw: random.Random, text: str) -> str:
    """A cell of a workbook stands at the end of its sheet."""
    places = list(re.finditer(r'r="[A-Z]+\d+"', text))
    if not places:
        return text
    place = draw.choice(places)
    return f'{text[: place.start()]}r="XFD1048576"{text[place.end() :]}'


def _flip(draw: random.Random, content: bytes) -> bytes:
    changed = bytearray(content)
    for _ in range(draw.choice((1, 1, 4, 40)) if changed else 0):
        changed[draw.randrange(len(changed))] = draw.choice(
            (0, 0x22, 0x7F, 0x80, 0xFF, draw.randrange(256))
        )
    return bytes(changed)


def _cut(draw: random.Random, content: bytes) -> bytes:
    return content[: draw.randrange(len(content) + 1)]


def _insert(draw: random.Random, content: bytes) -> bytes:
    at = draw.randrange(len(content) + 1)
    return content[:at] + draw.randbytes(draw.choice((1, 3, 300))) + content[at:]


def _wrap(draw: random.Random, content: bytes) -> bytes:
    """The same bytes in another wrapping, or with a mark in front."""
    return draw.choice(
        (
            lambda: gzip.compress(content, mtime=0),
            lambda: zipped({"a/lines.csv": content}),
            lambda: zipped({"__MACOSX/._x": b"x", "lines-1.csv": content, "lines-2.csv": content}),
            lambda: zipped({"lines.zip": zipped({"lines.csv": content})}),
            lambda: b"\xef\xbb\xbf" + content,
            lambda: b"\xff\xfe" + content,
            lambda: content + content,
            lambda: b"sep=;\r\n" + content,
            lambda: content.decode("utf-8", "replace").encode("utf-16-be"),
            lambda: content.decode("utf-8", "replace").encode("utf-32"),
            lambda: workbook({"Lines": [HEADER, *records(5)]}),
            lambda: b"PK\x03\x04" + content,
            lambda: b"\x1f\x8b" + content,
            lambda: b"BZh9" + content,
            lambda: b"",
            lambda: b"\0" * 500,
        )
    )()  # fmt: skip


_TEXT_EDITS: tuple[TextEdit, ...] = (
    _field, _field, _field, _number, _lines, _lines, _header, _marks, _piece, _deep,
    _far,
)  # fmt: skip
_BYTE_EDITS: tuple[Edit, ...] = (_flip, _cut, _insert, _wrap)
