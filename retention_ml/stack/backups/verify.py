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
        The latest by default.
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
        backup = shelf.find(shelf_folder, name)
        manifest = Manifest.read(backup)
        ledger.record(warehouse, [manifest])
        if is_drill is None:
            is_drill = _is_due(warehouse, settings.backups.drill_every_days)
        if is_drill:
            _drill(backup, shelf_folder)
        elif faults := manifest.damage(backup):
            raise StackError(
                f"The backup {manifest.name} is damaged: {'; '.join(faults[:3])}. Take a new one "
                "with `retention backup`, and find out what the disk does."
            )
    ledger.record_verified(warehouse, manifest.name, is_drill=is_drill)
    done = "restored for a trial and equal" if is_drill else "whole"
    return warehouse.record(
        DecisionReceipt(
            door="verify_backup",
            seconds=time.perf_counter() - started,
            sentence=f"{manifest.name} is {done}: {manifest.tables_count} tables, "
            f"{manifest.rows_count:,} rows, {len(manifest.files):,} files.",
            details={"name": manifest.name, "is_drill": is_drill},
        ),
        settings.run_id,
    )


def _is_due(warehouse: Warehouse, every_days: int) -> bool:
    last = warehouse.read("SELECT max(drilled_at) AS at FROM ops.backups")["at"][0].as_py()
    return every_days > 0 and (
        last is None or clock.now() - last >= timedelta(days=every_days) - timedelta(hours=1)
    )


def _drill(backup: Path, shelf_folder: Path) -> None:
    home = shelf_folder / f"{shelf.DRAFT}drill"
    try:
        restore(backup, home, say=lambda _: None)
    finally:
        databases.server(home).stop("immediate")
        shutil.rmtree(home, ignore_errors=True)
