"""A batch that is held back: every delivered row goes to quarantine, as it was delivered."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import islice
from pathlib import Path

import pyarrow as pa

from retention_ml import tables
from retention_ml.deliveries.archive import path_of
from retention_ml.deliveries.ledger import batches
from retention_ml.deliveries.ledger.row_counts import RowCounts
from retention_ml.deliveries.ledger.staging import as_text
from retention_ml.deliveries.readers.chunks import LINE_NUMBER
from retention_ml.deliveries.readers.readers import open_file
from retention_ml.deliveries.reasons import Reason
from retention_ml.deliveries.sources import Feed, Source
from retention_ml.errors import AccountingError
from retention_ml.warehouse import Transaction

BATCH_HELD = str(Reason.BATCH_HELD)
_ROWS_AT_ONCE = 50_000


def quarantine_batch(
    transaction: Transaction,
    *,
    batch_id: int,
    source: Source,
    home: Path,
    row_counts: Mapping[int, RowCounts],
    reason: str,
    now: datetime,
) -> None:
    """Put all rows of a staged batch into `quarantine.rows` and close it as held.

    Rows that staging rejected keep their own reason code, all others get `batch_held`. What
    was delivered is read again from the archived files. The rows of a replay are in quarantine
    already, under the delivery they first came in; they stay there and can be replayed again.

    Raises
    ------
    AccountingError
        The archived file has other rows than were staged.
    """
    batches.delete_quarantined(transaction, batch_id)
    transaction.change(
        "UPDATE raw.deliveries SET status = 'held', reason = :reason, delivered_count = 0, "
        "quarantined_count = 0, loaded_at = :now "
        "WHERE batch_id = :b AND status = 'staged' AND replay_of IS NOT NULL",
        b=batch_id,
        reason=reason,
        now=now,
    )
    batches.quarantine_rejects(transaction, batch_id, now)
    for counts in row_counts.values():
        if counts.replay_of is not None or counts.delivered == 0:
            continue
        file_sha256 = _sha256(transaction, counts.delivery_id)
        rejected = _rejected_lines(transaction, counts.delivery_id)
        rows = _accepted_rows(path_of(home, file_sha256), source.feeds[counts.feed], rejected)
        count = _quarantine(transaction, source.name, counts, file_sha256, rows, now)
        if count + counts.quarantined != counts.delivered:
            raise AccountingError(
                f"Delivery {counts.delivery_id} has {counts.delivered:,} rows, but "
                f"{count + counts.quarantined:,} were found when it was read again to be held. "
                "Nothing was recorded. Please report this as a defect."
            )
    transaction.change(
        "UPDATE raw.deliveries SET status = 'held', reason_code = :code, reason = :reason, "
        "quarantined_count = delivered_count, loaded_at = :now "
        "WHERE batch_id = :b AND status = 'staged'",
        b=batch_id,
        code=BATCH_HELD,
        reason=reason,
        now=now,
    )
    batches.mark_held(transaction, batch_id, reason, now)
    batches.clear_staging(transaction, batch_id, tables.CANONICAL)


def _sha256(transaction: Transaction, delivery_id: int) -> str:
    return str(
        transaction.execute(
            "SELECT file_sha256 FROM raw.deliveries WHERE delivery_id = :d", d=delivery_id
        )[0][0]
    )


def _rejected_lines(transaction: Transaction, delivery_id: int) -> set[int]:
    return {
        row[0]
        for row in transaction.execute(
            "SELECT line_number FROM staging.rejects WHERE delivery_id = :d", d=delivery_id
        )
    }


def _accepted_rows(path: Path, feed: Feed, rejected: set[int]) -> Iterator[tuple[int, bytes]]:
    """Line number and bytes of the rows that were not rejected."""
    for chunk in open_file(path, feed).chunks:
        lines = chunk.rows[LINE_NUMBER].to_pylist()
        places = [place for place, line in enumerate(lines) if line not in rejected]
        for begin in range(0, len(places), _ROWS_AT_ONCE):
            part = places[begin : begin + _ROWS_AT_ONCE]
            yield from zip([lines[place] for place in part], chunk.raw(part), strict=True)


def _quarantine(
    transaction: Transaction,
    source: str,
    counts: RowCounts,
    file_sha256: str,
    rows: Iterator[tuple[int, bytes]],
    now: datetime,
) -> int:
    count = 0
    while part := list(islice(rows, _ROWS_AT_ONCE)):
        texts = [as_text(raw) for _, raw in part]
        n = len(part)
        count += transaction.copy(
            "quarantine.rows",
            pa.table(
                {
                    "delivery_id": pa.array([counts.delivery_id] * n, pa.int64()),
                    "line_number": pa.array([line for line, _ in part], pa.int64()),
                    "source": pa.array([source] * n),
                    "feed": pa.array([counts.feed] * n),
                    "file_sha256": pa.array([file_sha256] * n),
                    "raw_text": pa.array([text for text, _ in texts]),
                    "raw_bytes": pa.array([raw for _, raw in texts], pa.binary()),
                    "reason_code": pa.array([BATCH_HELD] * n),
                    "quarantined_at": pa.array([now] * n, pa.timestamp("us", tz="UTC")),
                }
            ),
        )
    return count
