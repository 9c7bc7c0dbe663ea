"""The door from staging to curated and quarantine: one transaction for rows and ledger."""

import time

import ibis

from retention_ml import clock, failpoints, tables
from retention_ml.curated import (
    both_directions,
    bulk_load,
    contested,
    line_orders,
    load_sql,
    statistics,
    versions,
    whole_orders,
)
from retention_ml.deliveries.description.loading import load_source
from retention_ml.deliveries.ledger import batches, clearing, personal_lines
from retention_ml.errors import QualityError, UsageError
from retention_ml.limits import limits_of
from retention_ml.quality import report
from retention_ml.receipts import Receipt
from retention_ml.settings import Settings
from retention_ml.warehouse import Transaction, Warehouse


def curate(warehouse: Warehouse, *, settings: Settings, batch_id: int) -> Receipt:
    """Move a checked batch into `curated` and `quarantine`, and close its ledger entries.

    One transaction: new rows and corrections become versions (see `versions.new_versions`),
    rows that bring nothing new are counted as duplicates, rejected rows go to
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
        batch = batches.lock_curation(transaction, batch_id)
        is_repeated = batch.status == "curated"
        written: dict[str, int] = {}
        if not is_repeated:
            if batch.status == "held":
                raise QualityError(batch.reason or f"Batch {batch_id} is held.")
            if batch.status != "checked":
                raise UsageError(
                    f"Batch {batch_id} is {batch.status!r}; expected 'checked'. Stage and check "
                    "it first; `retention ingest` with the same files does all steps."
                )
            written = _curate(transaction, settings, batch)
        row_counts = batches.stored_row_counts(transaction, batch_id)
        reasons = batches.quarantined_reasons(transaction, batch_id)
        is_recorded = is_repeated and batches.has_curate_receipt(transaction, batch_id)
        failpoints.failpoint("curate.before_commit")
    failpoints.failpoint("curate.after_commit")
    personal_lines.remove_due(warehouse, settings)
    page = report.write(warehouse, settings=settings, batch_id=batch_id)
    receipt = Receipt(
        door="curate",
        read=sum(counts.delivered for counts in row_counts),
        written=sum(counts.accepted for counts in row_counts),
        quarantined=sum(counts.quarantined for counts in row_counts),
        left_out=sum(counts.left_out for counts in row_counts),
        duplicates=sum(counts.duplicates for counts in row_counts),
        seconds=time.perf_counter() - started,
        details={
            "batch_id": batch_id,
            "source": batch.source,
            "corrected": sum(counts.corrected for counts in row_counts),
            "versions": written,
            "reasons": reasons,
            "report": str(page),
            "is_repeated": is_repeated,
        },
    )
    return receipt if is_recorded else warehouse.record(receipt, settings.run_id)


def _curate(transaction: Transaction, settings: Settings, batch: batches.Batch) -> dict[str, int]:
    """Write versions, quarantine and counts; the new versions per table."""
    now, batch_id = clock.now(), batch.batch_id
    source = load_source(settings.sources, batch.source)
    load_sql.tune_session(transaction)
    batches.mark_repeated(transaction, batch_id, now)
    row_counts = batches.staged_row_counts(transaction, batch_id)
    load_sql.create_batch_deliveries(
        transaction, batch_id, now, delay_seconds=round(source.available_after_hours * 3_600)
    )
    deliveries_by_table = batches.count_staged(
        transaction, batch_id, row_counts, source.feeds_with_parts
    )
    written: dict[str, int] = {}
    if "order_lines" in deliveries_by_table and not source.has_orders:
        deliveries_by_table["orders"] = deliveries_by_table.pop("orders", [])  # after their lines
    for name, delivery_ids in deliveries_by_table.items():
        if name == "orders" and not source.has_orders:
            line_orders.correct_orders(
                transaction,
                source=source.name,
                batch_id=batch_id,
                deliveries=list(row_counts),
                limits=limits_of(settings),
            )
        entry = tables.CANONICAL[name]
        existing_count = load_sql.create_existing_versions(transaction, entry, batch_id)
        contested_count = contested.create_contested_keys(transaction, entry, batch_id)
        if (
            name == "order_lines"
            and contested_count
            and both_directions.separate_directions(
                transaction,
                source=source,
                batch_id=batch_id,
                has_existing=existing_count > 0,
                has_several=len(delivery_ids) > 1,
                limits=limits_of(settings),
            )
        ):
            existing_count = load_sql.create_existing_versions(transaction, entry, batch_id)
            contested_count = contested.create_contested_keys(transaction, entry, batch_id)
        with bulk_load.indexes_made_last(transaction, name, batch_id):
            written[name], ended = _insert_versions(
                transaction,
                entry,
                existing_count=existing_count,
                contested_count=contested_count,
                follow_lines=not source.has_orders,
            )
        with_parts = batches.deliveries_with_parts(
            delivery_ids, row_counts, source.feeds_with_parts
        )
        load_sql.count_accepted(transaction, name, delivery_ids, ended, row_counts, with_parts)
        if name == "order_lines" and (feeds := source.whole_order_feeds):
            whole_orders.end_removed_lines(
                transaction, source=source.name, feeds=feeds, batch_id=batch_id, now=now
            )
    failpoints.failpoint("curate.after_insert")
    batches.delete_quarantined(transaction, batch_id)
    batches.quarantine_rejects(transaction, batch_id, now)
    batches.mark_replayed(transaction, batch_id)
    batches.mark_curated(transaction, batch_id, row_counts.values(), now)
    statistics.analyze_changed(transaction, written)
    clearing.clear_staging(transaction, batch_id, deliveries_by_table, is_at_end=True)
    return written


def _insert_versions(
    transaction: Transaction,
    entry: tables.Table,
    *,
    existing_count: int,
    contested_count: int,
    follow_lines: bool,
) -> tuple[int, dict[int, int]]:
    """Insert the new versions and end those they replace, as `load_sql.replace_versions` does."""
    rows = entry.ibis_table("staging", tables.STAGED)
    batch_deliveries = ibis.table(versions.BATCH_DELIVERIES, name="batch_deliveries")
    keys = contested.CONTESTED_KEYS
    table = f"curated.{entry.name}"
    first_versions = versions.first_versions(
        entry,
        rows=rows.anti_join(keys, "row_key") if contested_count else rows,
        batch_deliveries=batch_deliveries,
    )
    inserted = transaction.insert(table, first_versions)
    if not contested_count:
        return inserted, {}
    new_versions = versions.new_versions(
        entry,
        rows=rows.filter(rows.row_key.isin(keys.row_key)),
        batch_deliveries=batch_deliveries,
        existing_versions=ibis.table(versions.EXISTING_VERSIONS, name="existing_versions"),
        orders_follow_lines=follow_lines,
    )
    if existing_count == 0:
        return inserted + transaction.insert(table, new_versions), {}
    replaced, ended = load_sql.replace_versions(transaction, entry, new_versions)
    return inserted + replaced, ended
