"""The door `verify`: a backup is read whole and, for a drill, restored beside and compared."""

import shutil
import time
from datetime import timedelta
from pathlib import Path

from retention_ml import clock
from retention_ml.errors import StackError
from retention_ml.receipts import DecisionReceipt
from retention_ml.settings import Settings
from retention_ml.stack import databases
from retention_ml.stack.backups import ledger, shelf
from retention_ml.stack.backups.manifest import Manifest
from retention_ml.stack.backups.restore import restore
from retention_ml.warehouse import Warehouse


def verify(
    warehouse: Warehouse,
    *,
    settings: Settings,
    folder: Path | None = None,
    name: str = "",
    is_drill: bool | None = None,
) -> DecisionReceipt:
    """Check that a backup is what it was when it was taken.

    Parameters
    ----------
    warehouse : Warehouse
    settings : Settings
    folder : Path, optional
        Where backups are kept; by default that of `[backups]`.
    name : str
        By default all that were never verified; the latest where all were.
    is_drill : bool, optional
        Whether it is restored too, into a home beside the backups that is removed again; by
        default, when none was for `backups.drill_every_days`.

    Raises
    ------
    UsageError
        There is no such backup.
    StackError
        It is damaged; the message names the files or tables.
    """
    started = time.perf_counter()
    shelf_folder = (folder or shelf.folder_of(settings)).absolute()
    with warehouse.exclusive(shelf.LOCK):
        last = shelf.find(shelf_folder, name)
        ledger.record(warehouse, shelf.read(shelf_folder))
        there = shelf.read(shelf_folder) if not name else []
        unread = ledger.unverified(warehouse)
        chosen = [one for one in there if one.name in unread] or [Manifest.read(last)]
        if is_drill is None:
            is_drill = _is_due(warehouse, settings.backups.drill_every_days)
        drilled = next((one for one in reversed(chosen) if one.kind == "dump"), chosen[-1])
        for manifest in chosen:
            if is_drill and manifest == drilled:
                _drill(shelf_folder / manifest.name, shelf_folder)
            elif faults := manifest.damage(shelf_folder / manifest.name):
                raise StackError(
                    f"The backup {manifest.name} is damaged: {'; '.join(faults[:3])}. Take a new "
                    "one with `retention backup`, and find out what the disk does."
                )
            ledger.record_verified(
                warehouse, manifest.name, is_drill=is_drill and manifest == drilled
            )
    how = f"; {drilled.name} was restored for a trial and is equal" if is_drill else ""
    whole = ", ".join(one.name for one in chosen)
    return warehouse.record(
        DecisionReceipt(
            door="verify_backup",
            seconds=time.perf_counter() - started,
            sentence=f"Whole: {whole}{how}.",
            details={
                "names": [one.name for one in chosen],
                "drilled": drilled.name if is_drill else None,
                "tables_count": sum(one.tables_count for one in chosen),
                "rows_count": sum(one.rows_count for one in chosen),
                "files_count": sum(len(one.files) for one in chosen),
            },
        ),
        settings.run_id,
    )


def _is_due(warehouse: Warehouse, every_days: int) -> bool:
    last = ledger.last_drill(warehouse)
    due_after = timedelta(days=every_days) - timedelta(hours=1)
    return every_days > 0 and (last is None or clock.now() - last >= due_after)


def _drill(backup: Path, shelf_folder: Path) -> None:
    home = shelf_folder / f"{shelf.DRAFT}drill"
    try:
        restore(backup, home, say=lambda _: None)
    finally:
        databases.server(home).stop("immediate")
        shutil.rmtree(home, ignore_errors=True)
