"""The files of a home that a backup holds: all that no database holds and nobody makes again."""

import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from retention_ml.atomic_files import make_folder
from retention_ml.stack.backups.manifest import Manifest

# What is made again at any time, what only this machine's processes mean, and the cluster, which is
# not copied while it runs. The end of the audit log, which is that of the home only. And the keys: a
# backup beside them could be read by whoever finds it.
_LEFT_OUT = (
    "postgres", "postgres.lock", "cache", "run", "logs", "demo", "airflow", "audit", "keys.json",
)  # fmt: skip
_BUT = ("airflow/passwords.json",)


def paths_of(home: Path, *, shelf: Path) -> Iterator[str]:
    """The paths below the home that belong into a backup; drafts and backups do not."""
    for folder, folders, names in os.walk(home):
        place = Path(folder)
        if place == home:  # a running server's files come and go: they are not even looked at
            folders[:] = [name for name in folders if name not in _LEFT_OUT]
            names = [name for name in names if name not in _LEFT_OUT]
        folders[:] = [name for name in folders if place / name != shelf]
        for name in names:
            path = place / name
            if not name.startswith(".") and not path.is_symlink():
                yield path.relative_to(home).as_posix()
    yield from (path for path in _BUT if (home / path).is_file())


def copy(
    paths: Iterable[str], home: Path, into: Path, *, before: Manifest | None, shelf: Path
) -> dict[str, tuple[int, str]]:
    """Copy files; those of the archive that an earlier backup has are linked to it.

    They are replaced, if ever, and not written to: size and time tell. A file that is gone by now
    is left out: it was a draft, or moved on after the databases were read.

    Returns
    -------
    dict of str to (int, str)
        Size and SHA-256 of the files that were linked, by path below `into`.
    """
    linked = {}
    for path in paths:
        target = into / path
        make_folder(target.parent)
        earlier = shelf / before.name / "home" / path if before else None
        with suppress(FileNotFoundError):
            if (
                before
                and earlier
                and path.startswith("landing/")
                and _are_alike(earlier, home / path)
            ):
                os.link(earlier, target)
                linked[path] = before.files[f"home/{path}"]
            else:
                shutil.copy2(home / path, target)
    return linked


def _are_alike(earlier: Path, now: Path) -> bool:
    if not earlier.exists():
        return False
    one, other = earlier.stat(), now.stat()
    return (one.st_size, one.st_mtime_ns) == (other.st_size, other.st_mtime_ns)
