"""The door `prune`: the last backups of so many days, weeks and months stay, the others go."""

import time
from pathlib import Path

from retention_ml.receipts import Receipt
from retention_ml.settings import Settings
from retention_ml.stack.backups import ledger, shelf, wal
from retention_ml.warehouse import Warehouse


def prune(warehouse: Warehouse, *, settings: Settings, folder: Path | None = None) -> Receipt:
    """Remove backups that are not to stay, each kind counted by itself, and WAL nobody needs.

    Returns
    -------
    Receipt
        `read` are backups; `left_out` those that stay, `written` those that were removed.
    """
    started = time.perf_counter()
    shelf_folder = (folder or shelf.folder_of(settings)).absolute()
    counts = settings.backups
    removed = []
    with warehouse.exclusive(shelf.LOCK):
        shelf.remove_drafts(shelf_folder)
        there = shelf.read(shelf_folder)
        for kind in ("dump", "base"):
            same = {one.taken_at: one for one in there if one.kind == kind}
            stay = shelf.staying(
                same,
                daily=counts.daily_count, weekly=counts.weekly_count, monthly=counts.monthly_count,
            )  # fmt: skip
            removed += [one for taken_at, one in same.items() if taken_at not in stay]
        for one in removed:
            shelf.remove(shelf_folder / one.name)
        left = [one for one in there if one not in removed]
        wal.prune(shelf_folder, next((one for one in left if one.kind == "base"), None))
    ledger.record_removed(warehouse, [one.name for one in left])
    return warehouse.record(
        Receipt(
            door="prune_backups",
            seconds=time.perf_counter() - started,
            read=len(there),
            written=len(removed),
            left_out=len(left),
            details={"removed": [one.name for one in removed]},
        ),
        settings.run_id,
    )
