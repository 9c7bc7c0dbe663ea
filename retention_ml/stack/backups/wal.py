"""Archived WAL: each segment of 16 MB, or five minutes of it, is copied beside the backups."""

from pathlib import Path

from retention_ml.settings import Settings
from retention_ml.stack.backups import programs
from retention_ml.stack.backups.manifest import Manifest
from retention_ml.stack.backups.shelf import folder_of, wal_of

_SECONDS_MAX = 300  # of changes that a lost disk takes with it


def archiving(settings: Settings) -> tuple[str, ...]:
    """The settings of Postgres with which it archives; none where it shall not.

    A segment that is there already with other bytes is not written over: then Postgres keeps its
    own and says so in its log.
    """
    if not settings.backups.wal:
        return ()
    folder = wal_of(folder_of(settings))
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    target, draft = f'"{folder}/%f"', f'"{folder}/.%f"'
    command = (
        f'if test -f {target}; then cmp -s "%p" {target}; '
        f'else cp "%p" {draft} && sync {draft} && mv {draft} {target}; fi'
    )
    return ("archive_mode=on", f"archive_timeout={_SECONDS_MAX}", f"archive_command={command}")


def prune(folder: Path, oldest: Manifest | None) -> None:
    """Remove segments older than the oldest base backup; all that is needed by it stays."""
    if oldest is None:
        return
    label = (folder / oldest.name / "cluster" / "backup_label").read_text("utf-8")
    first = label.split("(file ")[1].split(")")[0]
    programs.remove_wal_before(wal_of(folder), first)
