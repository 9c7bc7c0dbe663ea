"""An archived file without certain rows: their lines are empty, all others stay where they are."""

import io
from collections.abc import Iterator, Set
from typing import BinaryIO

from retention_ml.deliveries import archive, unpacking
from retention_ml.deliveries.description.feed import Feed
from retention_ml.deliveries.readers import encodings, readers
from retention_ml.deliveries.readers.chunks import LINE_NUMBER
from retention_ml.deliveries.readers.encodings import Codec
from retention_ml.deliveries.sealing.stored_file import StoredFile
from retention_ml.failpoints import failpoint

_LINE_FORMATS = ("csv", "fixed_width", "jsonl")
_PIECE = 1 << 20


def has_lines(content: StoredFile, feed: Feed, name: str) -> bool:
    """Whether each row of the file is one or more lines of text, so that it can be emptied."""
    if feed.format not in _LINE_FORMATS:
        return False
    if feed.format == "jsonl":
        return not _beginning(content, feed, name)[1].lstrip().startswith(b"[")
    return feed.member is None or unpacking.packing(content) != "zip"


def empty_lines(content: StoredFile, feed: Feed, name: str, lines: Set[int]) -> int:
    """Write a file of the archive anew, under a new key, with these rows empty; how many lines.

    A packed file is unpacked by it. Where the lines are empty already, nothing is written.

    Parameters
    ----------
    lines : set of int
        The numbers of the rows' first lines.
    """
    codec, beginning = _beginning(content, feed, name)
    end = encodings.line_end(codec, beginning) if feed.format == "csv" else "\n"
    numbers = _all_lines(content, feed, name, lines, codec, end)
    if not any(
        number in numbers and _empty(line, codec) != line
        for number, line in _lines_of(content, feed, name, codec, end)
    ):
        return 0
    pieces = (
        _empty(line, codec) if number in numbers else line
        for number, line in _lines_of(content, feed, name, codec, end)
    )
    archive.replace_content(content, _joined(pieces))
    failpoint("empty_lines.after_rename")
    return len(numbers)


def _beginning(content: StoredFile, feed: Feed, name: str) -> tuple[Codec, bytes]:
    beginning = b""
    for piece in unpacking.pieces(content, name, feed.member):
        beginning += piece
        if len(beginning) >= _PIECE:
            break
    codec = encodings.find_codec(feed.encoding, beginning[:400])
    return codec, encodings.without_mark(beginning, codec)


def _all_lines(
    content: StoredFile, feed: Feed, name: str, lines: Set[int], codec: Codec, end: str
) -> set[int]:
    """The numbers of all lines of these rows, of which a quoted one may have several."""
    terminator = end.encode(codec.name)
    numbers = set(lines)
    for chunk in readers.open_file(content, feed, name=name).chunks:
        of_rows = chunk.rows[LINE_NUMBER].to_pylist()
        indexes = [index for index, number in enumerate(of_rows) if number in lines]
        for index, raw in zip(indexes, chunk.raw(indexes), strict=True):
            first = of_rows[index]
            numbers.update(range(first, first + raw.count(terminator) + 1))
        for reject in chunk.rejects:
            if reject.line_number in lines:
                last = reject.line_number + reject.raw.count(terminator)
                numbers.update(range(reject.line_number, last + 1))
    return numbers


def _lines_of(
    content: StoredFile, feed: Feed, name: str, codec: Codec, end: str
) -> Iterator[tuple[int, bytes]]:
    """The lines with their ends, the first with the mark before it, and their numbers from 1."""
    terminator = end.encode(codec.name)
    number, rest = 1, b""
    for piece in unpacking.pieces(content, name, feed.member):
        rest += piece
        begin = 0
        place = rest.find(terminator)
        while place >= 0:
            if place % codec.unit:  # in the middle of a letter of two or four bytes
                place = rest.find(terminator, place + 1)
                continue
            stop = place + len(terminator)
            yield number, rest[begin:stop]
            number, begin = number + 1, stop
            place = rest.find(terminator, begin)
        # Pieces of the rest keep the places of letters: lines end where letters do.
        rest = rest[begin:]
    if rest:
        yield number, rest


def _empty(line: bytes, codec: Codec) -> bytes:
    """What is left of a line: its end."""
    ends = {"\r\n".encode(codec.name), "\n".encode(codec.name), "\r".encode(codec.name)}
    return max((end for end in ends if line.endswith(end)), key=len, default=b"")


def _joined(lines: Iterator[bytes]) -> Iterator[bytes]:
    """The lines in pieces of about a mebibyte."""
    piece: BinaryIO = io.BytesIO()
    for line in lines:
        piece.write(line)
        if piece.tell() >= _PIECE:
            piece.seek(0)
            yield piece.read()
            piece = io.BytesIO()
    piece.seek(0)
    yield piece.read()
