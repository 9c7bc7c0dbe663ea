"""The door from archived files to `staging`: read, cast, key, copy, in one transaction."""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import ibis
import pyarrow as pa

from retention_ml import tables
from retention_ml.deliveries import archive, derived, keys, lookups, pipeline, readers
from retention_ml.deliveries.casts import DELIVERY
from retention_ml.deliveries.chunks import Chunk, Reject
from retention_ml.deliveries.engine import Engine, compiled
from retention_ml.deliveries.land import LOOKUP, missing_lookup, newest_lookup
from retention_ml.deliveries.sources import Feed, Source, load_source
from retention_ml.errors import FileRefused, UsageError
from retention_ml.failpoints import reach
from retention_ml.receipts import Receipt
from retention_ml.settings import Settings
from retention_ml.warehouse import Transaction, Warehouse

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class _Delivery:
    """A row of the ledger that is to be read."""

    delivery_id: int
    feed: str
    file_name: str
    file_sha256: str
    replay_of: int | None
    reason_code: str | None
    columns: tuple[str, ...]
    landed_at: datetime


@dataclass(slots=True)
class _Tally:
    """What staging counted."""

    delivered: Counter[int] = field(default_factory=Counter)
    quarantined: Counter[int] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    staged: Counter[str] = field(default_factory=Counter)
    derived: Counter[str] = field(default_factory=Counter)
    parts: dict[str, list[pa.Table]] = field(default_factory=dict)


def stage(
    warehouse: Warehouse, *, settings: Settings, batch_id: int, progress: Progress | None = None
) -> Receipt:
    """Read the files of a batch into `staging.<table>` and `staging.rejects`.

    May be repeated until the batch is curated: what was staged before is replaced.

    Parameters
    ----------
    warehouse : Warehouse
    settings : Settings
    batch_id : int
        A batch of `raw.batches`.
    progress : callable, optional
        Called with the number of further rows read.

    Returns
    -------
    Receipt
        read = written + quarantined; `details`: batch_id, source, reasons (rows per code),
        staged and derived (rows per table), refused (sentences).

    Raises
    ------
    UsageError
        There is no such batch, or it is held.
    FileRefused
        None of its files can be read any more; the batch is held.
    """
    started = time.monotonic()
    refused: dict[int, FileRefused] = {}
    with warehouse.transaction() as transaction:
        source_name, status = _lock(transaction, batch_id)
        tally, deliveries = _Tally(), []
        if status != "curated":
            source = load_source(settings.sources, source_name)
            deliveries = _deliveries(transaction, batch_id)
            while True:
                _clear(transaction, batch_id)
                tally = _Tally()
                readable = [d for d in deliveries if d.delivery_id not in refused]
                try:
                    _read_all(transaction, settings, source, batch_id, readable, tally, progress)
                except pipeline.Unreadable as unreadable:
                    refused[unreadable.delivery_id] = unreadable.error
                else:
                    break
            _write_ledger(transaction, source, batch_id, readable, tally, refused)
        reach("stage.before_commit")
    delivered, quarantined = sum(tally.delivered.values()), sum(tally.quarantined.values())
    receipt = warehouse.record(
        Receipt(
            door="stage",
            read=delivered,
            written=sum(tally.staged.values()),
            quarantined=quarantined,
            seconds=time.monotonic() - started,
            details={
                "batch_id": batch_id,
                "source": source_name,
                "is_curated": status == "curated",
                "reasons": dict(tally.reasons.most_common()),
                "staged": dict(tally.staged),
                "derived": dict(tally.derived),
                "refused": [str(error) for error in refused.values()],
            },
        ),
        settings.run_id,
    )
    if refused and len(refused) == len(deliveries):
        first = next(iter(refused.values()))
        raise FileRefused(str(first), first.reason_code)
    return receipt


def _lock(transaction: Transaction, batch_id: int) -> tuple[str, str]:
    rows = transaction.execute(
        "SELECT source, status, reason FROM raw.batches WHERE batch_id = :b FOR UPDATE", b=batch_id
    )
    if not rows:
        raise UsageError(
            f"There is no batch {batch_id}; `retention ingest` names the batch it made."
        )
    source, status, reason = rows[0]
    if status == "held":
        raise UsageError(
            f"Batch {batch_id} is held ({reason}). Deliver its files again to take it up again."
        )
    return source, status


def _deliveries(transaction: Transaction, batch_id: int) -> list[_Delivery]:
    return [
        _Delivery(
            i, feed, name, sha256, replay_of, code, tuple(json.loads(columns or "[]")), landed
        )
        for i, feed, name, sha256, replay_of, code, columns, landed in transaction.execute(
            "SELECT delivery_id, feed, file_name, file_sha256, replay_of, reason_code, columns_found, "
            "landed_at FROM raw.deliveries WHERE batch_id = :b AND status IN ('landed', 'staged') "
            "ORDER BY delivery_id",
            b=batch_id,
        )
    ]


def _clear(transaction: Transaction, batch_id: int) -> None:
    for name in (*tables.CANONICAL, "rejects"):
        transaction.change(f"DELETE FROM staging.{name} WHERE batch_id = :b", b=batch_id)


def _read_all(
    transaction: Transaction,
    settings: Settings,
    source: Source,
    batch_id: int,
    deliveries: Sequence[_Delivery],
    tally: _Tally,
    progress: Progress | None,
) -> None:
    with Engine(settings.compute.threads) as engine:
        for feed_name, feed in source.feeds.items():
            for is_replay in (False, True):
                mine = [
                    d for d in deliveries if d.feed == feed_name and bool(d.replay_of) == is_replay
                ]
                if mine:
                    lookup = _lookup(transaction, settings, source, feed, mine[0])
                    inputs = {d.delivery_id: _input(transaction, settings, feed, d) for d in mine}
                    _read_feed(
                        transaction, engine, source, feed_name, batch_id, inputs, lookup, tally, progress,
                        replays=mine if is_replay else (),
                    )  # fmt: skip
        for table, parts in tally.parts.items():
            _copy_derived(
                transaction, engine, source, batch_id, table, pa.concat_tables(parts), tally
            )


def _lookup(
    transaction: Transaction, settings: Settings, source: Source, feed: Feed, first: _Delivery
) -> pa.Table | None:
    if feed.lookup is None:
        return None
    sha256 = newest_lookup(transaction, source.name, feed.lookup.file)
    if sha256 is None:
        raise pipeline.Unreadable(
            first.delivery_id, missing_lookup(first.file_name, feed.lookup.file)
        )
    return lookups.read_lookup(archive.path_of(settings.home, sha256), feed.lookup)


def _input(
    transaction: Transaction, settings: Settings, feed: Feed, delivery: _Delivery
) -> pipeline.Input:
    path = archive.path_of(settings.home, delivery.file_sha256)

    def chunks() -> Iterator[Chunk]:
        if delivery.replay_of is not None:
            rows = _quarantined(transaction, delivery)
            return readers.open_rows(rows, delivery.columns, feed).chunks
        if not path.is_file():
            raise FileRefused(
                f"The archived copy of {delivery.file_name} is missing from {path.parent.parent.name}/. "
                "Deliver the file again.",
                "no_archive",
            )
        return readers.open_file(path, feed, name=delivery.file_name).chunks

    return pipeline.Input(delivery.delivery_id, delivery.landed_at, chunks)


def _quarantined(transaction: Transaction, delivery: _Delivery) -> list[tuple[int, bytes]]:
    """Rows set aside in the delivery that is replayed, with the reason the replay names."""
    return [
        (number, bytes(raw) if raw is not None else text.encode())
        for number, text, raw in transaction.execute(
            "SELECT line_number, raw_text, raw_bytes FROM quarantine.rows WHERE delivery_id = :d "
            "AND replayed_in IS NULL AND (CAST(:reason AS text) IS NULL OR reason_code = :reason) "
            "ORDER BY line_number",
            d=delivery.replay_of,
            reason=delivery.reason_code,
        )
    ]


def _read_feed(
    transaction: Transaction,
    engine: Engine,
    source: Source,
    feed_name: str,
    batch_id: int,
    inputs: dict[int, pipeline.Input],
    lookup: pa.Table | None,
    tally: _Tally,
    progress: Progress | None,
    *,
    replays: Sequence[_Delivery],
) -> None:
    feed = source.feeds[feed_name]
    entry = tables.CANONICAL[feed.table]
    prepared = pipeline.statements(source, feed_name)

    def reread(delivery_id: int, numbers: set[int]) -> list[Reject]:
        return pipeline.reread_rows(inputs[delivery_id], numbers)

    def behind_curated(accepted: pa.Table) -> pa.Table:
        return _first_occurrences(
            transaction, accepted, {d.delivery_id: d.replay_of for d in replays}
        )

    groups = pipeline.cast(engine, source, feed_name, list(inputs.values()), lookup, progress)
    for group in groups:
        if group.accepted:
            offset = behind_curated if replays and feed.numbers_repeats else None
            rows = pipeline.key(engine, source, feed_name, group, reread, offset)
            staged = keys.as_staged(
                rows, entry, source=source.name, batch_id=batch_id, is_derived=False
            )
            tally.staged[entry.name] += transaction.copy(f"staging.{entry.name}", staged)
            accepted = pa.concat_tables(group.accepted)
            for table, sql in prepared.described.items():
                tally.parts.setdefault(table, []).append(engine.run(sql, accepted=accepted))
            if prepared.order_parts is not None:
                part = engine.run(prepared.order_parts, accepted=accepted)
                tally.parts.setdefault("orders", []).append(part)
        reach("stage.after_first_chunk")
        _copy_rejects(transaction, batch_id, group.rejects, tally)
        tally.delivered.update(group.delivered)


def _copy_rejects(
    transaction: Transaction, batch_id: int, rejects: Sequence[tuple[int, Reject]], tally: _Tally
) -> None:
    if not rejects:
        return
    shown = [_shown(reject.raw) for _, reject in rejects]
    transaction.copy(
        "staging.rejects",
        pa.table(
            {
                "batch_id": pa.array([batch_id] * len(rejects), pa.int64()),
                "delivery_id": pa.array([delivery for delivery, _ in rejects], pa.int64()),
                "line_number": pa.array([reject.line_number for _, reject in rejects], pa.int64()),
                "raw_text": pa.array([text for text, _ in shown], pa.string()),
                "raw_bytes": pa.array([raw for _, raw in shown], pa.binary()),
                "reason_code": pa.array([str(reject.reason) for _, reject in rejects], pa.string()),
            }
        ),
    )
    tally.quarantined.update(delivery for delivery, _ in rejects)
    tally.reasons.update(str(reject.reason) for _, reject in rejects)


def _shown(raw: bytes) -> tuple[str, bytes | None]:
    """A row as text, and its bytes where the text does not hold them exactly."""
    text = raw.decode("utf-8", "replace").replace("\0", "\ufffd")
    return text, None if text.encode() == raw else raw


def _first_occurrences(
    transaction: Transaction, accepted: pa.Table, replay_of: dict[int, int | None]
) -> pa.Table:
    """Rows tried again are numbered behind those of their file that are curated already."""
    taken = {
        (delivery, order, product): highest
        for delivery, order, product, highest in transaction.execute(
            "WITH RECURSIVE up AS (SELECT delivery_id AS replay, delivery_id, replay_of "
            "FROM raw.deliveries WHERE delivery_id = ANY(:ids) UNION ALL "
            "SELECT up.replay, told.delivery_id, told.replay_of FROM up "
            "JOIN raw.deliveries AS told ON told.delivery_id = up.replay_of), "
            "family AS (SELECT replay, delivery_id FROM up WHERE replay_of IS NULL UNION "
            "SELECT family.replay, told.delivery_id FROM family "
            "JOIN raw.deliveries AS told ON told.replay_of = family.delivery_id) "
            "SELECT family.replay, line.order_id, line.product_id, max(line.occurrence) "
            "FROM family JOIN curated.order_lines AS line USING (delivery_id) "
            "WHERE line.order_id = ANY(:orders) GROUP BY 1, 2, 3",
            ids=list(replay_of),
            orders=sorted(set(accepted["order_id"].to_pylist())),
        )
    }
    rows = zip(
        accepted[DELIVERY].to_pylist(),
        accepted["order_id"].to_pylist(),
        accepted["product_id"].to_pylist(),
        strict=True,
    )
    first = pa.array([taken.get(row, 0) for row in rows], pa.int64())
    return accepted.append_column(keys.FIRST_OCCURRENCE, first)


def _copy_derived(
    transaction: Transaction,
    engine: Engine,
    source: Source,
    batch_id: int,
    table: str,
    parts: pa.Table,
    tally: _Tally,
) -> None:
    entry = tables.CANONICAL[table]
    said = ibis.table(ibis.memtable(parts.slice(0, 0)).schema(), name="parts")
    is_orders = "sales" in parts.column_names
    chosen = derived.orders(said) if is_orders else derived.one_per_key(said, table)
    missing = {
        column.name: ibis.null("int64" if column.type == "timestamp" else "string")
        for column in entry
        if column.name not in chosen.columns
    }
    rows = engine.run(
        compiled(keys.keyed(entry, chosen.mutate(**missing), source.name)), parts=parts
    )
    staged = keys.as_staged(rows, entry, source=source.name, batch_id=batch_id, is_derived=True)
    tally.derived[table] += transaction.copy(f"staging.{table}", staged)


def _write_ledger(
    transaction: Transaction,
    source: Source,
    batch_id: int,
    readable: Sequence[_Delivery],
    tally: _Tally,
    refused: dict[int, FileRefused],
) -> None:
    for delivery in readable:
        transaction.change(
            "UPDATE raw.deliveries SET status = 'staged', delivered_count = :delivered, "
            "quarantined_count = :quarantined, mapping_sha256 = :mapping WHERE delivery_id = :d",
            delivered=tally.delivered[delivery.delivery_id],
            quarantined=tally.quarantined[delivery.delivery_id],
            mapping=source.mapping_sha256,
            d=delivery.delivery_id,
        )
    for delivery_id, error in refused.items():
        transaction.change(
            "UPDATE raw.deliveries SET status = 'refused', reason_code = :code, reason = :reason "
            "WHERE delivery_id = :d",
            code=error.reason_code,
            reason=str(error),
            d=delivery_id,
        )
    held = bool(refused) and not any(LOOKUP not in delivery.feed for delivery in readable)
    transaction.change(
        "UPDATE raw.batches SET status = :status, reason = :reason WHERE batch_id = :b",
        status="held" if held else "staged",
        reason="no file of the batch can be read" if held else None,
        b=batch_id,
    )
