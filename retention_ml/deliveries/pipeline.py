"""One feed's way from chunks of text to keyed rows, packed so that small files cost little.

Chunks of several files are cast together; whole files are keyed together, because repeated
lines are numbered within their file.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache

import ibis
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from retention_ml import tables
from retention_ml.deliveries.casting import casts, derived, keys, lookups, times
from retention_ml.deliveries.casting.casts import DELIVERY
from retention_ml.deliveries.casting.rules import REASON
from retention_ml.deliveries.engine import Engine, compiled
from retention_ml.deliveries.readers.chunks import CHUNK_ROWS, LINE_NUMBER, Chunk, Reject
from retention_ml.deliveries.reasons import Reason
from retention_ml.deliveries.sources import Feed, Source
from retention_ml.errors import FileRefused

GROUP_ROWS = 500_000


@dataclass(frozen=True, slots=True)
class Statements:
    """The compiled expressions of one feed."""

    typed: str
    with_keys: str
    with_keys_of_replay: str
    superseded: str | None
    derived_parts: Mapping[str, str]


@lru_cache(maxsize=64)
def _statements(description: str, feed_name: str) -> Statements:
    source = Source.model_validate_json(description)
    feed = source.feeds[feed_name]
    entry = tables.CANONICAL[feed.table]
    typed = casts.typed_rows(source, feed)
    schema = {
        name: kind for name, kind in typed.schema().items() if not name.startswith(casts.IS_UTC)
    }
    accepted = ibis.table(schema, name="accepted")

    def with_keys(*, is_replay: bool) -> ibis.Table:
        rows = keys.typed_table(entry, "accepted", offset=is_replay)
        numbered = keys.with_occurrence(entry, rows, numbers_repeats=feed.numbers_repeats)
        full = keys.with_keys(entry, numbered, source.name)
        return full.drop(keys.FIRST_OCCURRENCE) if is_replay else full

    full = with_keys(is_replay=False)
    parts = {name: derived.descriptions(feed, accepted, name) for name in feed.also}
    if feed.table == "order_lines" and not source.has_orders:
        parts["orders"] = derived.order_parts(accepted)
    return Statements(
        typed=compiled(typed),
        with_keys=compiled(full),
        with_keys_of_replay=compiled(with_keys(is_replay=True)),
        superseded=None if feed.numbers_repeats else compiled(keys.superseded_rows(full)),
        derived_parts={name: compiled(part) for name, part in parts.items()},
    )


def statements(source: Source, feed_name: str) -> Statements:
    """The compiled expressions of a feed; compiling takes longer than running them on few rows."""
    return _statements(source.model_dump_json(), feed_name)


@dataclass(slots=True)
class Group:
    """Some whole files of one feed, cast: accepted rows, rejects, and the number of rows by file."""

    accepted: list[pa.Table] = field(default_factory=list)
    rejects: list[tuple[int, Reject]] = field(default_factory=list)
    delivered: dict[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Input:
    """One delivery to read: its id, when it was landed, and how to open it."""

    delivery_id: int
    landed_at: datetime
    chunks: Callable[[], Iterator[Chunk]]


def cast(
    engine: Engine,
    source: Source,
    feed_name: str,
    inputs: Sequence[Input],
    lookup: pa.Table | None,
    progress: Callable[[int], None] | None = None,
) -> Iterator[Group]:
    """The inputs in groups of whole files, typed.

    Raises
    ------
    Unreadable
        If a file turns out to be unreadable after all.
    """
    feed = source.feeds[feed_name]
    buffer = _CastBuffer(engine, source, feed, statements(source, feed_name).typed, lookup)
    group = Group()
    for delivery in inputs:
        group.delivered[delivery.delivery_id] = 0
        try:
            for chunk in delivery.chunks():
                row_count = chunk.rows.num_rows + len(chunk.rejects)
                group.delivered[delivery.delivery_id] += row_count
                group.rejects += [(delivery.delivery_id, reject) for reject in chunk.rejects]
                buffer.add(delivery, chunk)
                if buffer.rows >= CHUNK_ROWS:
                    buffer.cast_into(group)
                if progress is not None:
                    progress(row_count)
        except FileRefused as error:
            raise Unreadable(delivery.delivery_id, error) from error
        if sum(table.num_rows for table in group.accepted) + buffer.rows >= GROUP_ROWS:
            buffer.cast_into(group)
            yield group
            group = Group()
    buffer.cast_into(group)
    yield group


class Unreadable(Exception):
    """A file that was landed turned out to be unreadable."""

    def __init__(self, delivery_id: int, error: FileRefused) -> None:
        super().__init__(str(error))
        self.delivery_id, self.error = delivery_id, error


@dataclass(slots=True)
class _CastBuffer:
    """Chunks that wait to be cast together."""

    _engine: Engine
    _source: Source
    _feed: Feed
    _sql: str
    _lookup: pa.Table | None
    _chunks: list[tuple[Input, Chunk]] = field(default_factory=list)
    rows: int = 0

    def add(self, delivery: Input, chunk: Chunk) -> None:
        if chunk.rows.num_rows:
            self._chunks.append((delivery, chunk))
            self.rows += chunk.rows.num_rows

    def cast_into(self, group: Group) -> None:
        """Cast the waiting chunks; good rows and rejects go into the group."""
        if not self._chunks:
            return
        text = pa.concat_tables([self._text(delivery, chunk) for delivery, chunk in self._chunks])
        typed = self._engine.run(self._sql, chunk=text)
        assert typed[LINE_NUMBER].equals(text[LINE_NUMBER]), "the engine changed the order of rows"
        landed = {delivery.delivery_id: delivery.landed_at for delivery, _ in self._chunks}
        typed = times.to_utc(typed, self._source, self._feed, landed)
        if typed[REASON].null_count < typed.num_rows:
            group.rejects += self._rejects(typed)
            typed = typed.filter(typed[REASON].is_null())
        group.accepted.append(typed.drop_columns([REASON]))
        self._chunks, self.rows = [], 0

    def _text(self, delivery: Input, chunk: Chunk) -> pa.Table:
        """The chunk with every column that the feed reads, and its delivery."""
        rows = chunk.rows
        if self._lookup is not None and self._feed.lookup is not None:
            rows = lookups.join_lookup(rows, self._lookup, self._feed.lookup.on)
        n = rows.num_rows
        columns = {
            name: rows[name] if name in rows.column_names else pa.nulls(n, pa.string())
            for name in (*self._feed.source_columns, LINE_NUMBER)
        }
        return pa.table({**columns, DELIVERY: pa.array(np.full(n, delivery.delivery_id))})

    def _rejects(self, typed: pa.Table) -> list[tuple[int, Reject]]:
        bad = np.flatnonzero(typed[REASON].is_valid().to_numpy())
        rows = typed.select([LINE_NUMBER, REASON]).take(pa.array(bad))
        reasons = zip(rows[LINE_NUMBER].to_pylist(), rows[REASON].to_pylist(), strict=True)
        starts = np.cumsum([0, *(chunk.rows.num_rows for _, chunk in self._chunks)])
        rejects: list[tuple[int, Reject]] = []
        by_chunk = np.split(bad, np.searchsorted(bad, starts[1:-1]))
        for (delivery, chunk), start, places in zip(self._chunks, starts, by_chunk, strict=False):
            for raw in chunk.raw((places - start).tolist()) if len(places) else ():
                number, reason = next(reasons)
                rejects.append((delivery.delivery_id, Reject(number, raw, reason)))
        return rejects


def key(
    engine: Engine,
    source: Source,
    feed_name: str,
    group: Group,
    inputs: Mapping[int, Input],
    first_occurrence: Callable[[pa.Table], pa.Table] | None = None,
) -> pa.Table:
    """The accepted rows of a group with keys and hashes; earlier contradictions become rejects.

    Parameters
    ----------
    inputs : mapping of int to Input
        The deliveries by id: contradicted rows are read from them once more.
    first_occurrence : callable, optional
        For replayed rows: adds the column `keys.FIRST_OCCURRENCE`.
    """
    prepared = statements(source, feed_name)
    accepted = pa.concat_tables(group.accepted)
    if prepared.superseded is not None and accepted.num_rows:
        superseded = engine.run(prepared.superseded, accepted=accepted)
        if superseded.num_rows:
            accepted = _without(accepted, superseded)
            for delivery_id in pc.unique(superseded[DELIVERY]).to_pylist():
                rows = superseded.filter(pc.equal(superseded[DELIVERY], delivery_id))
                group.rejects += [
                    (delivery_id, Reject(number, raw, Reason.SUPERSEDED_IN_FILE))
                    for number, raw in _reread(inputs[delivery_id], rows[LINE_NUMBER])
                ]
            group.accepted = [accepted]
    if first_occurrence is not None:
        return engine.run(prepared.with_keys_of_replay, accepted=first_occurrence(accepted))
    return engine.run(prepared.with_keys, accepted=accepted)


def _without(rows: pa.Table, superseded: pa.Table) -> pa.Table:
    joined = rows.join(superseded, [DELIVERY, LINE_NUMBER], join_type="left anti")
    return joined.select(rows.column_names).sort_by(
        [(DELIVERY, "ascending"), (LINE_NUMBER, "ascending")]
    )


def _reread(delivery: Input, numbers: pa.ChunkedArray) -> list[tuple[int, bytes]]:
    """Line number and bytes of single rows of a delivery, by reading it once more."""
    rows: list[tuple[int, bytes]] = []
    values = numbers.combine_chunks()
    for chunk in delivery.chunks():
        mask = pc.is_in(chunk.rows[LINE_NUMBER], value_set=values)
        indexes = np.flatnonzero(mask.to_numpy()).tolist()
        lines = chunk.rows[LINE_NUMBER].take(pa.array(indexes, pa.int64())).to_pylist()
        rows += zip(lines, chunk.raw(indexes), strict=True)
    return rows
