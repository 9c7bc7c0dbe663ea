"""The door that takes files in: guards, archive, ledger. No row is read yet, only headers."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from retention_ml import clock
from retention_ml.deliveries.arrivals import Arrival, Refusal, is_lookup, receive
from retention_ml.deliveries.ledger import landing
from retention_ml.deliveries.ledger.landing import FileEntry
from retention_ml.deliveries.sources import Source, load_source
from retention_ml.errors import FileRefused, UsageError
from retention_ml.failpoints import failpoint
from retention_ml.receipts import Receipt
from retention_ml.settings import Settings
from retention_ml.warehouse import Transaction, Warehouse


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
        batch_id = _enter(
            transaction, description, plan, is_history=history, run_id=settings.run_id
        )
        new_columns = _new_columns(arrivals, landing.accepted_columns(transaction, source))
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
                "new_columns": new_columns,
            },
        ),
        settings.run_id,
    )
    if refusals and not arrivals:
        first = refusals[0].error
        more = f" ({len(refusals) - 1} more were refused too.)" if len(refusals) > 1 else ""
        raise FileRefused(f"{first}{more}", first.reason_code)
    return receipt


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """What a call enters: the files, and the batch they go to (the unfinished ones, or a new one).

    `status` and `reason` are those of a new batch; `landed` means that there is work to do.
    """

    status: str
    reason: str | None
    unfinished: tuple[int, ...]
    repeated_count: int
    entries: tuple[FileEntry, ...]


def _plan(
    arrivals: Sequence[Arrival],
    refusals: Sequence[Refusal],
    existing: Mapping[tuple[str, str], tuple[str, int]],
) -> _Plan:
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
    status, reason = _batch_status(
        is_new=bool(unfinished) or any(not is_lookup(feed) for feed, _ in new_files),
        is_refused=bool(refusals) and not repeated,
    )
    file_status = "landed" if status == "landed" else "accepted"
    return _Plan(
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


def _batch_status(*, is_new: bool, is_refused: bool) -> tuple[str, str | None]:
    """Status of the batch, and the reason where there is nothing to do."""
    if is_new:
        return "landed", None
    if is_refused:
        return "held", "every file was refused"
    return "curated", "every file that could be read was accepted before"


def _entry(arrival: Arrival, status: str) -> FileEntry:
    return FileEntry(
        feed=arrival.feed,
        file_name=arrival.archived.name,
        status=status,
        file_sha256=arrival.archived.sha256,
        size_bytes=arrival.archived.size_bytes,
        columns=arrival.columns,
    )


def _enter(
    transaction: Transaction, source: Source, plan: _Plan, *, is_history: bool, run_id: str
) -> int:
    """Enter the files of a plan in the ledger; returns their batch."""
    now = clock.now()
    if plan.unfinished:
        batch_id = landing.reopen_batches(transaction, plan.unfinished, is_history)
    else:
        batch_id = landing.insert_batch(
            transaction,
            source=source.name,
            is_history=is_history,
            status=plan.status,
            reason=plan.reason,
            run_id=run_id,
            now=now,
        )
    landing.insert_files(
        transaction,
        plan.entries,
        batch_id=batch_id,
        source=source,
        is_history=is_history,
        now=now,
    )
    return batch_id


def _new_columns(
    arrivals: Sequence[Arrival], accepted: Mapping[str, set[str]]
) -> dict[str, list[str]]:
    """Columns that the files accepted before did not have, by feed."""
    added: dict[str, list[str]] = {}
    for arrival in arrivals:
        before = accepted.get(arrival.feed, set(arrival.columns))
        names = [name for name in arrival.columns if name not in before]
        if names:
            added[arrival.feed] = names
    return added
