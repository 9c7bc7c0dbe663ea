"""New files and batches: what `land` reads from the ledger and enters in it."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from retention_ml.deliveries.arrivals import lookup_feed
from retention_ml.deliveries.sources import Source
from retention_ml.warehouse import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class FileEntry:
    """A file as it is entered in `raw.deliveries`; a refused one has no digest and no columns."""

    feed: str
    file_name: str
    status: str
    file_sha256: str = ""
    size_bytes: int = 0
    columns: tuple[str, ...] = ()
    reason_code: str | None = None
    reason: str | None = None


def lock_source(transaction: Transaction, source: str) -> None:
    """Let one transaction at a time land or replay files of a source."""
    transaction.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))", key=f"land {source}"
    )


def lock_open_batches(transaction: Transaction, source: str, digests: Sequence[str]) -> None:
    """Wait for whoever works on an open batch with one of these files, then lock the batch."""
    transaction.execute(
        "SELECT 1 FROM raw.batches WHERE batch_id IN (SELECT batch_id FROM raw.deliveries "
        "WHERE source = :source AND replay_of IS NULL AND status IN ('landed', 'staged', 'held') "
        "AND file_sha256 = ANY(:digests)) ORDER BY batch_id FOR UPDATE",
        source=source,
        digests=digests,
    )


def existing_deliveries(
    transaction: Transaction, source: str, digests: Sequence[str]
) -> dict[tuple[str, str], tuple[str, int]]:
    """Status and batch of the files with these digests that the ledger has, by feed and digest."""
    return {
        (feed, sha256): (status, batch_id)
        for feed, sha256, status, batch_id in transaction.execute(
            "SELECT feed, file_sha256, status, batch_id FROM raw.deliveries WHERE source = :source "
            "AND replay_of IS NULL AND status IN ('landed', 'staged', 'accepted', 'held') "
            "AND file_sha256 = ANY(:digests)",
            source=source,
            digests=digests,
        )
    }


def insert_batch(
    transaction: Transaction,
    *,
    source: str,
    is_history: bool,
    status: str,
    reason: str | None,
    run_id: str,
    now: datetime,
) -> int:
    """Enter a batch; one that has nothing to do (any status but `landed`) is closed at once."""
    rows = transaction.execute(
        "INSERT INTO raw.batches (source, is_history, status, reason, run_id, created_at, "
        "closed_at) VALUES (:source, :history, :status, :reason, :run_id, :now, :closed) "
        "RETURNING batch_id",
        source=source,
        history=is_history,
        status=status,
        reason=reason,
        run_id=run_id,
        now=now,
        closed=None if status == "landed" else now,
    )
    return int(rows[0][0])


def insert_files(
    transaction: Transaction,
    entries: Iterable[FileEntry],
    *,
    batch_id: int,
    source: Source,
    is_history: bool,
    now: datetime,
) -> None:
    """Enter files as deliveries of a batch."""
    for entry in entries:
        transaction.execute(
            "INSERT INTO raw.deliveries (batch_id, source, feed, file_name, file_sha256, "
            "size_bytes, mapping_sha256, columns_found, is_history, status, reason_code, reason, "
            "landed_at) VALUES (:batch, :source, :feed, :name, :sha256, :size, :mapping, "
            ":columns, :history, :status, :code, :reason, :now)",
            batch=batch_id,
            source=source.name,
            feed=entry.feed,
            name=entry.file_name,
            sha256=entry.file_sha256,
            size=entry.size_bytes,
            mapping=source.mapping_sha256,
            columns=json.dumps(entry.columns) if entry.columns else None,
            history=is_history,
            status=entry.status,
            code=entry.reason_code,
            reason=entry.reason,
            now=now,
        )


def reopen_batches(transaction: Transaction, batch_ids: Sequence[int], is_history: bool) -> int:
    """Merge unfinished batches into the oldest and open it again; returns its id.

    `is_history` is that of the newest call.
    """
    oldest = batch_ids[0]
    transaction.execute(
        "UPDATE raw.deliveries SET batch_id = :oldest, is_history = :history, "
        "status = CASE status WHEN 'held' THEN 'landed' ELSE status END "
        "WHERE batch_id = ANY(:ids) AND status IN ('landed', 'staged', 'held')",
        oldest=oldest,
        history=is_history,
        ids=list(batch_ids),
    )
    transaction.execute(
        "UPDATE raw.deliveries SET batch_id = :oldest WHERE batch_id = ANY(:ids)",
        oldest=oldest,
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


def newest_lookup(transaction: Transaction, source: str, file_name: str) -> str | None:
    """SHA-256 of the reference file of that name that came last, None if none came."""
    rows = transaction.execute(
        "SELECT file_sha256 FROM raw.deliveries WHERE source = :source AND feed = :feed "
        "AND status <> 'refused' ORDER BY delivery_id DESC LIMIT 1",
        source=source,
        feed=lookup_feed(file_name),
    )
    return str(rows[0][0]) if rows else None
