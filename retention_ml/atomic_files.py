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

    def create(name: str, flags: int) -> int:
        return os.open(name, flags, mode)

    with replacing(path) as new, open(new, "x", encoding="utf-8", opener=create) as file:
        file.write(text)
