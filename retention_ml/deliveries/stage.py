"""The door from archived files to `staging`: read, cast, key, copy, in one transaction."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

import ibis
import pyarrow as pa

from retention_ml import clock, tables
from retention_ml.deliveries import archive, order_numbers, pipeline
from retention_ml.deliveries.background import one_behind
from retention_ml.deliveries.casting import derived, keys
from retention_ml.deliveries.casting.currency import NO_RATES
from retention_ml.deliveries.description.feed import Feed
from retention_ml.deliveries.description.loading import load_source
from retention_ml.deliveries.description.source import Source
from retention_ml.deliveries.engine import Engine, compiled
from retention_ml.deliveries.leaving_out.suppression import Suppression
from retention_ml.deliveries.ledger import (
    batches,
    clearing,
    people,
    personal_lines,
    staging,
    tombstones,
)
from retention_ml.deliveries.ledger import order_numbers as ledger_numbers
from retention_ml.deliveries.ledger.rates import exchange_rates
from retention_ml.deliveries.ledger.references import references_of
from retention_ml.deliveries.ledger.staging import Delivery, StagingCounts
from retention_ml.deliveries.readers import readers
from retention_ml.deliveries.readers.chunks import Chunk, Reject, no_rows_message
from retention_ml.deliveries.reasons import Reason
from retention_ml.deliveries.shaping import parts
from retention_ml.deliveries.statements import statements
from retention_ml.errors import FileRefused
from retention_ml.failpoints import failpoint
from retention_ml.keys import Keyring
from retention_ml.limits import limits_of
from retention_ml.privacy.pseudonyms import Pseudonyms
from retention_ml.receipts import Receipt
from retention_ml.settings import Settings
from retention_ml.warehouse import Transaction, Warehouse

Progress = Callable[[int], None]

_CUSTOMER = "customer_id"


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
        read = written + quarantined + left out; `details`: batch_id, source, status (of the batch: `held`
        where none of its files can be read any more), reasons (rows per code), staged and
        derived (rows per table), kinds (rows per table and kind), without_customer (rows), refused, without_rows and remarks (a sentence per file).

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
            left_out=sum(counts.left_out.values()),
            seconds=time.monotonic() - started,
            details={
                "batch_id": batch_id,
                "source": batch.source,
                "status": status,
                "reasons": dict(counts.reasons.most_common()),
                "staged": dict(counts.staged),
                "derived": dict(counts.derived),
                "kinds": dict(counts.kinds.most_common()),
                "without_customer": counts.without_customer,
                "refused": [str(error) for error in counts.refused.values()],
                "without_rows": list(counts.without_rows),
                "remarks": counts.remarks,
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
    keyring = people.keyring_for_staging(transaction, settings)
    deliveries = staging.open_deliveries(transaction, batch_id)
    forgotten = tombstones.find_tombstones(transaction, settings)
    emptied = tombstones.emptied_deliveries(transaction, batch_id) if forgotten else ()
    refused: dict[int, FileRefused] = {}
    while True:  # anew without the file that turned out to be unreadable
        clearing.clear_staging(transaction, batch_id, tables.CANONICAL)
        readable = [d for d in deliveries if d.delivery_id not in refused]
        suppression = Suppression(forgotten, emptied) if forgotten else None
        stager = _Stager(
            transaction, settings, source, batch_id, progress, _pseudonyms(keyring), suppression
        )
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
    if keyring is not None and stager.pseudonyms is not None:
        pseudonyms = stager.pseudonyms.by_number
        people.remember(transaction, keyring, pseudonyms, seen_at=clock.now())
    staging.record_staged(transaction, source, batch_id, readable, counts)
    if suppression is not None:
        personal_lines.suppress(transaction, settings, source, readable, suppression)
    staging.analyze_large(transaction, counts)
    return counts


def _pseudonyms(keyring: Keyring | None) -> Pseudonyms | None:
    return None if keyring is None else Pseudonyms(keyring.current("pseudonym").secret)


@dataclass(slots=True)
class _Stager:
    """One attempt to read the deliveries of a batch into staging.

    From casting on, rows hold `pseudonyms` for the numbers of customers, if there are any.
    """

    _transaction: Transaction
    _settings: Settings
    _source: Source
    _batch_id: int
    _progress: Progress | None
    pseudonyms: Pseudonyms | None
    _suppression: Suppression | None
    counts: StagingCounts = field(default_factory=StagingCounts)

    def stage(self, deliveries: Sequence[Delivery]) -> None:
        """Read the deliveries feed by feed, then derive what follows from all of them."""
        with Engine(limits_of(self._settings)) as engine:
            for feed_name in _rates_first(self._source):
                for is_replay in (False, True):
                    of_feed = [
                        d
                        for d in deliveries
                        if d.feed == feed_name and bool(d.replay_of) == is_replay
                    ]
                    if of_feed:
                        self._stage_feed(engine, feed_name, of_feed, is_replay=is_replay)
            derived_parts = dict(self.counts.derived_parts)
            if self.counts.order_parts and not self._source.has_orders:
                derived_parts["orders"] = self.counts.order_parts
            for table, tables_of_parts in derived_parts.items():
                self._copy_derived(engine, table, pa.concat_tables(tables_of_parts))
            self._quarantine_reused_numbers(engine, deliveries)

    def _stage_feed(
        self, engine: Engine, feed_name: str, deliveries: Sequence[Delivery], *, is_replay: bool
    ) -> None:
        source, counts = self._source, self.counts
        feed = source.feeds[feed_name]
        entry = tables.CANONICAL[feed.table]
        prepared = statements(source, feed_name)
        references = references_of(
            self._transaction, self._settings, source, feed, deliveries[0], self._batch_id
        )
        inputs = {d.delivery_id: self._input(feed, d) for d in deliveries}

        offset = None
        if is_replay and feed.numbers_repeats:
            replay_of = {d.delivery_id: d.replay_of for d in deliveries}
            offset = partial(staging.first_occurrences, self._transaction, replay_of)
        rates = NO_RATES
        if feed.currency is not None:
            rates = exchange_rates(self._transaction, source, self._batch_id)
        is_parallel = self._settings.compute.threads > 1 and not is_replay
        groups = pipeline.cast(
            engine,
            source,
            feed_name,
            list(inputs.values()),
            references,
            self._progress,
            rates,
            suppression=self._suppression,
            is_ahead=is_parallel,
        )
        with one_behind(is_parallel=is_parallel) as write:
            for group in groups:
                self._pseudonymise(feed, group)
                staged: list[pa.Table] = []
                replacing: list[pa.Table] = []
                if group.accepted:
                    rows = pipeline.key(engine, source, feed_name, group, inputs, offset)
                    staged.append(self._staged(entry, rows))
                    counts.count_rows(entry.name, rows)
                    counts.staged[entry.name] += parts.row_count(feed, rows)
                    accepted = pa.concat_tables(group.accepted)
                    for table, sql in prepared.derived_parts.items():
                        part = engine.run(sql, accepted=accepted)
                        counts.derived_parts.setdefault(table, []).append(part)
                    if prepared.order_parts is not None:
                        part = engine.run(prepared.order_parts, accepted=accepted)
                        counts.order_parts.append(part)
                if group.zero_money:
                    zero_money = parts.of_rows(pa.concat_tables(group.zero_money), accepted)
                    rows = engine.run(prepared.with_keys, accepted=zero_money)
                    replacing.append(self._staged(entry, rows))
                write(partial(self._write, entry, staged, replacing, group.rejects))
                counts.quarantined.update(delivery_id for delivery_id, _ in group.rejects)
                counts.reasons.update(str(reject.reason) for _, reject in group.rejects)
                counts.delivered.update(group.delivered)
                counts.remarks += group.remarks
                counts.left_out.update(group.left_out)

    def _pseudonymise(self, feed: Feed, group: pipeline.Group) -> None:
        """Put pseudonyms for the numbers, before anything is made of the rows: keys, hashes, orders."""
        if self.pseudonyms is None:
            return
        names = (_CUSTOMER, *(f"{table}.{_CUSTOMER}" for table in feed.also))
        composed = self.pseudonyms.for_others()
        for rows in (group.accepted, group.zero_money):
            rows[:] = [
                composed.in_columns(
                    self.pseudonyms.in_columns(table, names), feed.names_customers_in
                )
                for table in rows
            ]

    def _write(
        self,
        entry: tables.Table,
        staged: Sequence[pa.Table],
        replacing: Sequence[pa.Table],
        rejects: Sequence[tuple[int, Reject]],
    ) -> None:
        """Copy what a group of files gave."""
        for rows in staged:
            self._transaction.copy(f"staging.{entry.name}", rows)
        for rows in replacing:
            staging.copy_replacing(self._transaction, rows)
        failpoint("stage.after_first_chunk")
        staging.copy_rejects(self._transaction, self._batch_id, rejects)

    def _input(self, feed: Feed, delivery: Delivery) -> pipeline.Input:
        wanted: set[int] | None = None
        if delivery.replay_of is not None and feed.has_context:
            rows = staging.quarantined_rows(self._transaction, delivery)
            wanted = {line_number for line_number, _ in rows}

        def chunks() -> Iterator[Chunk]:
            if delivery.replay_of is not None and wanted is None:
                rows = staging.quarantined_rows(self._transaction, delivery)
                return readers.open_rows(rows, delivery.columns, feed).chunks
            content = archive.content_of(self._settings, delivery.file_sha256, delivery.file_name)
            return readers.open_file(content, feed, name=delivery.file_name).chunks

        return pipeline.Input(
            delivery.delivery_id, delivery.landed_at, chunks, wanted, name=delivery.file_name
        )

    def _quarantine_reused_numbers(self, engine: Engine, deliveries: Sequence[Delivery]) -> None:
        """Take back the staged rows of order numbers that stand for two orders."""
        transaction, batch_id, counts = self._transaction, self._batch_id, self.counts
        numbers = set(ledger_numbers.orders_far_from_curated(transaction, batch_id))
        if counts.order_parts:
            parts_of_orders = pa.concat_tables(counts.order_parts)
            unbound = ibis.table(ibis.memtable(parts_of_orders.slice(0, 0)).schema(), name="parts")
            sql = compiled(order_numbers.candidates(unbound))
            numbers |= set(engine.run(sql, parts=parts_of_orders)["order_id"].to_pylist())
        if not numbers:
            return
        reused: list[order_numbers.OrderRow] = []
        details: dict[tuple[int, int], str] = {}
        for of_number in ledger_numbers.rows_by_number(
            transaction,
            source=self._source,
            batch_id=batch_id,
            orders=sorted(numbers),
        ):
            rows = order_numbers.reused_rows(of_number)
            reused += rows
            sold = order_numbers.description(of_number) if rows else ""
            details |= {(row.delivery_id, row.line_number): sold for row in rows}
        ledger_numbers.take_back(transaction, batch_id, reused)
        for delivery in deliveries:
            number = delivery.delivery_id
            lines = sorted({line for delivery_id, line in details if delivery_id == number})
            if not lines:
                continue
            feed = self._source.feeds[delivery.feed]
            again = pipeline.reread(self._input(feed, delivery), pa.array(lines))
            rejects = [
                (number, Reject(line, raw, Reason.ORDER_NUMBER_REUSED, details[number, line]))
                for line, raw in again
            ]
            staging.copy_rejects(transaction, batch_id, rejects)
            counts.quarantined[number] += len(rejects)
            counts.reasons[str(Reason.ORDER_NUMBER_REUSED)] += len(rejects)
            counts.staged[feed.table] -= len(rejects)

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
        staged = self._staged(entry, rows, is_derived=True)
        self.counts.derived[table] += self._transaction.copy(f"staging.{entry.name}", staged)

    def _staged(self, entry: tables.Table, rows: pa.Table, *, is_derived: bool = False) -> pa.Table:
        return keys.to_staging(
            rows, entry, source=self._source.name, batch_id=self._batch_id, is_derived=is_derived
        )


def _rates_first(source: Source) -> list[str]:
    """The feeds of a source, those first whose rates convert the rows of others."""
    return sorted(source.feeds, key=lambda name: source.feeds[name].table != "exchange_rates")
