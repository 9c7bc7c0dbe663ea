"""The door that takes files in: guards, archive, ledger. No row is read yet, only headers."""

import json
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from retention_ml.deliveries.archive import shown_name
from retention_ml.deliveries.arrivals import Arrival, Refusal, is_lookup, receive
from retention_ml.deliveries.description.loading import load_source
from retention_ml.deliveries.description.source import Source
from retention_ml.deliveries.ledger import landing, personal_lines
from retention_ml.deliveries.ledger.landing import Existing, FileEntry, Plan
from retention_ml.errors import UsageError
from retention_ml.failpoints import failpoint
from retention_ml.receipts import Receipt
from retention_ml.settings import Settings
from retention_ml.settings.sections import Calendar
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
    file that cannot be read is noted as `refused`; the others, if there are any, go on.

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
        Counts files: written = landed, quarantined = refused, duplicates = repeated; one that
        several feeds read counts as landed if it is new to one of them, and as refused if none
        can read it. `details["batch_id"]` is the batch to stage, None where there is nothing new;
        `details["delivery_ids"]` are the ledger's entries of the files, in their order, one for
        each feed that reads a file (of files with equal bytes the first one's: what becomes of it
        becomes of all of them); `details["entries"]` are the same, a list for each file.

    Raises
    ------
    UnknownSource, SettingsError
        The source is not described or the description cannot be read.
    """
    started = time.monotonic()
    if not files:
        raise UsageError(f"No file was named for the source {source!r}. Name at least one.")
    description = load_source(settings.sources, source)

    def has_lookup(name: str) -> bool:
        with warehouse.transaction() as transaction:
            return landing.newest_lookup(transaction, source, name) is not None

    arrivals, refusals = receive(description, list(files), settings, has_lookup)
    failpoint("land.after_archive")
    with warehouse.transaction() as transaction:
        digests = [arrival.archived.sha256 for arrival in arrivals]
        landing.lock_source(transaction, source)
        landing.lock_open_batches(transaction, source, digests)
        existing = landing.existing_deliveries(transaction, source, digests)
        plan = _plan(arrivals, refusals, existing)
        batch_id, entered = landing.enter(
            transaction, plan, source=description, is_history=history, run_id=settings.run_id
        )
        ids = _ids_by_file(arrivals, refusals, existing, entered)
        entries = [ids[path] for path in files]
        accepted = landing.accepted_columns(transaction, source)
        new_columns = [
            (a.feed, [name for name in a.columns if name not in accepted.get(a.feed, a.columns)])
            for a in arrivals
        ]
        failpoint("land.before_commit")
    personal_lines.remove_due(warehouse, settings, digests)
    counts = Counter(_status_by_file(plan, arrivals, refusals).values())
    return warehouse.record(
        Receipt(
            door="land",
            read=counts.total(),
            written=counts["landed"],
            quarantined=counts["refused"],
            duplicates=counts["repeated"],
            seconds=time.monotonic() - started,
            details={
                "unit": "files",
                "source": source,
                "batch_id": batch_id if plan.status == "landed" else None,
                "delivery_ids": [number for numbers in entries for number in numbers],
                "entries": entries,
                "refused": [str(refusal.error) for refusal in refusals],
                "columns_not_read": {a.feed: list(a.unread) for a in arrivals if a.unread},
                "new_columns": {feed: names for feed, names in new_columns if names},
                "remarks": _other_money(description, settings.calendar),
            },
        ),
        settings.run_id,
    )


def _other_money(source: Source, shop: Calendar) -> list[str]:
    """What a reader of amounts must know of a source whose money is not the shop's."""
    remarks: list[str] = []
    if not any(name.endswith("_cents") for f in source.feeds.values() for name in f.columns):
        return remarks
    if source.currency.casefold() != shop.currency.casefold():
        remarks.append(
            f"Amounts of the source {source.name!r} are in {source.currency}, and currency of "
            f"[calendar] in the settings is {shop.currency}: nothing is converted, so they are shown "
            f"as {shop.currency}. Set the shop's currency there."
        )
    if source.minor_units != shop.minor_units:
        remarks.append(
            f"The source {source.name!r} has minor_units = {source.minor_units}, and [calendar] in "
            f"the settings {shop.minor_units}: amounts of its customers are shown "
            f"{source.minor_units / shop.minor_units:g} times as large as they are. Set both alike."
        )
    return remarks


def _plan(
    arrivals: Sequence[Arrival],
    refusals: Sequence[Refusal],
    existing: Mapping[tuple[str, str], Existing],
) -> Plan:
    """What becomes of the files, given those that the ledger has."""
    new_files: dict[tuple[str, str], Arrival] = {}
    repeated: list[Arrival] = []
    unfinished: set[int] = set()
    for arrival in arrivals:
        key = (arrival.feed, arrival.archived.sha256)
        earlier = existing.get(key)
        if key in new_files or (earlier and earlier.status == "accepted"):
            repeated.append(arrival)
        elif earlier is None:
            new_files[key] = arrival
        else:
            unfinished.add(earlier.batch_id)
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
        entries=(
            *(_entry(arrival, file_status) for arrival in new_files.values()),
            *(_entry(arrival, "repeated") for arrival in repeated),
            *(
                FileEntry(
                    path=refusal.path,
                    feed=refusal.feed,
                    file_name=shown_name(refusal.path),
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
        path=arrival.path,
        feed=arrival.feed,
        file_name=arrival.archived.name,
        status=status,
        file_sha256=arrival.archived.sha256,
        size_bytes=arrival.archived.size_bytes,
        columns_found=json.dumps(arrival.columns) if arrival.columns else None,
    )


def _status_by_file(
    plan: Plan, arrivals: Sequence[Arrival], refusals: Sequence[Refusal]
) -> dict[Path, str]:
    """What became of each file: landed if a feed has something new in it."""
    repeated = {(entry.path, entry.feed) for entry in plan.entries if entry.status == "repeated"}
    statuses = {refusal.path: "refused" for refusal in refusals}
    for arrival in arrivals:
        is_repeated = (arrival.path, arrival.feed) in repeated
        if not is_repeated or statuses.get(arrival.path) != "landed":
            statuses[arrival.path] = "repeated" if is_repeated else "landed"
    return statuses


def _ids_by_file(
    arrivals: Sequence[Arrival],
    refusals: Sequence[Refusal],
    existing: Mapping[tuple[str, str], Existing],
    entered: Mapping[tuple[Path, str], int],
) -> dict[Path, list[int]]:
    """The entries of each file, one per feed: of equal bytes in one call those of the first."""
    by_bytes: dict[tuple[str, str], int] = {}
    ids: dict[Path, list[int]] = {}
    for arrival in arrivals:
        key = (arrival.feed, arrival.archived.sha256)
        if key not in by_bytes:
            number = entered.get((arrival.path, arrival.feed))
            by_bytes[key] = existing[key].delivery_id if number is None else number
        ids.setdefault(arrival.path, []).append(by_bytes[key])
    for refusal in refusals:
        ids.setdefault(refusal.path, []).append(entered[refusal.path, refusal.feed])
    return {path: list(dict.fromkeys(numbers)) for path, numbers in ids.items()}
