"""The files of a home that a backup holds: all that no database holds and nobody makes again."""

import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from retention_ml.stack.backups.manifest import Manifest, sizes

# What is made again at any time, what only this machine's processes mean, and the cluster, which is
# not copied while it runs.
_LEFT_OUT = ("postgres", "cache", "run", "logs", "demo", "airflow")
_BUT = ("airflow/passwords.json",)
# A backup beside its keys would be readable by whoever finds it: keys have a place of their own.
_KEYS = "keys.json"


def paths_of(home: Path, *, shelf: Path) -> Iterator[str]:
    """The paths below the home that belong into a backup; drafts and backups do not."""
    for path in sizes(home):
        top, name = path.split("/")[0], path.rsplit("/", 1)[-1]
        is_left_out = top in _LEFT_OUT or path == _KEYS or name.startswith(".")
        if path in _BUT or not (is_left_out or (home / path).is_relative_to(shelf)):
            yield path


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
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
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
