"""The door that seals what the archive holds from before, and deletes what it holds twice."""

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from retention_ml import clock
from retention_ml.deliveries import archive, inbox
from retention_ml.deliveries.sealing.frames import DamagedArchive
from retention_ml.deliveries.sealing.stored_file import StoredFile
from retention_ml.keys import Keyring
from retention_ml.receipts import Receipt
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse

_DRAFT_SECONDS = 24 * 3600  # longer than any file is written


def seal(warehouse: Warehouse, *, settings: Settings) -> Receipt:
    """Seal plain files of the archive, and seal anew those of older archive keys, one by one.

    Killed, it leaves each file as it was or sealed; the next run goes on. Readers are not
    disturbed. Also deleted are drafts that a killed process left more than a day ago and, unless
    `archive.keep_done`, files in `done/` that the archive holds.

    Returns
    -------
    Receipt
        Counts files of the archive: written = sealed now, duplicates = sealed already with the
        newest key, quarantined = left as they are, damaged ones and those whose key was dropped;
        `details`: damaged (their SHA-256), without_key, done_deleted, drafts_deleted.

    Raises
    ------
    SettingsError
        The keys are missing, damaged or of another warehouse.
    """
    started = time.monotonic()
    keyring = Keyring.of(settings)
    landing = settings.home / "landing"
    drafts_deleted = _delete_drafts(landing)
    files = {
        path.name: _seal(StoredFile(path, path.name, keyring))
        for path in sorted(landing.glob("??/*"))
        if not path.name.startswith(".")
    }
    counts = Counter(files.values())
    return warehouse.record(
        Receipt(
            door="seal",
            read=len(files),
            written=counts["sealed"],
            quarantined=counts["damaged"] + counts["without_key"],
            duplicates=counts["unchanged"],
            seconds=time.monotonic() - started,
            details={
                "unit": "files",
                "damaged": [sha256 for sha256, state in files.items() if state == "damaged"],
                "without_key": counts["without_key"],
                "done_deleted": 0 if settings.archive.keep_done else _empty_done(settings),
                "drafts_deleted": drafts_deleted,
            },
        ),
        settings.run_id,
    )


def _seal(content: StoredFile) -> str:
    """Seal a file with the newest key; what became of it."""
    version, versions = content.key_version, content.keyring.versions("archive")
    if version == versions[-1]:
        return "unchanged"
    if version is not None and version not in versions:
        return "without_key"
    try:
        archive.replace_content(content, content.pieces())
    except DamagedArchive:
        return "damaged"
    return "sealed"


def _empty_done(settings: Settings) -> int:
    """Delete the files in `done/` that the archive holds; how many."""
    return sum(archive.discard(path, settings) for path in done_files(settings.home / "inbox"))


def done_files(folder: Path) -> Iterator[Path]:
    """The files in the folders `done/` of an inbox."""
    for pattern in (f"*/{inbox.DONE}/*", f"*/{inbox.HISTORY}/{inbox.DONE}/*"):
        yield from (path for path in sorted(folder.glob(pattern)) if archive.kind(path) == "file")


def _delete_drafts(landing: Path) -> int:
    """Delete what processes left that were killed while they wrote; how many files."""
    before = clock.now().timestamp() - _DRAFT_SECONDS
    old = [
        path
        for pattern in (".*", "??/.*")
        for path in landing.glob(pattern)
        if path.is_file() and path.stat().st_mtime < before
    ]
    for path in old:
        path.unlink(missing_ok=True)
    return len(old)
