"""The door that checks a batch or a day by the suites of its tables, and acts on the results."""

import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime

import ibis
import pyarrow as pa

from retention_ml import clock, failpoints
from retention_ml.deliveries.description.loading import load_source
from retention_ml.deliveries.description.source import Source
from retention_ml.deliveries.ledger import batches
from retention_ml.deliveries.ledger.batches import RowCounts
from retention_ml.deliveries.ledger.files import file_states
from retention_ml.deliveries.ledger.quarantine_batch import quarantine_batch, split_batch
from retention_ml.deliveries.stage import stage_batch
from retention_ml.errors import QualityError, UsageError, WarehouseError
from retention_ml.expressions import sql_of
from retention_ml.quality import report, suites
from retention_ml.quality.results import CheckResult
from retention_ml.quality.verdict import Verdict, critical_failures, verdict
from retention_ml.receipts import Receipt
from retention_ml.settings import Settings
from retention_ml.warehouse import Transaction, Warehouse


def check(warehouse: Warehouse, *, settings: Settings, batch_id: int) -> Receipt:
    """Check a staged batch; let it pass, or hold back what must not be used.

    Every table of the batch is checked by its suite, and the share of rejected rows by
    `staging.rejects`. The results go to `quality.results`, a report to
    `settings.home/reports/quality/`. Where a critical expectation failed, feeds that are not
    required are checked one by one: those that fail are held in a batch of their own, and the
    rest, staged and checked anew, passes if it does so without them. Otherwise the whole batch is
    held. Of a replay no feed is required. Every row of a held batch goes to `quarantine.rows`. A
    batch that was checked already is left as it is.

    Parameters
    ----------
    warehouse : Warehouse
    settings : Settings
    batch_id : int
        A batch of `raw.batches` in status `staged`.

    Returns
    -------
    Receipt
        read = delivered rows, written = staged, quarantined = rejected or held, left_out; `details`:
        batch_id, source, status, findings (a sentence per failed expectation), held (a sentence
        per held batch), held_count (their rows), report (path), is_repeated. Rows of a replay that
        is held are not counted: they stay where they were.

    Raises
    ------
    UsageError
        There is no such batch, or it was not staged yet.
    QualityError
        The batch is held, now or when it was checked before, and one of its feeds is required.
    WarehouseError
        Staged rows are missing, or were staged anew meanwhile; nothing was recorded.
    """
    started = time.perf_counter()
    with warehouse.transaction() as transaction:
        batch = batches.find_batch(transaction, batch_id)
        if batch.status == "landed":
            raise UsageError(
                f"Batch {batch_id} is 'landed'; expected 'staged'. Stage it first; "
                "`retention ingest` with the same files does all steps."
            )
    is_repeated = batch.status != "staged"
    source = load_source(settings.sources, batch.source)
    findings: list[str] = []
    while batch.status == "staged":  # once more for the rest of a batch that was split
        with warehouse.transaction() as transaction:
            row_counts, names = _inputs(transaction, source, batch)
        outcome = verdict(warehouse, settings, source, batch_id, row_counts, names)
        batch = _record(warehouse, settings, source, batch, row_counts, outcome)
        findings = outcome.findings(f"batch {batch_id}")
    is_held = batch.status == "held"
    # From the ledger: a run that was killed after the commit must say the same when it is repeated.
    with warehouse.transaction() as transaction:
        parts = batches.held_parts(transaction, batch_id)
        stopped = [*parts, *([batch] if is_held else [])]
        counts_by_batch = {
            one.batch_id: batches.stored_row_counts(transaction, one.batch_id)
            for one in (batch, *parts)
        }
        is_recorded = is_repeated and batches.has_check_receipt(transaction, batch_id)
        checked_before = [one.batch_id for one in ([batch, *parts] if is_repeated else parts)]
        findings += _stored_findings(transaction, checked_before)
    for one in parts:
        report.write(warehouse, settings=settings, batch_id=one.batch_id)
    path = report.write(warehouse, settings=settings, batch_id=batch_id)
    every = [counts for part in counts_by_batch.values() for counts in part]
    read, quarantined, left_out = (
        sum(counts.delivered for counts in every),
        sum(counts.quarantined for counts in every),
        sum(counts.left_out for counts in every),
    )
    receipt = Receipt(
        door="check",
        read=read,
        written=read - quarantined - left_out,
        quarantined=quarantined,
        left_out=left_out,
        seconds=time.perf_counter() - started,
        details={
            "batch_id": batch_id,
            "source": batch.source,
            "status": batch.status,
            "findings": findings,
            "held": [str(one.reason) for one in stopped],
            "held_count": sum(
                counts.delivered for one in stopped for counts in counts_by_batch[one.batch_id]
            ),
            "report": str(path),
            "is_repeated": is_repeated,
        },
    )
    if not is_recorded:
        warehouse.record(receipt, settings.run_id)
    if is_held and any(
        source.is_required(counts.feed) for counts in counts_by_batch[batch.batch_id]
    ):
        raise QualityError(f"{batch.reason} The report is {path}.")
    return receipt


def check_table(
    warehouse: Warehouse,
    *,
    settings: Settings,
    suite: str,
    as_of: date,
    rows: ibis.Table | pa.Table | None = None,
    is_read_once: bool = False,
) -> list[CheckResult]:
    """Check the rows of one day in a table such as `features.customer_daily`.

    Stored rows must be committed: the checks use connections of their own.

    Parameters
    ----------
    warehouse : Warehouse
    settings : Settings
    suite : str
        Name of the table and of its suite; the table has a column `as_of`.
    as_of : datetime.date
        The day.
    rows : ibis.Table or pa.Table, optional
        The rows to check, where not all of that day: for instance one snapshot of scores, or rows
        that are to be stored if they pass.
    is_read_once : bool
        Read the columns that the suite names into memory, instead of scanning the rows for each
        expectation: less work where a row is wide and there are many expectations.

    Returns
    -------
    list of CheckResult
        The expectations that failed without being critical.

    Raises
    ------
    QualityError
        A critical expectation failed.
    """
    if is_read_once and isinstance(rows, ibis.Table):
        asked = suites.load_suite(settings.expectations, suite)
        if not suites.needs_database(asked):
            rows = warehouse.read(rows.select(*suites.named_columns(asked, rows.columns)))
    if isinstance(rows, pa.Table):
        results = suites.run_on(rows, suite, settings.expectations)
    else:
        query = (
            f"SELECT * FROM {suite} WHERE as_of = DATE '{as_of.isoformat()}'"
            if rows is None
            else sql_of(rows, "postgres")
        )
        results = suites.run(warehouse, {suite: query}, settings.expectations)
    with warehouse.transaction() as transaction:
        _store(transaction, results, settings.run_id, clock.now(), as_of=as_of)
    if critical := critical_failures(results, as_of.isoformat()):
        raise QualityError(
            f"{' '.join(critical)} {suite} of that day is not to be used. Look at the deliveries "
            "of the days before (`retention status`), correct them and build the day again."
        )
    return [result for result in results if not result.success]


def _inputs(
    transaction: Transaction, source: Source, batch: batches.Batch
) -> tuple[list[RowCounts], Sequence[str]]:
    """The row counts of a staged batch, and the tables that have rows of it."""
    row_counts = batches.staged_row_counts(transaction, batch.batch_id)
    staged = batches.count_staged(transaction, batch.batch_id, row_counts, source.feeds_with_parts)
    names = tuple(staged)
    return list(row_counts.values()), names


def _record(
    warehouse: Warehouse,
    settings: Settings,
    source: Source,
    batch: batches.Batch,
    checked: Sequence[RowCounts],
    outcome: Verdict,
) -> batches.Batch:
    """Let the batch pass, or quarantine all of it, or its failing feeds and stage the rest anew."""
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

        def hold(held_batch: batches.Batch, results: Sequence[CheckResult]) -> None:
            counts = batches.staged_row_counts(transaction, held_batch.batch_id)
            _store(transaction, results, settings.run_id, now, batch_id=held_batch.batch_id)
            quarantine_batch(
                transaction,
                batch_id=held_batch.batch_id,
                source=source,
                settings=settings,
                row_counts=counts,
                reason=_held_reason(transaction, held_batch, results, counts),
                now=now,
            )

        for feed, results in outcome.failing_feeds.items():
            ids = [one.delivery_id for one in row_counts.values() if one.feed == feed]
            hold(split_batch(transaction, batch, ids, run_id=settings.run_id, now=now), results)
        if outcome.failing_feeds:
            stage_batch(transaction, settings, batch)
        elif critical_failures(outcome.results, ""):
            hold(batch, outcome.results)
        else:
            _store(transaction, outcome.results, settings.run_id, now, batch_id=batch.batch_id)
            batches.set_status(transaction, batch.batch_id, "checked")
        failpoints.failpoint("check.before_commit")
        return batches.find_batch(transaction, batch.batch_id)


def _stored_findings(transaction: Transaction, batch_ids: Sequence[int]) -> list[str]:
    """A sentence for every expectation that failed in the last check of these batches."""
    rows = transaction.execute(
        "SELECT batch_id, suite, observed, expected FROM quality.results AS result "
        "WHERE batch_id = ANY(:ids) AND NOT is_success AND checked_at = "
        "(SELECT max(checked_at) FROM quality.results WHERE batch_id = result.batch_id) "
        "ORDER BY batch_id, suite, expected",
        ids=list(batch_ids),
    )
    return [
        f"{row.suite} of batch {row.batch_id}: {row.observed}; expected: {row.expected}."
        for row in rows
    ]


def _rows_of(row_counts: Iterable[RowCounts]) -> set[tuple[int, int, int]]:
    return {(one.delivery_id, one.delivered, one.quarantined) for one in row_counts}


def _held_reason(
    transaction: Transaction,
    batch: batches.Batch,
    results: Sequence[CheckResult],
    row_counts: Mapping[int, RowCounts],
) -> str:
    where = f"batch {batch.batch_id}"
    # A feed may be held that fails only together with the others: in few rows nothing is critical.
    failures = (
        critical_failures(results, where)
        or [one.sentence(where) for one in results if not one.success]
        or ["The rest of the delivery passes only without it."]
    )
    delivered = sum(counts.delivered for counts in row_counts.values())
    rows = transaction.execute(
        "SELECT reason_code, count(*) FROM staging.rejects WHERE batch_id = :b "
        "GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 3",
        b=batch.batch_id,
    )
    reasons = ", ".join(f"{code} ({count:,})" for code, count in rows)
    return (
        f"Batch {batch.batch_id} of {batch.source} is held: {' '.join(failures)} "
        + (f"Rejected rows by reason: {reasons}. " if reasons else "")
        + f"All {delivered:,} delivered rows are in quarantine.rows and nothing was curated. "
        + _remedy(transaction, batch.source, row_counts.values())
    )


def _remedy(transaction: Transaction, source: str, row_counts: Iterable[RowCounts]) -> str:
    """What to do about a held batch; nothing where it replays files that were mended since."""
    replayed = [counts.replay_of for counts in row_counts]
    states = file_states(transaction, [number for number in replayed if number is not None])
    if None not in replayed and not any(state.is_missing for state in states.values()):
        return (
            "Corrected files of the same names were accepted since, so nothing is missing: these "
            "rows may stay in quarantine."
        )
    return (
        f"Correct sources/{source}.toml and run `retention quarantine replay --source {source}`, "
        "or deliver a corrected file."
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
