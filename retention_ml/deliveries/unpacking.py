"""What a delivered file is packed in, recognised by its first bytes, and the bytes inside."""

import bz2
import gzip
import lzma
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import BinaryIO, cast

from retention_ml.deliveries.sealing.stored_file import DeliveredFile, size_of
from retention_ml.errors import FileRefused, printable

UNPACKED_BYTES_MAX = 64 << 30
RATIO_MAX = 200
RATIO_FROM_BYTES = 64 << 20
_PIECE = 1 << 20
_DIRECTORY_BYTES_MAX = 16 << 20
_XZ_MEMORY_MAX = 256 << 20
_ZIP = "zip"
_MAGIC = {
    b"\x1f\x8b": "gzip",
    b"PK\x03\x04": _ZIP,
    b"PK\x05\x06": _ZIP,
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
}
_UNREAD = {
    b"\x28\xb5\x2f\xfd": "zstd",
    b"7z\xbc\xaf\x27\x1c": "7z",
    b"Rar!": "rar",
    b"\x04\x22\x4d\x18": "lz4",
}
# What systems put beside the files of an archive.
_LITTER = ("__MACOSX/*", "*/__MACOSX/*", ".*", "*/.*", "Thumbs.db", "*/Thumbs.db", "*desktop.ini")
_DAMAGE = (EOFError, zlib.error, lzma.LZMAError, OSError, zipfile.BadZipFile, struct.error)


def packing(path: DeliveredFile) -> str | None:
    """What a file is packed in: gzip, zip (which workbooks are too), bzip2 or xz; None if in nothing."""
    with path.open("rb") as stream:
        return _packing_of(stream.read(8))


def _packing_of(beginning: bytes) -> str | None:
    return next((kind for magic, kind in _MAGIC.items() if beginning.startswith(magic)), None)


def pieces(path: DeliveredFile, name: str, member: str | None = None) -> Iterator[bytes]:
    """The bytes of an archived file, decompressed where it is packed.

    Parameters
    ----------
    path : DeliveredFile
    name : str
        The file's name for messages.
    member : str, optional
        A pattern for the file of a zip to read; needed where it holds several.

    Raises
    ------
    FileRefused
        If a packed file is cut off, damaged or encrypted, or holds another packed file.
    """
    kind = packing(path)
    is_first = True
    for piece in _unpacked(path, kind, name, member):
        if is_first:
            _require_plain(piece, kind, name)
            is_first = False
        yield piece


def _unpacked(
    path: DeliveredFile, kind: str | None, name: str, member: str | None
) -> Iterator[bytes]:
    try:
        with path.open("rb") as plain:
            if kind == "xz":
                yield from _xz_pieces(plain)
                return
            stream: BinaryIO = plain
            if kind == _ZIP:
                archive = open_zip(plain, name)
                stream = cast("BinaryIO", archive.open(_member_of(archive, name, member)))
            elif kind == "gzip":
                stream = cast("BinaryIO", gzip.GzipFile(fileobj=plain))
            elif kind == "bzip2":
                stream = cast("BinaryIO", bz2.BZ2File(plain))
            while piece := stream.read(_PIECE):
                yield piece
    except NotImplementedError as error:
        raise FileRefused(
            f"{name} is a zip file compressed in a way that is not read ({error}). "
            "Deliver its file unpacked.",
            "unreadable_file",
        ) from error
    except _DAMAGE as error:
        if kind is None:
            raise
        is_cut = isinstance(error, EOFError)
        state = f"cut off after {size_of(path):,} bytes" if is_cut else "damaged or cut off"
        raise FileRefused(
            f"{name} is a {kind} file that is {state}. Expected a complete file; deliver it again.",
            "truncated_file",
        ) from error


def _xz_pieces(stream: BinaryIO) -> Iterator[bytes]:
    """All streams of an xz file, each with bounded memory."""
    rest = stream.read(_PIECE)
    while rest.strip(b"\0"):
        decompressor = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_MEMORY_MAX)
        while not decompressor.eof:
            if decompressor.needs_input and not rest:
                rest = stream.read(_PIECE)
                if not rest:
                    raise EOFError
            piece, rest = decompressor.decompress(rest, _PIECE), b""
            if piece:
                yield piece
        rest = decompressor.unused_data.lstrip(b"\0") or stream.read(_PIECE)


def _require_plain(beginning: bytes, kind: str | None, name: str) -> None:
    inner = _packing_of(beginning) if kind else None
    inner = inner or next((k for magic, k in _UNREAD.items() if beginning.startswith(magic)), None)
    if inner is None:
        return
    what = f"a {kind} file that holds a {inner} file" if kind else f"a {inner} file"
    raise FileRefused(
        f"{name} is {what}; files are read from gzip, zip, bzip2 or xz, packed once. "
        "Deliver it unpacked.",
        "unreadable_file",
    )


def open_zip(stream: BinaryIO, name: str) -> zipfile.ZipFile:
    """A zip file whose directory fits into memory.

    Raises
    ------
    FileRefused
        If it has too many files.
    zipfile.BadZipFile, OSError, struct.error
        If it is damaged.
    """
    if _directory_bytes(stream) > _DIRECTORY_BYTES_MAX:
        raise FileRefused(
            f"{name} is a zip file with too many files. Deliver those that are to be read unpacked.",
            "zip_bomb",
        )
    return zipfile.ZipFile(stream)


def _directory_bytes(stream: BinaryIO) -> int:
    """The size of the directory as its last record declares it."""
    size = stream.seek(0, 2)
    stream.seek(max(0, size - 65_557 - 20))
    tail = stream.read()
    place = tail.rfind(b"PK\x05\x06")
    if place < 0:
        raise zipfile.BadZipFile("no directory")
    (declared,) = struct.unpack("<L", tail[place + 12 : place + 16])
    locator = tail[place - 20 : place] if place >= 20 else b""
    if locator.startswith(b"PK\x06\x07"):
        stream.seek(struct.unpack("<Q", locator[8:16])[0])
        (declared,) = struct.unpack("<Q", stream.read(56)[40:48])
    stream.seek(0)
    return int(declared)


def _member_of(archive: zipfile.ZipFile, name: str, member: str | None) -> zipfile.ZipInfo:
    """The file of a zip to read."""
    office = office_kind(archive)
    if office:
        advice = (
            'Set format = "xlsx" in its feed' if office == "workbook" else "Deliver a text file"
        )
        raise FileRefused(
            f"{name} is a {office} of an office program. {advice}.", "unreadable_file"
        )
    files = _files(archive.infolist())
    chosen = [info for info in files if member is None or _is_called(info, member)]
    if len(chosen) != 1:
        expected = f"one that is called {member!r}" if member else "a single one"
        raise FileRefused(
            f"{name} is a zip file with {len(files)} files ({_list_files(files)}); expected "
            f"{expected}. Name the file to read in its feed, such as "
            f'member = "{chosen[0].filename if chosen else "orders*.csv"}".',
            "wrong_member",
        )
    if chosen[0].flag_bits & 0x1:
        raise FileRefused(
            f"{name} is a zip file with a password. Deliver it without one.", "unreadable_file"
        )
    return chosen[0]


def member_names(archive: zipfile.ZipFile) -> list[str]:
    """The files in a zip file, system litter aside."""
    return [info.filename for info in _files(archive.infolist())]


def _files(infos: Sequence[zipfile.ZipInfo]) -> list[zipfile.ZipInfo]:
    return [
        info
        for info in infos
        if not info.is_dir() and not any(fnmatchcase(info.filename, one) for one in _LITTER)
    ]


def _is_called(info: zipfile.ZipInfo, member: str) -> bool:
    path = PurePosixPath(info.filename)
    return any(fnmatchcase(one, member) for one in (path.name, info.filename))


def _list_files(infos: Sequence[zipfile.ZipInfo]) -> str:
    shown = ", ".join(printable(info.filename[:60]) for info in infos[:10])
    return f"{shown} and {len(infos) - 10:,} more" if len(infos) > 10 else shown or "none"


def office_kind(archive: zipfile.ZipFile) -> str | None:
    """Whether a zip file is a workbook or another document of an office program."""
    names = set(archive.namelist())
    if "xl/workbook.xml" in names or "xl/workbook.bin" in names:
        return "workbook"
    if "mimetype" in names and "content.xml" in names:
        return "workbook" if b"spreadsheet" in archive.read("mimetype")[:200] else "document"
    return "document" if "[Content_Types].xml" in names else None


def require_no_bomb(path: DeliveredFile, name: str) -> None:
    """Refuse a packed file that is cut off, damaged, or unpacks to nothing or far too much.

    Raises
    ------
    FileRefused
    """
    kind, packed = packing(path), size_of(path)
    if kind is None:
        return
    unpacked = 0
    for size in (
        _zip_sizes(path, name) if kind == _ZIP else map(len, _unpacked(path, kind, name, None))
    ):
        unpacked += size
        ratio = unpacked / packed
        if unpacked > UNPACKED_BYTES_MAX or (unpacked > RATIO_FROM_BYTES and ratio > RATIO_MAX):
            raise FileRefused(
                f"{name} unpacks to more than {unpacked:,} bytes, {ratio:,.0f} times "
                f"its size; at most {RATIO_MAX} times is accepted. Deliver it uncompressed if it is real.",
                f"{kind}_bomb",
            )
    if not unpacked:
        raise FileRefused(
            f"{name} unpacks to nothing. Expected a file with rows; deliver it again.", "empty_file"
        )


def _zip_sizes(path: DeliveredFile, name: str) -> Iterator[int]:
    """The sizes that the directory of a zip file declares; no more than those is ever read."""
    try:
        with path.open("rb") as stream:
            yield from (info.file_size for info in open_zip(stream, name).infolist())
    except _DAMAGE as error:
        raise FileRefused(
            f"{name} is a zip file that is damaged or cut off. Expected a complete file; "
            "deliver it again.",
            "truncated_file",
        ) from error
