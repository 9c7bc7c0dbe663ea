"""Files that appear complete or not at all: written beside their place, then renamed."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4


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
    path.parent.mkdir(parents=True, exist_ok=True)
    with draft(path) as new:
        yield new
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
