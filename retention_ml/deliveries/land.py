"""The door that takes files in: guards, archive, ledger. No row is read yet, only headers."""

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from retention_ml.deliveries.arrivals import Arrival, Refusal, is_lookup, receive
from retention_ml.deliveries.ledger import landing
from retention_ml.deliveries.ledger.landing import FileEntry, Plan
from retention_ml.deliveries.sources import load_source
from retention_ml.errors import FileRefused, UsageError
from retention_ml.failpoints import failpoint
from retention_ml.receipts import Receipt
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse


def land(
    warehouse: Warehouse,
    *,
    settings: Settings,
    source: str,
    files: Sequence[Path],
    history: bool = False,
) -> Receipt:
    """Archive files and enter them in the ledger as one batch.

    Files whose bytes were accepted before are noted as `repeated` and change nothing. Files
    of an unfinished batch (the process died, or a check held it back) open that batch again. A
    file that cannot be read is noted as `refused`; the others go on.

    Parameters
    ----------
    warehouse : Warehouse
    settings : Settings
    source : str
        Name of a description under `settings.sources`.
    files : sequence of pathlib.Path
    history : bool
        Whether the rows count as known from when they happened (plus the source's delay)
        rather than from now.

    Returns
    -------
    Receipt
        Counts files: written = landed, quarantined = refused, duplicates = repeated.
        `details["batch_id"]` is the batch to stage, None where there is nothing new.

    Raises
    ------
    UnknownSource, SettingsError
        The source is not described or the description cannot be read.
    FileRefused
        Every file was refused (that is in the ledger all the same).
    """
    started = time.monotonic()
    if not files:
        raise UsageError(f"No file was named for the source {source!r}. Name at least one.")
    description = load_source(settings.sources, source)

    def has_lookup(name: str) -> bool:
        with warehouse.transaction() as transaction:
            return landing.newest_lookup(transaction, source, name) is not None

    arrivals, refusals = receive(description, list(files), settings.home, has_lookup)
    failpoint("land.after_archive")
    with warehouse.transaction() as transaction:
        digests = [arrival.archived.sha256 for arrival in arrivals]
        landing.lock_source(transaction, source)
        landing.lock_open_batches(transaction, source, digests)
        existing = landing.existing_deliveries(transaction, source, digests)
        plan = _plan(arrivals, refusals, existing)
        batch_id = landing.enter(
            transaction, plan, source=description, is_history=history, run_id=settings.run_id
        )
        accepted = landing.accepted_columns(transaction, source)
        new_columns = [
            (a.feed, [name for name in a.columns if name not in accepted.get(a.feed, a.columns)])
            for a in arrivals
        ]
        failpoint("land.before_commit")
    receipt = warehouse.record(
        Receipt(
            door="land",
            read=len(arrivals) + len(refusals),
            written=len(arrivals) - plan.repeated_count,
            quarantined=len(refusals),
            duplicates=plan.repeated_count,
            seconds=time.monotonic() - started,
            details={
                "unit": "files",
                "source": source,
                "batch_id": batch_id if plan.status == "landed" else None,
                "refused": [str(refusal.error) for refusal in refusals],
                "columns_not_read": {a.feed: list(a.unread) for a in arrivals if a.unread},
                "new_columns": {feed: names for feed, names in new_columns if names},
            },
        ),
        settings.run_id,
    )
    if refusals and not arrivals:
        first = refusals[0].error
        more = f" ({len(refusals) - 1} more were refused too.)" if len(refusals) > 1 else ""
        raise FileRefused(f"{first}{more}", first.reason_code)
    return receipt


def _plan(
    arrivals: Sequence[Arrival],
    refusals: Sequence[Refusal],
    existing: Mapping[tuple[str, str], tuple[str, int]],
) -> Plan:
    """What becomes of the files, given status and batch of those that the ledger has."""
    new_files: dict[tuple[str, str], Arrival] = {}
    repeated: list[Arrival] = []
    unfinished: set[int] = set()
    for arrival in arrivals:
        key = (arrival.feed, arrival.archived.sha256)
        delivery_status, batch_id = existing.get(key, (None, 0))
        if delivery_status == "accepted" or key in new_files:
            repeated.append(arrival)
        elif delivery_status is None:
            new_files[key] = arrival
        else:
            unfinished.add(batch_id)
    if unfinished or any(not is_lookup(feed) for feed, _ in new_files):
        status, reason = "landed", None
    elif refusals and not repeated:
        status, reason = "held", "every file was refused"
    else:
        status, reason = "curated", "every file that could be read was accepted before"
    file_status = "landed" if status == "landed" else "accepted"
    return Plan(
        status=status,
        reason=reason,
        unfinished=tuple(sorted(unfinished)),
        repeated_count=len(repeated),
        entries=(
            *(_entry(arrival, file_status) for arrival in new_files.values()),
            *(_entry(arrival, "repeated") for arrival in repeated),
            *(
                FileEntry(
                    feed=refusal.feed,
                    file_name=refusal.name,
                    status="refused",
                    reason_code=refusal.error.reason_code,
                    reason=str(refusal.error),
                )
                for refusal in refusals
            ),
        ),
    )


def _entry(arrival: Arrival, status: str) -> FileEntry:
    return FileEntry(
        feed=arrival.feed,
        file_name=arrival.archived.name,
        status=status,
        file_sha256=arrival.archived.sha256,
        size_bytes=arrival.archived.size_bytes,
        columns_found=json.dumps(arrival.columns) if arrival.columns else None,
    )
