"""A batch that is held back: every delivered row goes to quarantine, as it was delivered.

Part of a batch is held by making it a batch of its own first.
"""

from collections.abc import Iterator, Mapping, Sequence, Set
from datetime import datetime

import pyarrow as pa

from retention_ml import tables
from retention_ml.deliveries.archive import content_of
from retention_ml.deliveries.description.feed import Feed
from retention_ml.deliveries.description.source import Source
from retention_ml.deliveries.ledger import batches, clearing, personal_lines, tombstones
from retention_ml.deliveries.ledger.batches import Batch, RowCounts
from retention_ml.deliveries.ledger.landing import insert_batch
from retention_ml.deliveries.ledger.staging import open_deliveries, rejects_table
from retention_ml.deliveries.readers.chunks import LINE_NUMBER, Reject
from retention_ml.deliveries.readers.readers import open_file
from retention_ml.deliveries.reasons import Reason
from retention_ml.deliveries.sealing.stored_file import DeliveredFile
from retention_ml.errors import AccountingError
from retention_ml.settings import Settings
from retention_ml.warehouse import Transaction

BATCH_HELD = str(Reason.BATCH_HELD)
_ROWS_AT_ONCE = 50_000


def split_batch(
    transaction: Transaction,
    batch: Batch,
    deliveries: Sequence[int],
    *,
    run_id: str,
    now: datetime,
) -> Batch:
    """Move deliveries of a staged batch with their staged rows to a new batch; returns that.

    What remains is to be staged anew: a derived row belongs to one delivery alone, and may have
    gone although rows that remain imply it too.
    """
    batch_id = insert_batch(
        transaction,
        source=batch.source,
        is_history=batch.is_history,
        run_id=run_id,
        now=now,
        status="staged",
        split_from=batch.batch_id,
    )
    for table in (
        "raw.deliveries",
        *(f"staging.{name}" for name in (*tables.CANONICAL, "rejects")),
    ):
        transaction.change(
            f"UPDATE {table} SET batch_id = :new WHERE batch_id = :old AND delivery_id = ANY(:ids)",
            new=batch_id,
            old=batch.batch_id,
            ids=deliveries,
        )
    return batches.find_batch(transaction, batch_id)


def quarantine_batch(
    transaction: Transaction,
    *,
    batch_id: int,
    source: Source,
    settings: Settings,
    row_counts: Mapping[int, RowCounts],
    reason: str,
    now: datetime,
) -> None:
    """Put all rows of a staged batch into `quarantine.rows` and close it as held.

    Rows that staging rejected keep their own reason code, all others get `batch_held`. What
    was delivered is read again from the archived files. The rows of a replay are in quarantine
    already, under the delivery they first came in; they stay there and can be replayed again.
    Rows that the source leaves out are held with the others: it may say otherwise by then.

    Raises
    ------
    AccountingError
        The archived file has other rows than were staged.
    """
    batches.delete_quarantined(transaction, batch_id)
    transaction.change(
        "UPDATE raw.deliveries SET status = 'held', reason = :reason, delivered_count = 0, "
        "quarantined_count = 0, left_out_count = 0, suppressed_count = 0, loaded_at = :now "
        "WHERE batch_id = :b AND status = 'staged' AND replay_of IS NOT NULL",
        b=batch_id,
        reason=reason,
        now=now,
    )
    digests = dict(
        transaction.execute(
            "SELECT delivery_id, file_sha256 FROM raw.deliveries WHERE batch_id = :b", b=batch_id
        )
    )
    forgotten = tombstones.find_tombstones(transaction, settings)
    delivered = {each.delivery_id: each for each in open_deliveries(transaction, batch_id)}
    batches.quarantine_rejects(transaction, batch_id, now)
    for delivery_id, counts in row_counts.items():
        if counts.replay_of is not None or counts.delivered == 0:
            continue
        sha256 = digests[delivery_id]
        columns = {
            "delivery_id": pa.scalar(delivery_id, pa.int64()),
            "source": pa.scalar(source.name),
            "feed": pa.scalar(counts.feed),
            "file_sha256": pa.scalar(sha256),
            "quarantined_at": pa.scalar(now, pa.timestamp("us", "UTC")),
        }
        rejected = _rejected_lines(transaction, batch_id, delivery_id)
        if forgotten is not None:
            rejected |= personal_lines.lines_in_file(
                transaction, settings, source, delivered[delivery_id], batch_id, forgotten
            )
        count = 0
        content = content_of(settings, sha256, f"a file of {counts.feed}")
        for rejects in _accepted_rows(content, source.feeds[counts.feed], rejected):
            rows = rejects_table(rejects)
            for name, value in columns.items():
                rows = rows.append_column(name, pa.repeat(value, len(rejects)))
            count += transaction.copy("quarantine.rows", rows)
        # Rows without parts are not read again; what else was left out is held with the others.
        left_out = counts.delivered - counts.quarantined - count
        if not 0 <= left_out <= counts.left_out:
            raise AccountingError(
                f"Delivery {counts.delivery_id} has {counts.delivered:,} rows, but "
                f"{count + counts.quarantined:,} were found when it was read again to be held. "
                "Nothing was recorded. Please report this as a defect."
            )
        transaction.change(
            "UPDATE raw.deliveries SET left_out_count = :left_out WHERE delivery_id = :d",
            left_out=left_out,
            d=delivery_id,
        )
    transaction.change(
        "UPDATE raw.deliveries SET status = 'held', reason_code = :code, reason = :reason, "
        "quarantined_count = delivered_count - left_out_count, loaded_at = :now "
        "WHERE batch_id = :b AND status = 'staged'",
        b=batch_id,
        code=BATCH_HELD,
        reason=reason,
        now=now,
    )
    batches.set_status(transaction, batch_id, "held", reason=reason, closed_at=now)
    clearing.clear_staging(transaction, batch_id, tables.CANONICAL)


def _rejected_lines(transaction: Transaction, batch_id: int, delivery_id: int) -> set[int]:
    rows = transaction.execute(
        "SELECT line_number FROM staging.rejects WHERE batch_id = :b AND delivery_id = :d",
        b=batch_id,
        d=delivery_id,
    )
    return {row[0] for row in rows}


def _accepted_rows(path: DeliveredFile, feed: Feed, rejected: Set[int]) -> Iterator[list[Reject]]:
    """The rows of a file whose lines staging did not reject, as rejects of a held batch."""
    for chunk in open_file(path, feed).chunks:
        lines = chunk.rows[LINE_NUMBER].to_pylist()
        places = [
            place
            for place, line in enumerate(lines)
            if line not in rejected and (place == 0 or line != lines[place - 1])
        ]
        for begin in range(0, len(places), _ROWS_AT_ONCE):
            part = places[begin : begin + _ROWS_AT_ONCE]
            yield [
                Reject(lines[place], raw, BATCH_HELD)
                for place, raw in zip(part, chunk.raw(part), strict=True)
            ]
