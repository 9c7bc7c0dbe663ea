"""A batch while it is staged: the deliveries to read, rows from quarantine, rejects and counts.

What `stage` reads from the ledger and writes to it.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from retention_ml.deliveries.arrivals import is_lookup
from retention_ml.deliveries.casting import keys
from retention_ml.deliveries.casting.casts import DELIVERY
from retention_ml.deliveries.description.source import Source
from retention_ml.deliveries.ledger.batches import Batch, lock_batch_row, set_status
from retention_ml.deliveries.readers.chunks import Reject
from retention_ml.errors import FileRefused, UsageError
from retention_ml.warehouse import Transaction

_LARGE_ROWS = 50_000


@dataclass(frozen=True, slots=True)
class Delivery:
    """A row of the ledger that is to be read."""

    delivery_id: int
    feed: str
    file_name: str
    file_sha256: str
    replay_of: int | None
    reason_code: str | None
    columns_found: str | None
    landed_at: datetime

    @property
    def columns(self) -> list[str]:
        """The columns of its file in file order."""
        return list(json.loads(self.columns_found or "[]"))


@dataclass(slots=True)
class StagingCounts:
    """What staging counted, by delivery, reason or table.

    `kinds` are the staged rows by table and kind, `without_customer` those without one.
    `derived_parts` and `order_parts` are what derived rows are made of; `refused` are the errors of the files that
    cannot be read, by delivery, `without_rows` a sentence for each file without rows, `remarks`
    what the reader says of others.
    """

    delivered: Counter[int] = field(default_factory=Counter)
    quarantined: Counter[int] = field(default_factory=Counter)
    left_out: Counter[int] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    staged: Counter[str] = field(default_factory=Counter)
    derived: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    without_customer: int = 0
    derived_parts: dict[str, list[pa.Table]] = field(default_factory=dict)
    order_parts: list[pa.Table] = field(default_factory=list)
    refused: Mapping[int, FileRefused] = field(default_factory=dict)
    without_rows: Sequence[str] = ()
    remarks: list[str] = field(default_factory=list)

    def count_rows(self, table: str, rows: pa.Table) -> None:
        """Count rows that are staged in a table by kind, and those without a customer."""
        if "kind" in rows.column_names:
            for kind in pc.value_counts(rows["kind"]).to_pylist():
                self.kinds[f"{table} {kind['values']}"] += kind["counts"]
        if "customer_id" in rows.column_names:
            self.without_customer += rows["customer_id"].null_count


def lock_unheld_batch_row(transaction: Transaction, batch_id: int) -> Batch:
    """The batch, its row locked as by `lock_batch_row`.

    Raises
    ------
    UsageError
        There is no such batch, or it is held.
    """
    batch = lock_batch_row(transaction, batch_id)
    if batch.status == "held":
        raise UsageError(
            f"Batch {batch_id} is held ({batch.reason}). Deliver its files again to open it again."
        )
    return batch


def open_deliveries(transaction: Transaction, batch_id: int) -> list[Delivery]:
    """The deliveries of a batch that are to be read."""
    rows = transaction.execute(
        f"SELECT {', '.join(field.name for field in fields(Delivery))} FROM raw.deliveries "
        "WHERE batch_id = :b AND status IN ('landed', 'staged') ORDER BY delivery_id",
        b=batch_id,
    )
    return [Delivery(*row) for row in rows]


def quarantined_rows(transaction: Transaction, delivery: Delivery) -> list[tuple[int, bytes]]:
    """Line number and bytes of the quarantined rows that a replay is to read again."""
    return [
        (number, bytes(raw) if raw is not None else text.encode())
        for number, text, raw in transaction.execute(
            "SELECT line_number, raw_text, raw_bytes FROM quarantine.rows WHERE delivery_id = :d "
            "AND replayed_in IS NULL AND expired_at IS NULL "
            "AND (CAST(:reason AS text) IS NULL OR reason_code = :reason) ORDER BY line_number",
            d=delivery.replay_of,
            reason=delivery.reason_code,
        )
    ]


def all_quarantined_rows(transaction: Transaction, delivery_id: int) -> list[tuple[int, bytes]]:
    """Line number and bytes of all quarantined rows of a delivery."""
    return [
        (number, bytes(raw) if raw is not None else text.encode())
        for number, text, raw in transaction.execute(
            "SELECT line_number, raw_text, raw_bytes FROM quarantine.rows WHERE delivery_id = :d "
            "ORDER BY line_number",
            d=delivery_id,
        )
    ]


def copy_replacing(transaction: Transaction, lines: pa.Table) -> None:
    """Copy those order lines into staging whose key is there already, or current in curated."""
    transaction.execute("DROP TABLE IF EXISTS replacing_lines")
    transaction.execute(
        "CREATE TEMP TABLE replacing_lines (LIKE staging.order_lines) ON COMMIT DROP"
    )
    transaction.copy("replacing_lines", lines)
    transaction.change(
        "INSERT INTO staging.order_lines SELECT new.* FROM replacing_lines AS new "
        "WHERE EXISTS (SELECT FROM curated.order_lines AS old WHERE old.row_key = new.row_key "
        "AND old.superseded_at IS NULL) OR EXISTS (SELECT FROM staging.order_lines AS old "
        "WHERE (old.batch_id, old.row_key) = (new.batch_id, new.row_key))"
    )


def copy_rejects(
    transaction: Transaction, batch_id: int, rejects: Sequence[tuple[int, Reject]]
) -> None:
    """Write rejects, each with its delivery, into `staging.rejects`."""
    rows = rejects_table([reject for _, reject in rejects])
    rows = rows.append_column("batch_id", pa.repeat(batch_id, len(rejects)))
    deliveries = pa.array([delivery for delivery, _ in rejects], pa.int64())
    transaction.copy("staging.rejects", rows.append_column("delivery_id", deliveries))


def rejects_table(rejects: Sequence[Reject]) -> pa.Table:
    """Rejects as the columns that `staging.rejects` and `quarantine.rows` have in common."""
    texts = [_as_text(reject.raw) for reject in rejects]
    return pa.table(
        {
            "line_number": pa.array([reject.line_number for reject in rejects], pa.int64()),
            "raw_text": pa.array([text for text, _ in texts], pa.string()),
            "raw_bytes": pa.array([raw for _, raw in texts], pa.binary()),
            "reason_code": pa.array([str(reject.reason) for reject in rejects], pa.string()),
            "detail": pa.array([_plain(reject.detail) for reject in rejects], pa.string()),
        }
    )


def _as_text(raw: bytes) -> tuple[str, bytes | None]:
    """A row as text, and its bytes where the text does not hold them exactly."""
    text = raw.decode("utf-8", "replace").replace("\0", "\ufffd")
    return text, None if text.encode() == raw else raw


def _plain(detail: str | None) -> str | None:
    return detail.replace("\0", "\ufffd") if detail else None


def first_occurrences(
    transaction: Transaction, replay_of: dict[int, int | None], accepted: pa.Table
) -> pa.Table:
    """The replayed rows, each with the number of equal rows of its file that are curated already."""
    curated = {
        (delivery, order, product): highest
        for delivery, order, product, highest in transaction.execute(
            "WITH RECURSIVE up AS (SELECT delivery_id AS replay, delivery_id, replay_of "
            "FROM raw.deliveries WHERE delivery_id = ANY(:ids) UNION ALL "
            "SELECT up.replay, delivery.delivery_id, delivery.replay_of FROM up "
            "JOIN raw.deliveries AS delivery ON delivery.delivery_id = up.replay_of), "
            "family AS (SELECT replay, delivery_id FROM up WHERE replay_of IS NULL UNION "
            "SELECT family.replay, delivery.delivery_id FROM family "
            "JOIN raw.deliveries AS delivery ON delivery.replay_of = family.delivery_id) "
            "SELECT family.replay, line.order_id, line.product_id, max(line.occurrence) "
            "FROM family JOIN curated.order_lines AS line USING (delivery_id) "
            "WHERE line.order_id = ANY(:orders) GROUP BY 1, 2, 3",
            ids=list(replay_of),
            orders=sorted(set(accepted["order_id"].to_pylist())),
        )
    }
    columns = (accepted[name].to_pylist() for name in (DELIVERY, "order_id", "product_id"))
    first = pa.array([curated.get(row, 0) for row in zip(*columns, strict=True)], pa.int64())
    return accepted.append_column(keys.FIRST_OCCURRENCE, first)


def analyze_large(transaction: Transaction, counts: StagingCounts) -> None:
    """Tell Postgres which staging tables became large: it takes them for empty otherwise.

    Only what the next doors choose rows by.
    """
    for name, count in (counts.staged + counts.derived).items():
        if count >= _LARGE_ROWS:
            transaction.execute(f"ANALYZE staging.{name} (batch_id, delivery_id)")


def record_staged(
    transaction: Transaction,
    source: Source,
    batch_id: int,
    readable: Sequence[Delivery],
    counts: StagingCounts,
) -> None:
    """Enter the counts; a batch none of whose files can be read is held."""
    for delivery in readable:
        transaction.change(
            "UPDATE raw.deliveries SET status = 'staged', delivered_count = :delivered, "
            "quarantined_count = :quarantined, left_out_count = :left_out, mapping_sha256 = :mapping WHERE delivery_id = :d",
            delivered=counts.delivered[delivery.delivery_id],
            quarantined=counts.quarantined[delivery.delivery_id],
            left_out=counts.left_out[delivery.delivery_id],
            mapping=source.mapping_sha256,
            d=delivery.delivery_id,
        )
    for delivery_id, error in counts.refused.items():
        transaction.change(
            "UPDATE raw.deliveries SET status = 'refused', reason_code = :code, reason = :reason "
            "WHERE delivery_id = :d",
            code=error.reason_code,
            reason=str(error),
            d=delivery_id,
        )
    is_held = bool(counts.refused) and all(is_lookup(delivery.feed) for delivery in readable)
    reason = "no file of the batch can be read" if is_held else None
    set_status(transaction, batch_id, "held" if is_held else "staged", reason=reason)
