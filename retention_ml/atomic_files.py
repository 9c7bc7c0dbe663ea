"""Files that appear complete or not at all: written beside their place, then renamed.

Below a folder that is its owner's alone, such as the home, what is made is too.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

_OTHERS = 0o077


def is_private(folder: Path) -> bool:
    """Whether nobody but its owner may do anything with a folder."""
    return not folder.stat().st_mode & _OTHERS


def make_folder(folder: Path, *, mode: int = 0o777) -> Path:
    """Make a folder and those above it where they are missing; the folder.

    `mode` of the new ones is masked by the umask.
    """
    if not folder.is_dir():
        above = make_folder(folder.parent, mode=mode)
        folder.mkdir(mode=mode & ~_OTHERS if is_private(above) else mode, exist_ok=True)
    return folder


@contextmanager
def draft(path: Path) -> Iterator[Path]:
    """A hidden path beside `path` that no other writer uses; removed at the end if still there."""
    new = path.with_name(f".{path.name}.{uuid4().hex}")
    try:
        yield new
    finally:
        new.unlink(missing_ok=True)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A draft that replaces `path` when the block ends and is removed when the block fails.

    Missing folders are created. A reader sees the old file or the new one; of two writers the
    last one wins.
    """
    make_folder(path.parent)
    with draft(path) as new:
        yield new
        if is_private(path.parent):
            new.chmod(stat.S_IMODE(new.stat().st_mode) & ~_OTHERS)
        new.replace(path)


def write_text(path: Path, text: str, *, mode: int = 0o666) -> None:
    """Write a text file in UTF-8, as `replacing` does; `mode` is masked by the umask."""
    with replacing(path) as new:
        new.touch(mode=mode, exist_ok=False)
        new.write_text(text, encoding="utf-8")


def write_durable(path: Path, content: bytes, *, mode: int = 0o666) -> None:
    """Write bytes as `replacing` does; they are on the disk when it returns, under their name.

    `mode` is masked by the umask.
    """
    with replacing(path) as new:
        new.touch(mode=mode, exist_ok=False)
        with new.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Return when the names in a folder are on the disk."""
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
