"""The way of a parcel of files through the doors, in one process; and where its files go then."""

import logging
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from typing import Any

from retention_airflow import defaults, doors, put_away
from retention_ml.receipts import DoorReceipt
from retention_ml.settings import load

logger = logging.getLogger(__name__)

TIME_MAX = timedelta(hours=8)  # four doors, each with the two hours that other tasks have
LANDED = "landed"
"""What `land` returned, also where a later door fails: files are put away by it."""


def ingest(
    parcel: Mapping[str, Any],
    land: Callable[..., DoorReceipt],
    *doors_of_a_batch: Callable[..., DoorReceipt],
) -> list[dict[str, Any]]:
    """The receipts of `land` and of the doors after it, as far as something is left to do.

    Called within a task. Begun again, `land` opens the batch again that was not finished.
    """
    from airflow.sdk import get_current_context

    receipts = [
        doors.call(
            land,
            source=parcel["source"],
            files=doors.paths(parcel["files"]),
            history=parcel["history"],
        )
    ]
    get_current_context()["ti"].xcom_push(key=LANDED, value=receipts[0])
    for door in doors_of_a_batch:
        before = receipts[-1]
        if before["batch_id"] is None or before.get("status") == "held":
            logger.info(
                "%s left nothing to do: its files came before, cannot be read or are held. Its "
                "receipt says which.",
                before["door"],
            )
            break
        receipts.append(doors.call(door, batch_id=int(before["batch_id"])))
    return receipts


def move(parcel: Mapping[str, Any], ingest_task: str) -> dict[str, list[str]]:
    """Put the files of a parcel away as the ledger says; called within a task.

    Those that the archive holds are deleted, unless `archive.keep_done`.

    Parameters
    ----------
    parcel : mapping
    ingest_task : str
        The mapped task that ingested the parcels.
    """
    from airflow.sdk import get_current_context

    task = get_current_context()["ti"]
    landed = task.xcom_pull(task_ids=ingest_task, key=LANDED, map_indexes=task.map_index)
    states = doors.file_states(parcel["files"], landed)
    settings = load()
    if settings.archive.keep_done:
        return put_away.put_away(defaults.INBOX_PATH, parcel["stamps"], states)
    from retention_ml.deliveries.archive import discard

    return put_away.put_away(
        defaults.INBOX_PATH, parcel["stamps"], states, partial(discard, settings=settings)
    )
