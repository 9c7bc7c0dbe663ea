"""The door from archived files to `staging`: read, cast, key, copy, in one transaction."""

import time
from collections.abc import Callable, Iterator, Sequence

import ibis
import pyarrow as pa

from retention_ml import tables
from retention_ml.deliveries import archive, pipeline
from retention_ml.deliveries.arrivals import missing_lookup, newest_lookup
from retention_ml.deliveries.casting import derived, keys, lookups
from retention_ml.deliveries.engine import Engine, compiled
from retention_ml.deliveries.ledger import batch_files
from retention_ml.deliveries.ledger.batch_files import Delivery, Tally
from retention_ml.deliveries.readers import readers
from retention_ml.deliveries.readers.chunks import Chunk, Reject, without_rows
from retention_ml.deliveries.sources import Feed, Source, load_source
from retention_ml.errors import FileRefused
from retention_ml.failpoints import reach
from retention_ml.receipts import Receipt
from retention_ml.settings import Settings
from retention_ml.warehouse import Transaction, Warehouse

Progress = Callable[[int], None]


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
        staged and derived (rows per table), refused and without_rows (a sentence per file).

    Raises
    ------
    UsageError
        There is no such batch, or it is held.
    FileRefused
        None of its files can be read any more; the batch is held.
    """
    started = time.monotonic()
    refused: dict[int, FileRefused] = {}
    empty: list[str] = []
    with warehouse.transaction() as transaction:
        source_name, status = batch_files.lock(transaction, batch_id)
        tally, deliveries = Tally(), []
        if status != "curated":
            source = load_source(settings.sources, source_name)
            deliveries = batch_files.deliveries_of(transaction, batch_id)
            while True:
                batch_files.clear(transaction, batch_id)
                tally = Tally()
                readable = [d for d in deliveries if d.delivery_id not in refused]
                try:
                    _read_all(transaction, settings, source, batch_id, readable, tally, progress)
                except pipeline.Unreadable as unreadable:
                    refused[unreadable.delivery_id] = unreadable.error
                else:
                    break
            batch_files.write_ledger(transaction, source, batch_id, readable, tally, refused)
            empty = [
                without_rows(d.file_name, source.feeds[d.feed])
                for d in readable
                if d.feed in source.feeds and not d.replay_of and not tally.delivered[d.delivery_id]
            ]
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
                "without_rows": empty,
            },
        ),
        settings.run_id,
    )
    if refused and len(refused) == len(deliveries):
        first = next(iter(refused.values()))
        raise FileRefused(str(first), first.reason_code)
    return receipt


def _read_all(
    transaction: Transaction,
    settings: Settings,
    source: Source,
    batch_id: int,
    deliveries: Sequence[Delivery],
    tally: Tally,
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
    transaction: Transaction, settings: Settings, source: Source, feed: Feed, first: Delivery
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
    transaction: Transaction, settings: Settings, feed: Feed, delivery: Delivery
) -> pipeline.Input:
    path = archive.path_of(settings.home, delivery.file_sha256)

    def chunks() -> Iterator[Chunk]:
        if delivery.replay_of is not None:
            rows = batch_files.quarantined(transaction, delivery)
            return readers.open_rows(rows, delivery.columns, feed).chunks
        if not path.is_file():
            raise FileRefused(
                f"The archived copy of {delivery.file_name} is missing from {path.parent.parent.name}/. "
                "Deliver the file again.",
                "no_archive",
            )
        return readers.open_file(path, feed, name=delivery.file_name).chunks

    return pipeline.Input(delivery.delivery_id, delivery.landed_at, chunks)


def _read_feed(
    transaction: Transaction,
    engine: Engine,
    source: Source,
    feed_name: str,
    batch_id: int,
    inputs: dict[int, pipeline.Input],
    lookup: pa.Table | None,
    tally: Tally,
    progress: Progress | None,
    *,
    replays: Sequence[Delivery],
) -> None:
    feed = source.feeds[feed_name]
    entry = tables.CANONICAL[feed.table]
    prepared = pipeline.statements(source, feed_name)

    def reread(delivery_id: int, numbers: set[int]) -> list[Reject]:
        return pipeline.reread_rows(inputs[delivery_id], numbers)

    def behind_curated(accepted: pa.Table) -> pa.Table:
        return batch_files.first_occurrences(
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
        batch_files.copy_rejects(transaction, batch_id, group.rejects, tally)
        tally.delivered.update(group.delivered)


def _copy_derived(
    transaction: Transaction,
    engine: Engine,
    source: Source,
    batch_id: int,
    table: str,
    parts: pa.Table,
    tally: Tally,
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
