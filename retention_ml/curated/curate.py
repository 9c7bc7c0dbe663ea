"""The door from staging to curated and quarantine: one transaction for rows and ledger."""

import time
from datetime import datetime

import ibis

from retention_ml import clock, failpoints, tables
from retention_ml.curated import load_sql, versions
from retention_ml.deliveries.ledger import ledger
from retention_ml.deliveries.ledger.row_counts import verify_staged
from retention_ml.deliveries.sources import load_source
from retention_ml.errors import QualityError, UsageError
from retention_ml.quality import report
from retention_ml.receipts import Receipt
from retention_ml.settings import Settings
from retention_ml.warehouse import Transaction, Warehouse


def curate(warehouse: Warehouse, *, settings: Settings, batch_id: int) -> Receipt:
    """Move a checked batch into `curated` and `quarantine`, and close its ledger entries.

    One transaction: new rows and corrections become versions (see `versions.new_versions`),
    rows that tell nothing new are counted as duplicates, rejected rows go to
    `quarantine.rows`, every delivery's counts are written and its staged rows removed.
    Batches take turns. A batch that is curated already is left as it is.

    Parameters
    ----------
    warehouse : Warehouse
    settings : Settings
    batch_id : int
        A batch of `raw.batches` in status `checked`.

    Returns
    -------
    Receipt
        `details`: batch_id, source, corrected, versions (new rows per table, derived ones
        included), reasons (quarantined rows per reason code), report (path), is_repeated.

    Raises
    ------
    UsageError
        There is no such batch, or it was not checked yet.
    QualityError
        The batch is held.
    WarehouseError
        Staged rows are missing; nothing was recorded.
    """
    started = time.perf_counter()
    with warehouse.transaction() as transaction:
        batch = ledger.lock_batch(transaction, batch_id)
        is_repeated = batch.status == "curated"
        written: dict[str, int] = {}
        if not is_repeated:
            _refuse_unchecked(batch)
            written = _curate(transaction, settings, batch)
        summary = ledger.summary(transaction, batch_id)
        failpoints.reach("curate.before_commit")
    failpoints.reach("curate.after_commit")
    page = report.write(warehouse, settings=settings, batch_id=batch_id)
    receipt = Receipt(
        door="curate",
        read=summary.delivered,
        written=summary.accepted,
        quarantined=summary.quarantined,
        duplicates=summary.duplicates,
        seconds=time.perf_counter() - started,
        details={
            "batch_id": batch_id,
            "source": batch.source,
            "corrected": summary.corrected,
            "versions": written,
            "reasons": summary.reasons,
            "report": str(page),
            "is_repeated": is_repeated,
        },
    )
    return (
        receipt
        if is_repeated and summary.is_recorded
        else warehouse.record(receipt, settings.run_id)
    )


def _refuse_unchecked(batch: ledger.Batch) -> None:
    if batch.status == "held":
        raise QualityError(batch.reason or f"Batch {batch.batch_id} is held.")
    if batch.status != "checked":
        raise UsageError(
            f"Batch {batch.batch_id} is {batch.status!r}; expected 'checked'. "
            "Stage and check it first; `retention ingest` with the same files does all steps."
        )


def _curate(transaction: Transaction, settings: Settings, batch: ledger.Batch) -> dict[str, int]:
    now = clock.now()
    source = load_source(settings.sources, batch.source)
    load_sql.make_room(transaction)
    ledger.set_aside_repeated(transaction, batch.batch_id, now)
    accounts = ledger.open_accounts(transaction, batch.batch_id)
    load_sql.make_incoming(transaction, batch.batch_id, round(source.available_after_hours * 3_600))
    ledger.count_rejects(transaction, batch.batch_id, accounts)
    staged_in = {
        name: counts
        for name in tables.CANONICAL
        if (counts := ledger.count_staged(transaction, name, batch.batch_id, accounts)) is not None
    }
    verify_staged(batch.batch_id, accounts.values())
    written: dict[str, int] = {}
    for name, own in staged_in.items():
        written[name], ended = _insert_versions(
            transaction, tables.CANONICAL[name], batch.batch_id, now
        )
        load_sql.count_accepted(transaction, name, own, ended, accounts)
    failpoints.reach("curate.after_insert")
    ledger.forget_held(transaction, batch.batch_id)
    ledger.quarantine_rejects(transaction, batch.batch_id, now)
    ledger.mark_replayed(transaction, batch.batch_id, staged_in, accounts)
    load_sql.close(transaction, batch.batch_id, accounts.values(), now)
    ledger.clear_staging(transaction, batch.batch_id, staged_in)
    return written


def _insert_versions(
    transaction: Transaction, entry: tables.Table, batch_id: int, now: datetime
) -> tuple[int, dict[int, int]]:
    """Insert what is new and end the versions it replaces.

    Returns what `moves.replace_versions` does.
    """
    staged = entry.ibis_table("staging", tables.STAGED)
    fresh = versions.new_versions(
        entry,
        rows=staged.filter(staged.batch_id == batch_id),
        incoming=ibis.table(versions.INCOMING, name="incoming"),
        met=ibis.table(versions.MET, name="met"),
        loaded_at=ibis.literal(now, type="timestamp('UTC')"),
    )
    if load_sql.make_met(transaction, entry, batch_id) == 0:
        return transaction.insert(f"curated.{entry.name}", fresh), {}
    return load_sql.replace_versions(transaction, entry, fresh)
