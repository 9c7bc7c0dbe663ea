"""Files in, curated rows out: the four doors of ingestion in a row."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from retention_ml.curated.curate import curate
from retention_ml.deliveries.land import land
from retention_ml.deliveries.ledger import batches
from retention_ml.deliveries.replay import replay
from retention_ml.deliveries.stage import stage
from retention_ml.errors import FileRefused, QualityError
from retention_ml.quality import report
from retention_ml.quality.check import check
from retention_ml.receipts import Receipt
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse

Say = Callable[[str], None]


def ingest(
    warehouse: Warehouse,
    *,
    settings: Settings,
    source: str,
    files: Sequence[Path],
    history: bool = False,
    say: Say = lambda _: None,
) -> Receipt:
    """Land, stage, check and curate files; safe to repeat after any interruption.

    Parameters
    ----------
    warehouse : Warehouse
    settings : Settings
    source : str
        Name of a description under `settings.sources`.
    files : sequence of pathlib.Path
    history : bool
        Whether the rows count as known from when they happened rather than from now.
    say : callable, optional
        Called with a few words whenever a step begins or has come further.

    Returns
    -------
    Receipt
        Rows: read = written + quarantined + left out + duplicates. `details`: batch_id (None: nothing
        new), source, files (landed, repeated, refused), refused (a sentence per file), held (a
        sentence per feed that is held while the rest went on), reasons (rows per code), corrected,
        by_file (what each file gave), kinds (rows read by table and kind), without_customer (rows),
        findings (sentences: files without rows, failed expectations), report (path), rows_per_second.

    Raises
    ------
    FileRefused
        No file can be read.
    QualityError
        A critical expectation failed: all of it is held.
    """
    started = time.perf_counter()
    say(f"landing {len(files):,} files")
    landed = land(warehouse, settings=settings, source=source, files=files, history=history)
    if landed.quarantined:
        report.write_index(warehouse, settings=settings)
    if landed.quarantined == landed.read:
        raise _refusal(landed.details["refused"])
    return _finish(warehouse, settings, landed, started, say)


def replay_quarantine(
    warehouse: Warehouse,
    *,
    settings: Settings,
    source: str | None = None,
    reason: str | None = None,
) -> Receipt:
    """Try quarantined rows again, of one source or reason or of all; returns as `ingest` does."""
    started = time.perf_counter()
    landed = replay(warehouse, settings=settings, source=source, reason=reason)
    return _finish(warehouse, settings, landed, started)


def _finish(
    warehouse: Warehouse,
    settings: Settings,
    landed: Receipt,
    started: float,
    say: Say = lambda _: None,
) -> Receipt:
    batch_id = landed.details["batch_id"]
    details: dict[str, Any] = {
        "source": landed.details.get("source"),
        "files": {
            "landed": landed.details.get("deliveries", landed.written),
            "repeated": landed.duplicates,
            "refused": landed.quarantined,
        },
        "batch_id": batch_id,
        "refused": list(landed.details.get("refused", [])),
    }
    if batch_id is None:
        return Receipt(
            door="ingest", read=0, written=0, seconds=time.perf_counter() - started, details=details
        )
    rows = 0

    def count(further: int) -> None:
        nonlocal rows
        rows += further
        say(f"reading and casting: {rows:,} rows")

    staged = stage(warehouse, settings=settings, batch_id=batch_id, progress=count)
    if staged.details["status"] == "held":
        report.write_index(warehouse, settings=settings)
        raise _refusal(staged.details["refused"])
    say(f"checking {rows:,} rows")
    checked = check(warehouse, settings=settings, batch_id=batch_id)
    if checked.details["status"] == "held":
        raise QualityError(
            f"{checked.details['held'][0]} The report is {checked.details['report']}."
        )
    say(f"curating {rows:,} rows")
    curated = curate(warehouse, settings=settings, batch_id=batch_id)
    with warehouse.transaction() as transaction:
        by_file = batches.counts_by_file(transaction, batch_id)
    seconds = time.perf_counter() - started
    held_count = checked.details["held_count"]
    return replace(
        curated,
        door="ingest",
        read=curated.read + held_count,
        quarantined=curated.quarantined + held_count,
        seconds=seconds,
        details={
            **details,
            "refused": [*details["refused"], *staged.details["refused"]],
            "held": checked.details["held"],
            "reasons": curated.details["reasons"],
            "corrected": curated.details["corrected"],
            "by_file": by_file,
            "kinds": staged.details["kinds"],
            "without_customer": staged.details["without_customer"],
            "findings": [
                *staged.details["without_rows"],
                *staged.details["remarks"],
                *checked.details["findings"],
                *landed.details.get("remarks", []),
            ],
            "report": curated.details["report"],
            "rows_per_second": round(curated.read / seconds),
        },
    )


def _refusal(sentences: Sequence[str]) -> FileRefused:
    """The error of a call none of whose files can be read."""
    more = f" ({len(sentences) - 1} more were refused too.)" if len(sentences) > 1 else ""
    return FileRefused(f"{sentences[0]}{more}")
