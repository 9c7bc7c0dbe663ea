"""The door that checks a batch or a day by the suites of its tables, and acts on the results."""

import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime

import ibis

from retention_ml import clock, failpoints, tables
from retention_ml.deliveries.ledger import batches
from retention_ml.deliveries.ledger.batches import RowCounts
from retention_ml.deliveries.ledger.quarantine_batch import quarantine_batch
from retention_ml.deliveries.sources import Source, load_source
from retention_ml.errors import QualityError, UsageError, WarehouseError
from retention_ml.quality import report, suites
from retention_ml.quality.results import CheckResult, Severity
from retention_ml.receipts import Receipt
from retention_ml.settings import Settings
from retention_ml.warehouse import Transaction, Warehouse, compile_for_postgres

REJECTS = "staging.rejects"


def check(warehouse: Warehouse, *, settings: Settings, batch_id: int) -> Receipt:
    """Check a staged batch; let it pass, or hold all of it back.

    Every table of the batch is checked by its suite, and the share of rejected rows by
    `staging.rejects`. The results go to `quality.results`, a report to
    `settings.home/reports/quality/`. Where a critical expectation failed, every row of the
    batch goes to `quarantine.rows`. A batch that was checked already is left as it is.

    Parameters
    ----------
    warehouse : Warehouse
    settings : Settings
    batch_id : int
        A batch of `raw.batches` in status `staged`.

    Returns
    -------
    Receipt
        read = delivered rows, written = staged, quarantined = rejected; `details`:
        batch_id, source, status, findings (a sentence per failed expectation), report (path).

    Raises
    ------
    UsageError
        There is no such batch, or it was not staged yet.
    QualityError
        A critical expectation failed, now or when the batch was checked before.
    WarehouseError
        Staged rows are missing, or were staged anew meanwhile; nothing was recorded.
    """
    started = time.perf_counter()
    with warehouse.transaction() as transaction:
        batch = batches.find_batch(transaction, batch_id)
        if batch.status == "held":
            raise QualityError(batch.reason or f"Batch {batch_id} is held.")
        if batch.status == "landed":
            raise UsageError(
                f"Batch {batch_id} is 'landed'; expected 'staged'. Stage it first; "
                "`retention ingest` with the same files does all steps."
            )
        row_counts, queries = _inputs(transaction, settings, batch)
    is_repeated = batch.status != "staged"
    results: list[CheckResult] = []
    if not is_repeated:
        results = suites.run(warehouse.url, queries, settings.expectations)
        batch = _record(warehouse, settings, batch, row_counts, results)
    path = report.write(warehouse, settings=settings, batch_id=batch_id)
    delivered = sum(counts.delivered for counts in row_counts)
    rejected = sum(counts.quarantined for counts in row_counts)
    is_held = batch.status == "held"
    receipt = Receipt(
        door="check",
        read=delivered,
        written=0 if is_held else delivered - rejected,
        quarantined=delivered if is_held else rejected,
        seconds=time.perf_counter() - started,
        details={
            "batch_id": batch_id,
            "source": batch.source,
            "status": batch.status,
            "findings": [r.sentence(f"batch {batch_id}") for r in results if not r.success],
            "report": str(path),
            "is_repeated": is_repeated,
        },
    )
    if not is_repeated:
        warehouse.record(receipt, settings.run_id)
    if is_held:
        raise QualityError(f"{batch.reason} The report is {path}.")
    return receipt


def check_table(
    warehouse: Warehouse,
    *,
    settings: Settings,
    suite: str,
    as_of: date,
    rows: ibis.Table | None = None,
) -> list[CheckResult]:
    """Check the rows of one day in a table such as `features.customer_daily`.

    The rows must be committed: the checks use connections of their own.

    Parameters
    ----------
    warehouse : Warehouse
    settings : Settings
    suite : str
        Name of the table and of its suite; the table has a column `as_of`.
    as_of : datetime.date
        The day.
    rows : ibis.Table, optional
        The rows to check, where not all of that day: for instance one snapshot of scores.

    Returns
    -------
    list of CheckResult
        The expectations that failed without being critical.

    Raises
    ------
    QualityError
        A critical expectation failed.
    """
    query = (
        f"SELECT * FROM {suite} WHERE as_of = DATE '{as_of.isoformat()}'"
        if rows is None
        else compile_for_postgres(rows)
    )
    results = suites.run(warehouse.url, {suite: query}, settings.expectations)
    with warehouse.transaction() as transaction:
        _store(transaction, results, settings.run_id, clock.now(), as_of=as_of)
    if critical := _critical(results, as_of.isoformat()):
        raise QualityError(
            f"{' '.join(critical)} {suite} of that day is not to be used. Look at the deliveries of the days before "
            "(`retention status`), correct them and build the day again."
        )
    return [result for result in results if not result.success]


def _critical(results: Sequence[CheckResult], where: str) -> list[str]:
    """The sentences of the critical expectations that failed."""
    return [
        result.sentence(where)
        for result in results
        if not result.success and result.severity is Severity.CRITICAL
    ]


def _inputs(
    transaction: Transaction, settings: Settings, batch: batches.Batch
) -> tuple[list[RowCounts], dict[str, str]]:
    """The row counts of the batch and, while it is staged, the query of each suite."""
    if batch.status != "staged":
        return batches.stored_row_counts(transaction, batch.batch_id), {}
    row_counts = batches.staged_row_counts(transaction, batch.batch_id)
    queries: dict[str, str] = {}
    for name in batches.count_staged(transaction, batch.batch_id, row_counts):
        rows = tables.CANONICAL[name].ibis_table("staging", tables.STAGED)
        queries[f"staging.{name}"] = compile_for_postgres(
            rows.filter(rows.batch_id == batch.batch_id)
        )
    source = load_source(settings.sources, batch.source)
    queries[REJECTS] = _rejects_query(source, batch.batch_id, row_counts)
    return list(row_counts.values()), queries


def _rejects_query(source: Source, batch_id: int, row_counts: Mapping[int, RowCounts]) -> str:
    """One row per delivered row: `accepted`, `set_aside` by a rule of the source, or its reason."""
    declared = ", ".join(f"'{code}'" for code in ("", *source.declared_reasons()))
    staged = sum(counts.staged for counts in row_counts.values())
    return (
        f"SELECT CASE WHEN reason_code IN ({declared}) THEN 'set_aside' ELSE reason_code END "
        f"AS rejected_as FROM staging.rejects WHERE batch_id = {batch_id} "
        f"UNION ALL SELECT 'accepted' FROM generate_series(1, {staged})"
    )


def _record(
    warehouse: Warehouse,
    settings: Settings,
    batch: batches.Batch,
    checked: Sequence[RowCounts],
    results: Sequence[CheckResult],
) -> batches.Batch:
    """Store the results and let the batch pass or quarantine it; returns the batch."""
    critical = _critical(results, f"batch {batch.batch_id}")
    now = clock.now()
    with warehouse.transaction() as transaction:
        locked = batches.lock_curation(transaction, batch.batch_id)
        if locked.status != "staged":  # another process was faster
            return locked
        row_counts = batches.staged_row_counts(transaction, batch.batch_id)
        if _rows_of(row_counts.values()) != _rows_of(checked):
            raise WarehouseError(
                f"Batch {batch.batch_id} was staged anew while it was checked: its files came "
                "again. Nothing was recorded. Run the same command again."
            )
        _store(transaction, results, settings.run_id, now, batch_id=batch.batch_id)
        if critical:
            source = load_source(settings.sources, batch.source)
            quarantine_batch(
                transaction,
                batch_id=batch.batch_id,
                source=source,
                home=settings.home,
                row_counts=row_counts,
                reason=_held_reason(transaction, batch, critical, row_counts),
                now=now,
            )
        else:
            batches.set_status(transaction, batch.batch_id, "checked")
        failpoints.failpoint("check.before_commit")
        return batches.find_batch(transaction, batch.batch_id)


def _rows_of(row_counts: Iterable[RowCounts]) -> set[tuple[int, int, int]]:
    return {(one.delivery_id, one.delivered, one.quarantined) for one in row_counts}


def _held_reason(
    transaction: Transaction,
    batch: batches.Batch,
    critical: Sequence[str],
    row_counts: Mapping[int, RowCounts],
) -> str:
    delivered = sum(counts.delivered for counts in row_counts.values())
    rows = transaction.execute(
        "SELECT reason_code, count(*) FROM staging.rejects WHERE batch_id = :b "
        "GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 3",
        b=batch.batch_id,
    )
    reasons = ", ".join(f"{code} ({count:,})" for code, count in rows)
    return (
        f"Batch {batch.batch_id} of {batch.source} is held: {' '.join(critical)} "
        + (f"Rejected rows by reason: {reasons}. " if reasons else "")
        + f"All {delivered:,} delivered rows are in quarantine.rows and nothing was curated. "
        f"Correct sources/{batch.source}.toml and run `retention quarantine replay --source "
        f"{batch.source}`, or deliver a corrected file."
    )


def _store(
    transaction: Transaction,
    results: Sequence[CheckResult],
    run_id: str,
    now: datetime,
    *,
    batch_id: int | None = None,
    as_of: date | None = None,
) -> None:
    for result in results:
        transaction.insert_row(
            "quality.results",
            {
                "batch_id": batch_id,
                "as_of": as_of,
                "run_id": run_id,
                "suite": result.suite,
                "expectation": result.expectation,
                "expected": result.expected,
                "column_name": result.column,
                "severity": str(result.severity),
                "is_success": result.success,
                "element_count": result.element_count,
                "unexpected_count": result.unexpected_count,
                "observed": result.observed,
                "reason": result.reason,
                "checked_at": now,
            },
        )
