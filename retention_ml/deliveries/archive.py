"""A delivered file: refused by name where it is no ordinary file, else hashed, sealed and archived.

The copy lies under `landing/<first two>/<SHA-256>`; opened by `content_of`, it has the bytes that
were delivered.
"""

import hashlib
import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from retention_ml import atomic_files
from retention_ml.deliveries import unpacking
from retention_ml.deliveries.sealing.frames import SealingWriter
from retention_ml.deliveries.sealing.stored_file import StoredFile
from retention_ml.errors import FileRefused, printable
from retention_ml.failpoints import failpoint
from retention_ml.keys import Keyring
from retention_ml.settings import Settings

FILE_BYTES_MAX = 16 << 30
_PIECE = 1 << 20
# By the first letter of `stat.filemode`.
_KINDS = {"l": "symbolic link", "d": "directory", "p": "named pipe", "s": "socket"} | dict.fromkeys(
    "cb", "device"
)


@dataclass(frozen=True, slots=True)
class ArchivedFile:
    """An archived file: the name it came under, its SHA-256 and size, and the copy."""

    name: str
    sha256: str
    size_bytes: int
    content: StoredFile


def shown_name(path: Path) -> str:
    """The file's name as text that a database and a terminal can hold."""
    text = (path.name or str(path)).encode("utf-8", "replace").decode("utf-8")
    return printable(text)[:255]


def path_of(home: Path, sha256: str) -> Path:
    """Where the copy of a file lies."""
    return home / "landing" / sha256[:2] / sha256


def content_of(settings: Settings, sha256: str, name: str) -> StoredFile:
    """The copy of a file, to be opened; `name` is what it was delivered as.

    Raises
    ------
    FileRefused
        It is missing.
    SettingsError
        There are no keys, or others.
    """
    path = path_of(settings.home, sha256)
    if not path.is_file():
        raise FileRefused(
            f"The archived copy of {name} is missing from {path.parent.parent.name}/. "
            "Deliver the file again.",
            "no_archive",
        )
    return StoredFile(path, sha256, Keyring.of(settings))


def store(path: Path, settings: Settings) -> ArchivedFile:
    """Copy a file into the archive, sealed and atomically; one already there is not written again.

    A copy that was damaged since is replaced.

    Raises
    ------
    FileRefused
        If it is missing, empty, no regular file, too large, packed and cut off or
        unpacking to far more than it is, or if it changes while it is read.
    SettingsError
        The keys are missing, damaged or others.
    """
    name, keyring = shown_name(path), Keyring.of(settings)
    folder = settings.home / "landing"
    atomic_files.make_folder(folder, mode=0o700)  # customers' data: for the owner only
    with atomic_files.draft(folder / "delivery") as draft:
        sha256, size = _seal(read_guarded(path, name), draft, keyring)
        content = StoredFile(path_of(settings.home, sha256), sha256, keyring)
        if not content.path.exists() or not content.is_whole():
            unpacking.require_no_bomb(StoredFile(draft, sha256, keyring), name)
            content.path.parent.mkdir(mode=0o700, exist_ok=True)
            draft.replace(content.path)
            atomic_files.sync_folder(content.path.parent)
            atomic_files.sync_folder(folder)
    return ArchivedFile(name, sha256, size, content)


def discard(path: Path, settings: Settings) -> bool:
    """Delete a file if the archive holds its bytes and can read them; whether it did.

    Raises
    ------
    OSError
        It may not be deleted.
    """
    digest = hashlib.sha256()
    try:
        for piece in read_guarded(path, shown_name(path)):
            digest.update(piece)
        content = content_of(settings, digest.hexdigest(), shown_name(path))
    except FileRefused:
        return False
    if not content.is_whole():
        return False
    path.unlink()
    return True


def replace_content(content: StoredFile, pieces: Iterable[bytes]) -> None:
    """Put other bytes in the place of a copy, sealed with a new key: the old ones are gone.

    Raises
    ------
    OSError
        The disk is full or refuses; the copy is as it was.
    """
    with atomic_files.draft(content.path) as draft:
        _seal(pieces, draft, content.keyring, content.sha256)
        failpoint("seal.before_rename")
        draft.replace(content.path)
    atomic_files.sync_folder(content.path.parent)


def _seal(
    pieces: Iterable[bytes], draft: Path, keyring: Keyring, sha256: str | None = None
) -> tuple[str, int]:
    """Write pieces into a new file, sealed; their SHA-256 and size.

    `sha256` is what the file is known by, if not its own.
    """
    digest, size = hashlib.sha256(), 0
    descriptor = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        writer = SealingWriter(file, keyring)
        for piece in pieces:
            if sha256 is None:
                digest.update(piece)
            writer.write(piece)
            size += len(piece)
        writer.finish(sha256 or digest.hexdigest())
        file.flush()
        os.fsync(file.fileno())
    return sha256 or digest.hexdigest(), size


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
