"""The folder of backups: which are there, which stay."""

import shutil
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from retention_ml.errors import UsageError
from retention_ml.settings import Settings
from retention_ml.stack import databases
from retention_ml.stack.backups.manifest import FILE, Manifest

DRAFT = ".draft-"
LOCK = "backups"
"""Held while a backup is taken or removed, and by whoever deletes for good what one would name."""


def folder_of(settings: Settings) -> Path:
    """Where backups are kept.

    Raises
    ------
    UsageError
        No folder is set.
    """
    if not settings.backups.folder:
        raise UsageError(
            "There is no folder for backups. Set `folder` under [backups] to one on another disk, "
            "or name one: `retention backup --to FOLDER`."
        )
    return Path(settings.backups.folder).expanduser().absolute()


def wal_of(folder: Path) -> Path:
    """Where WAL is archived."""
    return folder / "wal"


def names(folder: Path) -> list[str]:
    """The backups in a folder, oldest first."""
    return sorted(path.parent.name for path in folder.glob(f"*/{FILE}") if not _is_draft(path))


def read(folder: Path) -> list[Manifest]:
    """The manifests of the backups in a folder, oldest first."""
    return [Manifest.read(folder / name) for name in names(folder)]


def find(folder: Path, name: str) -> Path:
    """The folder of a backup; of the latest without a name.

    Raises
    ------
    UsageError
        There is none of this name, or none at all.
    """
    there = names(folder)
    if not there:
        raise UsageError(f"There is no backup in {folder}. `retention backup` takes one.")
    if name and name not in there:
        raise UsageError(f"There is no backup {name} in {folder}. There are: {', '.join(there)}.")
    return folder / (name or there[-1])


def remove_drafts(folder: Path) -> None:
    """Remove what interrupted backups and trials left; the caller holds `LOCK`."""
    for path in folder.glob(f"{DRAFT}*"):
        databases.server(path).stop("immediate")  # of a trial that was killed
        shutil.rmtree(path)


def remove(folder: Path) -> None:
    """Remove a backup; one that is interrupted leaves a draft, never half of a backup."""
    draft = folder.with_name(f"{DRAFT}{folder.name}")
    folder.rename(draft)
    shutil.rmtree(draft)


def staying(moments: Iterable[datetime], *, daily: int, weekly: int, monthly: int) -> set[datetime]:
    """Which backups stay: the last one of each of so many days, weeks and months that have one.

    Examples
    --------
    >>> days = [datetime(2026, 5, day) for day in range(1, 32)]
    >>> stay = staying(days, daily=2, weekly=2, monthly=1)
    >>> sorted(f"{moment:%d}" for moment in stay)
    ['24', '30', '31']
    """
    stay: set[datetime] = set()
    latest_first = sorted(moments, reverse=True)
    for count, period in ((daily, "%Y-%m-%d"), (weekly, "%G-%V"), (monthly, "%Y-%m")):
        last_of: dict[str, datetime] = {}
        for moment in latest_first:
            last_of.setdefault(moment.strftime(period), moment)
        stay |= set(list(last_of.values())[:count])
    return stay


def _is_draft(manifest: Path) -> bool:
    return manifest.parent.name.startswith(DRAFT)
