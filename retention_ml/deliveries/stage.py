"""The door from archived files to `staging`: read, cast, key, copy, in one transaction."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

import ibis
import pyarrow as pa

from retention_ml import tables
from retention_ml.deliveries import archive, pipeline
from retention_ml.deliveries.arrivals import missing_lookup
from retention_ml.deliveries.casting import derived, keys, lookups
from retention_ml.deliveries.engine import Engine, compiled
from retention_ml.deliveries.ledger import batches, staging
from retention_ml.deliveries.ledger.landing import newest_lookup
from retention_ml.deliveries.ledger.staging import Delivery, StagingCounts
from retention_ml.deliveries.readers import readers
from retention_ml.deliveries.readers.chunks import Chunk, no_rows_message
from retention_ml.deliveries.sources import Feed, Source, load_source
from retention_ml.errors import FileRefused
from retention_ml.failpoints import failpoint
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
        read = written + quarantined; `details`: batch_id, source, status (of the batch: `held`
        where none of its files can be read any more), reasons (rows per code), staged and
        derived (rows per table), refused and without_rows (a sentence per file).

    Raises
    ------
    UsageError
        There is no such batch, or it is held.
    """
    started = time.monotonic()
    with warehouse.transaction() as transaction:
        batch = staging.lock_unheld_batch_row(transaction, batch_id)
        counts = StagingCounts()
        if batch.status != "curated":
            counts = stage_batch(transaction, settings, batch, progress)
        status = batches.find_batch(transaction, batch_id).status
        failpoint("stage.before_commit")
    return warehouse.record(
        Receipt(
            door="stage",
            read=sum(counts.delivered.values()),
            written=sum(counts.staged.values()),
            quarantined=sum(counts.quarantined.values()),
            seconds=time.monotonic() - started,
            details={
                "batch_id": batch_id,
                "source": batch.source,
                "status": status,
                "reasons": dict(counts.reasons.most_common()),
                "staged": dict(counts.staged),
                "derived": dict(counts.derived),
                "refused": [str(error) for error in counts.refused.values()],
                "without_rows": list(counts.without_rows),
            },
        ),
        settings.run_id,
    )


def stage_batch(
    transaction: Transaction,
    settings: Settings,
    batch: batches.Batch,
    progress: Progress | None = None,
) -> StagingCounts:
    """Stage what can be read of a batch and enter the counts; the caller has locked the batch."""
    source, batch_id = load_source(settings.sources, batch.source), batch.batch_id
    deliveries = staging.open_deliveries(transaction, batch_id)
    refused: dict[int, FileRefused] = {}
    while True:  # anew without the file that turned out to be unreadable
        batches.clear_staging(transaction, batch_id, tables.CANONICAL)
        readable = [d for d in deliveries if d.delivery_id not in refused]
        stager = _Stager(transaction, settings, source, batch_id, progress)
        try:
            stager.stage(readable)
        except pipeline.Unreadable as unreadable:
            refused[unreadable.delivery_id] = unreadable.error
        else:
            break
    counts = stager.counts
    counts.refused = refused
    counts.without_rows = [
        no_rows_message(d.file_name, source.feeds[d.feed])
        for d in readable
        if d.feed in source.feeds and not d.replay_of and not counts.delivered[d.delivery_id]
    ]
    staging.record_staged(transaction, source, batch_id, readable, counts)
    return counts


@dataclass(slots=True)
class _Stager:
    """One attempt to read the deliveries of a batch into staging."""

    _transaction: Transaction
    _settings: Settings
    _source: Source
    _batch_id: int
    _progress: Progress | None
    counts: StagingCounts = field(default_factory=StagingCounts)

    def stage(self, deliveries: Sequence[Delivery]) -> None:
        """Read the deliveries feed by feed, then derive what follows from all of them."""
        with Engine(self._settings.compute.threads) as engine:
            for feed_name in self._source.feeds:
                for is_replay in (False, True):
                    of_feed = [
                        d
                        for d in deliveries
                        if d.feed == feed_name and bool(d.replay_of) == is_replay
                    ]
                    if of_feed:
                        self._stage_feed(engine, feed_name, of_feed, is_replay=is_replay)
            for table, parts in self.counts.derived_parts.items():
                self._copy_derived(engine, table, pa.concat_tables(parts))

    def _stage_feed(
        self, engine: Engine, feed_name: str, deliveries: Sequence[Delivery], *, is_replay: bool
    ) -> None:
        source, counts = self._source, self.counts
        feed = source.feeds[feed_name]
        entry = tables.CANONICAL[feed.table]
        statements = pipeline.statements(source, feed_name)
        lookup = self._lookup(feed, deliveries[0])
        inputs = {d.delivery_id: self._input(feed, d) for d in deliveries}

        offset = None
        if is_replay and feed.numbers_repeats:
            replay_of = {d.delivery_id: d.replay_of for d in deliveries}
            offset = partial(staging.first_occurrences, self._transaction, replay_of)
        groups = pipeline.cast(
            engine, source, feed_name, list(inputs.values()), lookup, self._progress
        )
        for group in groups:
            if group.accepted:
                rows = pipeline.key(engine, source, feed_name, group, inputs, offset)
                counts.staged[entry.name] += self._copy(entry, rows, is_derived=False)
                accepted = pa.concat_tables(group.accepted)
                for table, sql in statements.derived_parts.items():
                    part = engine.run(sql, accepted=accepted)
                    counts.derived_parts.setdefault(table, []).append(part)
            failpoint("stage.after_first_chunk")
            staging.copy_rejects(self._transaction, self._batch_id, group.rejects)
            counts.quarantined.update(delivery_id for delivery_id, _ in group.rejects)
            counts.reasons.update(str(reject.reason) for _, reject in group.rejects)
            counts.delivered.update(group.delivered)

    def _lookup(self, feed: Feed, first: Delivery) -> pa.Table | None:
        if feed.lookup is None:
            return None
        sha256 = newest_lookup(self._transaction, self._source.name, feed.lookup.file)
        if sha256 is None:
            raise pipeline.Unreadable(
                first.delivery_id, missing_lookup(first.file_name, feed.lookup.file)
            )
        return lookups.read_lookup(archive.path_of(self._settings.home, sha256), feed.lookup)

    def _input(self, feed: Feed, delivery: Delivery) -> pipeline.Input:
        path = archive.path_of(self._settings.home, delivery.file_sha256)

        def chunks() -> Iterator[Chunk]:
            if delivery.replay_of is not None:
                rows = staging.quarantined_rows(self._transaction, delivery)
                return readers.open_rows(rows, delivery.columns, feed).chunks
            if not path.is_file():
                raise FileRefused(
                    f"The archived copy of {delivery.file_name} is missing from "
                    f"{path.parent.parent.name}/. Deliver the file again.",
                    "no_archive",
                )
            return readers.open_file(path, feed, name=delivery.file_name).chunks

        return pipeline.Input(delivery.delivery_id, delivery.landed_at, chunks)

    def _copy_derived(self, engine: Engine, table: str, parts: pa.Table) -> None:
        entry = tables.CANONICAL[table]
        unbound = ibis.table(ibis.memtable(parts.slice(0, 0)).schema(), name="parts")
        derived_rows = derived.from_parts(unbound, table)
        empty = {
            column.name: ibis.null("int64" if column.type == "timestamp" else "string")
            for column in entry
            if column.name not in derived_rows.columns
        }
        with_keys = keys.with_keys(entry, derived_rows.mutate(**empty), self._source.name)
        rows = engine.run(compiled(with_keys), parts=parts)
        self.counts.derived[table] += self._copy(entry, rows, is_derived=True)

    def _copy(self, entry: tables.Table, rows: pa.Table, *, is_derived: bool) -> int:
        """Copy keyed rows into `staging.<entry>`; how many."""
        staged = keys.to_staging(
            rows, entry, source=self._source.name, batch_id=self._batch_id, is_derived=is_derived
        )
        return self._transaction.copy(f"staging.{entry.name}", staged)
