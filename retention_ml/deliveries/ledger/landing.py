"""New files and batches: what `land` reads from the ledger and enters in it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from retention_ml import clock
from retention_ml.deliveries.arrivals import lookup_feed
from retention_ml.deliveries.description.source import Source
from retention_ml.warehouse import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class FileEntry:
    """A file as it is entered in `raw.deliveries`; a refused one has no digest and no columns."""

    path: Path
    feed: str
    file_name: str
    status: str
    file_sha256: str = ""
    size_bytes: int = 0
    columns_found: str | None = None
    reason_code: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a call enters: the files, and the batch they go to (the unfinished ones, or a new one).

    `status` and `reason` are those of a new batch; `landed` means that there is work to do.
    """

    status: str
    reason: str | None
    unfinished: tuple[int, ...]
    entries: tuple[FileEntry, ...]


def lock_source(transaction: Transaction, source: str) -> None:
    """Let one transaction at a time land or replay files of a source."""
    transaction.lock(f"land {source}")


def lock_open_batches(transaction: Transaction, source: str, digests: Sequence[str]) -> None:
    """Wait for whoever works on an open batch with one of these files, then lock the batch."""
    transaction.execute(
        "SELECT 1 FROM raw.batches WHERE batch_id IN (SELECT batch_id FROM raw.deliveries "
        "WHERE source = :source AND replay_of IS NULL AND status IN ('landed', 'staged', 'held') "
        "AND file_sha256 = ANY(:digests)) ORDER BY batch_id FOR UPDATE",
        source=source,
        digests=digests,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Existing:
    """A file that the ledger has: what became of it so far."""

    delivery_id: int
    batch_id: int
    status: str


def existing_deliveries(
    transaction: Transaction, source: str, digests: Sequence[str]
) -> dict[tuple[str, str], Existing]:
    """The files with these digests that the ledger has and did not refuse, by feed and digest."""
    rows = transaction.execute(
        "SELECT feed, file_sha256, delivery_id, batch_id, status FROM raw.deliveries "
        "WHERE source = :source AND replay_of IS NULL "
        "AND status IN ('landed', 'staged', 'accepted', 'held') AND file_sha256 = ANY(:digests)",
        source=source,
        digests=digests,
    )
    return {
        (row.feed, row.file_sha256): Existing(
            delivery_id=row.delivery_id, batch_id=row.batch_id, status=row.status
        )
        for row in rows
    }


def insert_batch(
    transaction: Transaction,
    *,
    source: str,
    is_history: bool,
    run_id: str,
    now: datetime,
    status: str = "landed",
    reason: str | None = None,
    split_from: int | None = None,
) -> int:
    """Enter a batch; one that has nothing to do (any status but `landed`) is closed at once."""
    row = transaction.insert_row(
        "raw.batches",
        {
            "source": source,
            "is_history": is_history,
            "status": status,
            "reason": reason,
            "run_id": run_id,
            "split_from": split_from,
            "created_at": now,
            "closed_at": None if status == "landed" else now,
        },
        returning="batch_id",
    )
    assert row is not None
    return int(row[0])


def enter(
    transaction: Transaction, plan: Plan, *, source: Source, is_history: bool, run_id: str
) -> tuple[int, dict[tuple[Path, str], int]]:
    """Enter the files of a plan as deliveries of one batch; the batch, and the new ids by path and feed."""
    now = clock.now()
    if plan.unfinished:
        batch_id = _reopen_batches(transaction, plan.unfinished, is_history)
    else:
        batch_id = insert_batch(
            transaction,
            source=source.name,
            is_history=is_history,
            status=plan.status,
            reason=plan.reason,
            run_id=run_id,
            now=now,
        )
    entered: dict[tuple[Path, str], int] = {}
    for entry in plan.entries:
        columns = asdict(entry)
        path = columns.pop("path")
        row = transaction.insert_row(
            "raw.deliveries",
            {
                **columns,
                "batch_id": batch_id,
                "source": source.name,
                "mapping_sha256": source.mapping_sha256,
                "is_history": is_history,
                "landed_at": now,
            },
            returning="delivery_id",
        )
        assert row is not None
        entered.setdefault((path, entry.feed), int(row[0]))
    return batch_id, entered


def _reopen_batches(transaction: Transaction, batch_ids: Sequence[int], is_history: bool) -> int:
    """Merge unfinished batches into the oldest and open it again; returns its id.

    `is_history` is that of the newest call.
    """
    oldest = batch_ids[0]
    transaction.execute(
        "UPDATE raw.deliveries SET batch_id = :oldest, is_history = CASE "
        "WHEN status IN ('landed', 'staged', 'held') THEN :history ELSE is_history END, "
        "status = CASE status WHEN 'held' THEN 'landed' ELSE status END "
        "WHERE batch_id = ANY(:ids)",
        oldest=oldest,
        history=is_history,
        ids=list(batch_ids),
    )
    transaction.execute(
        "UPDATE raw.batches SET status = 'landed', reason = NULL, closed_at = NULL, "
        "is_history = :history WHERE batch_id = :oldest",
        oldest=oldest,
        history=is_history,
    )
    transaction.execute(
        "DELETE FROM raw.batches WHERE batch_id = ANY(:others)", others=list(batch_ids[1:])
    )
    return oldest


def accepted_columns(transaction: Transaction, source: str) -> Mapping[str, set[str]]:
    """The columns of the file accepted last, by feed."""
    return {
        feed: set(json.loads(columns))
        for feed, columns in transaction.execute(
            "SELECT DISTINCT ON (feed) feed, columns_found FROM raw.deliveries "
            "WHERE source = :source AND status = 'accepted' AND columns_found IS NOT NULL "
            "ORDER BY feed, delivery_id DESC",
            source=source,
        )
    }


def files_of_feed(
    transaction: Transaction, source: str, feed: str, batch_id: int
) -> list[tuple[str, str]]:
    """Digest and name of the files of a feed: those of the batch, then earlier ones, newest first."""
    rows = transaction.execute(
        "SELECT file_sha256, file_name FROM raw.deliveries WHERE source = :source "
        "AND feed = :feed AND replay_of IS NULL AND (status = 'accepted' "
        "OR (batch_id = :b AND status IN ('landed', 'staged'))) "
        "ORDER BY batch_id = :b DESC, delivery_id DESC",
        source=source,
        feed=feed,
        b=batch_id,
    )
    return [(row.file_sha256, row.file_name) for row in rows]


def newest_lookup(transaction: Transaction, source: str, file_name: str) -> str | None:
    """SHA-256 of the reference file of that name that came last, None if none came."""
    rows = transaction.execute(
        "SELECT file_sha256 FROM raw.deliveries WHERE source = :source AND feed = :feed "
        "AND status <> 'refused' ORDER BY delivery_id DESC LIMIT 1",
        source=source,
        feed=lookup_feed(file_name),
    )
    return str(rows[0][0]) if rows else None
