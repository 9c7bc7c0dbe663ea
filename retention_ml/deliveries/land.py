"""The door that takes files in: guards, archive, ledger. No row is read yet, only headers."""

import json
import time
from collections.abc import Sequence
from pathlib import Path

from retention_ml import clock
from retention_ml.deliveries.archive import Archived
from retention_ml.deliveries.arrivals import LOOKUP, Arrival, Refusal, newest_lookup, receive
from retention_ml.deliveries.sources import Source, load_source
from retention_ml.errors import FileRefused, UsageError
from retention_ml.failpoints import reach
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
    of a batch that was never finished (the process died, or a check held it back) are taken
    up again in that batch. A file that cannot be read is noted as `refused`; the others go on.

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
    described = load_source(settings.sources, source)

    def has_lookup(name: str) -> bool:
        with warehouse.transaction() as transaction:
            return newest_lookup(transaction, source, name) is not None

    arrivals, refusals = receive(described, list(files), settings.home, has_lookup)
    reach("land.after_archive")
    with warehouse.transaction() as transaction:
        batch_id, repeated = _enter(
            transaction, described, arrivals, refusals, history=history, run_id=settings.run_id
        )
        new_columns = _columns_since(transaction, described, arrivals)
        reach("land.before_commit")
    receipt = warehouse.record(
        Receipt(
            door="land",
            read=len(arrivals) + len(refusals),
            written=len(arrivals) - repeated,
            quarantined=len(refusals),
            duplicates=repeated,
            seconds=time.monotonic() - started,
            details={
                "unit": "files",
                "source": source,
                "batch_id": batch_id,
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


def _enter(
    transaction: Transaction,
    source: Source,
    arrivals: Sequence[Arrival],
    refusals: Sequence[Refusal],
    *,
    history: bool,
    run_id: str,
) -> tuple[int | None, int]:
    """Write the ledger; the batch to stage (None: nothing new) and how many files were repeated."""
    transaction.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))", key=f"land {source.name}"
    )
    digests = [arrival.kept.sha256 for arrival in arrivals]
    # Whoever works on one of their batches ends first: only then is it known what it became.
    transaction.execute(
        "SELECT 1 FROM raw.batches WHERE batch_id IN (SELECT batch_id FROM raw.deliveries "
        "WHERE source = :source AND replay_of IS NULL AND status IN ('landed', 'staged', 'held') "
        "AND file_sha256 = ANY(:digests)) ORDER BY batch_id FOR UPDATE",
        source=source.name,
        digests=digests,
    )
    known = {
        (feed, sha256): (status, batch)
        for feed, sha256, status, batch in transaction.execute(
            "SELECT feed, file_sha256, status, batch_id FROM raw.deliveries WHERE source = :source "
            "AND replay_of IS NULL AND status IN ('landed', 'staged', 'accepted', 'held') "
            "AND file_sha256 = ANY(:digests)",
            source=source.name,
            digests=digests,
        )
    }
    fresh: dict[tuple[str, str], Arrival] = {}
    repeated: list[Arrival] = []
    unfinished: set[int] = set()
    for arrival in arrivals:
        key = (arrival.feed, arrival.kept.sha256)
        status, batch = known.get(key, (None, 0))
        if status == "accepted" or key in fresh:
            repeated.append(arrival)
        elif status is None:
            fresh[key] = arrival
        else:
            unfinished.add(batch)
    now = clock.now()
    is_new = bool(unfinished) or any(LOOKUP not in feed for feed, _ in fresh)
    status, reason = ("landed", None) if is_new else _idle(refusals, repeated)
    if unfinished:
        batch_id = _take_up(transaction, sorted(unfinished), history)
    else:
        made = transaction.execute(
            "INSERT INTO raw.batches (source, is_history, status, reason, run_id, created_at, "
            "closed_at) VALUES (:source, :history, :status, :reason, :run_id, :now, :closed) "
            "RETURNING batch_id",
            source=source.name,
            history=history,
            status=status,
            reason=reason,
            run_id=run_id,
            now=now,
            closed=None if is_new else now,
        )
        batch_id = int(made[0][0])
    rows = [
        *(
            (a.feed, a.kept, a.columns, "landed" if is_new else "accepted", None, None)
            for a in fresh.values()
        ),
        *((a.feed, a.kept, a.columns, "repeated", None, None) for a in repeated),
        *(
            (
                r.feed,
                Archived(r.name, "", 0, Path()),
                (),
                "refused",
                r.error.reason_code,
                str(r.error),
            )
            for r in refusals
        ),
    ]
    for feed, kept, columns, file_status, code, sentence in rows:
        transaction.execute(
            "INSERT INTO raw.deliveries (batch_id, source, feed, file_name, file_sha256, size_bytes, "
            "mapping_sha256, columns_found, is_history, status, reason_code, reason, landed_at) VALUES "
            "(:batch, :source, :feed, :name, :sha256, :size, :mapping, :columns, :history, :status, "
            ":code, :reason, :now)",
            batch=batch_id,
            source=source.name,
            feed=feed,
            name=kept.name,
            sha256=kept.sha256,
            size=kept.size_bytes,
            mapping=source.mapping_sha256,
            columns=json.dumps(columns) if columns else None,
            history=history,
            status=file_status,
            code=code,
            reason=sentence,
            now=now,
        )
    return (batch_id if is_new else None), len(repeated)


def _idle(refusals: Sequence[Refusal], repeated: Sequence[Arrival]) -> tuple[str, str]:
    """Status and reason of a batch in which nothing is to be done."""
    if refusals and not repeated:
        return "held", "every file was refused"
    return "curated", "every file that could be read was accepted before"


def _take_up(transaction: Transaction, batches: Sequence[int], history: bool) -> int:
    """Open unfinished batches again as one: the oldest; the newest call says if it is history."""
    kept = batches[0]
    transaction.execute(
        "UPDATE raw.deliveries SET batch_id = :kept, is_history = :history, "
        "status = CASE status WHEN 'held' THEN 'landed' ELSE status END "
        "WHERE batch_id = ANY(:ids) AND status IN ('landed', 'staged', 'held')",
        kept=kept,
        history=history,
        ids=list(batches),
    )
    transaction.execute(
        "UPDATE raw.deliveries SET batch_id = :kept WHERE batch_id = ANY(:ids)",
        kept=kept,
        ids=list(batches),
    )
    transaction.execute(
        "UPDATE raw.batches SET status = 'landed', reason = NULL, closed_at = NULL, "
        "is_history = :history WHERE batch_id = :kept",
        kept=kept,
        history=history,
    )
    transaction.execute(
        "DELETE FROM raw.batches WHERE batch_id = ANY(:others)", others=list(batches[1:])
    )
    return kept


def _columns_since(
    transaction: Transaction, source: Source, arrivals: Sequence[Arrival]
) -> dict[str, list[str]]:
    """Columns that the files accepted before did not have, by feed."""
    before = {
        feed: set(json.loads(columns))
        for feed, columns in transaction.execute(
            "SELECT DISTINCT ON (feed) feed, columns_found FROM raw.deliveries WHERE source = :source "
            "AND status = 'accepted' AND columns_found IS NOT NULL ORDER BY feed, delivery_id DESC",
            source=source.name,
        )
    }
    added: dict[str, list[str]] = {}
    for arrival in arrivals:
        known = before.get(arrival.feed)
        new = [name for name in arrival.columns if known is not None and name not in known]
        if new:
            added[arrival.feed] = new
    return added
