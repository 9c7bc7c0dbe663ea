"""A delivered file: refused by name where it is no ordinary file, else hashed and archived.

The copy lies under `landing/<first two>/<SHA-256>` exactly as it was delivered.
"""

import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from retention_ml import atomic_files
from retention_ml.deliveries import unpacking
from retention_ml.errors import FileRefused, printable

FILE_BYTES_MAX = 16 << 30
_PIECE = 1 << 20
# By the first letter of `stat.filemode`.
_KINDS = {"l": "symbolic link", "d": "directory", "p": "named pipe", "s": "socket"} | dict.fromkeys(
    "cb", "device"
)


@dataclass(frozen=True, slots=True)
class ArchivedFile:
    """An archived file: the name it came under, its SHA-256 and size, and where the copy is."""

    name: str
    sha256: str
    size_bytes: int
    path: Path


def shown_name(path: Path) -> str:
    """The file's name as text that a database and a terminal can hold."""
    text = (path.name or str(path)).encode("utf-8", "replace").decode("utf-8")
    return printable(text)[:255]


def path_of(home: Path, sha256: str) -> Path:
    """Where the copy of a file lies."""
    return home / "landing" / sha256[:2] / sha256


def store(path: Path, home: Path) -> ArchivedFile:
    """Copy a file into the archive, atomically; a file already there is not written again.

    A copy of another size was damaged since, and is replaced.

    Raises
    ------
    FileRefused
        If it is missing, empty, no regular file, too large, packed and cut off or
        unpacking to far more than it is, or if it changes while it is read.
    """
    name = shown_name(path)
    folder = home / "landing"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # customers' data: for the owner only
    with atomic_files.draft(folder / "delivery") as draft:
        digest = hashlib.sha256()
        with draft.open("wb") as copy:
            for piece in read_guarded(path, name):
                digest.update(piece)
                copy.write(piece)
            copy.flush()
            os.fsync(copy.fileno())
        size, sha256 = draft.stat().st_size, digest.hexdigest()
        target = path_of(home, sha256)
        if not target.exists() or target.stat().st_size != size:
            unpacking.require_no_bomb(draft, name)
            target.parent.mkdir(exist_ok=True)
            draft.replace(target)
    return ArchivedFile(name, sha256, size, target)


def require_file(path: Path) -> None:
    """Fail unless there is a regular file, without reading it.

    Raises
    ------
    FileRefused
        If there is none.
    """
    os.close(_descriptor(path, shown_name(path)))


def _descriptor(path: Path, name: str) -> int:
    """The file descriptor; the caller closes it."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise FileRefused(
            f"There is no file {name}. Check the path and deliver it again.", "no_file"
        ) from error
    except OSError as error:
        if kind(path) == "file":
            raise FileRefused(
                f"{name} may not be read ({error.strerror}). Make it readable for the user that "
                "runs this, then deliver it again.",
                "no_regular_file",
            ) from error
        raise _no_regular_file(path, name) from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise _no_regular_file(path, name)
    return descriptor


def _no_regular_file(path: Path, name: str) -> FileRefused:
    return FileRefused(
        f"{name} is a {kind(path)}; expected a regular file. Deliver the file itself.",
        "no_regular_file",
    )


def read_guarded(path: Path, name: str) -> Iterator[bytes]:
    """The bytes of a regular, unchanging, not empty file.

    Raises
    ------
    FileRefused
        If it is anything else.
    """
    descriptor = _descriptor(path, name)
    before = os.fstat(descriptor)
    with os.fdopen(descriptor, "rb", buffering=0) as stream:
        if before.st_size == 0:
            raise FileRefused(
                f"{name} is empty (0 bytes). Expected a file with rows; deliver it again.",
                "empty_file",
            )
        if before.st_size > FILE_BYTES_MAX:
            raise FileRefused(
                f"{name} has {before.st_size:,} bytes; at most {FILE_BYTES_MAX:,} are accepted. "
                "Split it into several files.",
                "file_too_large",
            )
        size = 0
        while piece := stream.read(_PIECE):
            size += len(piece)
            yield piece
        after = os.fstat(descriptor)
        if size != before.st_size or (after.st_size, after.st_mtime_ns) != (
            before.st_size,
            before.st_mtime_ns,
        ):
            raise FileRefused(
                f"{name} changed while it was read ({before.st_size:,} bytes before, "
                f"{after.st_size:,} after). Deliver it again when it is complete.",
                "file_changed",
            )


def kind(path: Path) -> str:
    """What lies there, in words: file, symbolic link, directory, named pipe, socket or device."""
    try:
        return _KINDS.get(stat.filemode(path.lstat().st_mode)[0], "file")
    except OSError:
        return "file that cannot be looked at"
