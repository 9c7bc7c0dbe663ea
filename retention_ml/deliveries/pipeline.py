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
import numpy.typing as npt
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
    keyed: str
    keyed_later: str
    superseded: str | None
    described: Mapping[str, str]
    order_parts: str | None


@lru_cache(maxsize=64)
def _statements(description: str, feed_name: str) -> Statements:
    source = Source.model_validate_json(description)
    feed = source.feeds[feed_name]
    entry = tables.CANONICAL[feed.table]
    typed = casts.typed(source, feed, feed.theirs_or_optional)
    schema = {
        name: kind for name, kind in typed.schema().items() if not name.startswith(casts.ABSOLUTE)
    }
    accepted = ibis.table(schema, name="accepted")

    def keyed(*, later: bool) -> ibis.Table:
        rows = keys.typed_table(entry, "accepted", offset=later)
        numbered = keys.numbered(entry, rows, numbers_repeats=feed.numbers_repeats)
        full = keys.keyed(entry, numbered, source.name)
        return full.drop(keys.FIRST_OCCURRENCE) if later else full

    full = keyed(later=False)
    makes_orders = feed.table == "order_lines" and not source.has_orders
    return Statements(
        typed=compiled(typed),
        keyed=compiled(full),
        keyed_later=compiled(keyed(later=True)),
        superseded=None if feed.numbers_repeats else compiled(keys.last_of_key(full)),
        described={name: compiled(derived.described(feed, accepted, name)) for name in feed.also},
        order_parts=compiled(derived.order_parts(accepted)) if makes_orders else None,
    )


def statements(source: Source, feed_name: str) -> Statements:
    """The compiled expressions of a feed; compiling takes longer than running them on few rows."""
    return _statements(source.model_dump_json(), feed_name)


@dataclass(slots=True)
class Group:
    """Some whole files of one feed, cast: accepted rows, rejects, and how many came by file."""

    accepted: list[pa.Table] = field(default_factory=list)
    rejects: list[tuple[int, Reject]] = field(default_factory=list)
    delivered: dict[int, int] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """Accepted rows so far."""
        return sum(table.num_rows for table in self.accepted)


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
    pack = _Pack(engine, source, feed, statements(source, feed_name).typed, lookup)
    group = Group()
    for given in inputs:
        group.delivered[given.delivery_id] = 0
        try:
            for chunk in given.chunks():
                came = chunk.rows.num_rows + len(chunk.rejects)
                group.delivered[given.delivery_id] += came
                group.rejects += [(given.delivery_id, reject) for reject in chunk.rejects]
                pack.add(given, chunk)
                if pack.rows >= CHUNK_ROWS:
                    pack.cast_into(group)
                if progress is not None:
                    progress(came)
        except FileRefused as error:
            raise Unreadable(given.delivery_id, error) from error
        if group.rows + pack.rows >= GROUP_ROWS:
            pack.cast_into(group)
            yield group
            group = Group()
    pack.cast_into(group)
    yield group


class Unreadable(Exception):
    """A file that was landed turned out to be unreadable."""

    def __init__(self, delivery_id: int, error: FileRefused) -> None:
        super().__init__(str(error))
        self.delivery_id, self.error = delivery_id, error


class _Pack:
    """Chunks waiting to be cast together."""

    def __init__(
        self, engine: Engine, source: Source, feed: Feed, sql: str, lookup: pa.Table | None
    ) -> None:
        self._engine, self._source, self._feed, self._sql = engine, source, feed, sql
        self._lookup = lookup
        self._chunks: list[tuple[Input, Chunk]] = []
        self.rows = 0

    def add(self, given: Input, chunk: Chunk) -> None:
        if chunk.rows.num_rows:
            self._chunks.append((given, chunk))
            self.rows += chunk.rows.num_rows

    def cast_into(self, group: Group) -> None:
        """Cast what waits; good rows and rejects go into the group."""
        if not self._chunks:
            return
        text = pa.concat_tables([self._text(given, chunk) for given, chunk in self._chunks])
        typed = self._engine.run(self._sql, chunk=text)
        assert typed[LINE_NUMBER].equals(text[LINE_NUMBER]), "the engine changed the order of rows"
        landed = {given.delivery_id: given.landed_at for given, _ in self._chunks}
        typed = times.settle(typed, self._source, self._feed, landed)
        bad = np.flatnonzero(typed[REASON].is_valid().to_numpy())
        if len(bad):
            group.rejects += self._rejects(typed, bad)
            typed = typed.filter(typed[REASON].is_null())
        group.accepted.append(typed.drop_columns([REASON]))
        self._chunks, self.rows = [], 0

    def _text(self, given: Input, chunk: Chunk) -> pa.Table:
        """The chunk with every column the feed knows, and its delivery."""
        rows = chunk.rows
        if self._lookup is not None and self._feed.lookup is not None:
            rows = lookups.join_lookup(rows, self._lookup, self._feed.lookup.on)
        n = rows.num_rows
        columns = {
            name: rows[name] if name in rows.column_names else pa.nulls(n, pa.string())
            for name in self._feed.theirs_or_optional
        }
        return pa.table(
            {
                **columns,
                LINE_NUMBER: rows[LINE_NUMBER],
                DELIVERY: pa.array(np.full(n, given.delivery_id), pa.int64()),
            }
        )

    def _rejects(self, typed: pa.Table, bad: npt.NDArray[np.int64]) -> list[tuple[int, Reject]]:
        some = typed.select([LINE_NUMBER, REASON]).take(pa.array(bad))
        numbers, reasons = some[LINE_NUMBER].to_pylist(), some[REASON].to_pylist()
        starts = np.cumsum([0, *(chunk.rows.num_rows for _, chunk in self._chunks)])
        of = np.searchsorted(starts, bad, side="right") - 1
        raws: list[bytes] = []
        owners: list[int] = []
        for i in np.unique(of).tolist():
            given, chunk = self._chunks[i]
            mine = (bad[of == i] - starts[i]).tolist()
            raws += chunk.raw(mine)
            owners += [given.delivery_id] * len(mine)
        return [
            (owner, Reject(number, raw, reason))
            for owner, number, raw, reason in zip(owners, numbers, raws, reasons, strict=True)
        ]


def key(
    engine: Engine,
    source: Source,
    feed_name: str,
    group: Group,
    reread: Callable[[int, set[int]], list[Reject]],
    first_occurrence: Callable[[pa.Table], pa.Table] | None = None,
) -> pa.Table:
    """The accepted rows of a group with keys and hashes; earlier contradictions become rejects.

    Parameters
    ----------
    reread : callable
        Delivery id and line numbers to those rows as delivered.
    first_occurrence : callable, optional
        For rows tried again: adds the column `keys.FIRST_OCCURRENCE`.
    """
    prepared = statements(source, feed_name)
    accepted = pa.concat_tables(group.accepted)
    if prepared.superseded is not None and accepted.num_rows:
        lost = engine.run(prepared.superseded, accepted=accepted)
        if lost.num_rows:
            accepted = _without(accepted, lost)
            for delivery_id in pc.unique(lost[DELIVERY]).to_pylist():
                mine = lost.filter(pc.equal(lost[DELIVERY], delivery_id))
                group.rejects += [
                    (delivery_id, Reject(row.line_number, row.raw, Reason.SUPERSEDED_IN_FILE))
                    for row in reread(delivery_id, set(mine[LINE_NUMBER].to_pylist()))
                ]
            group.accepted = [accepted]
    if first_occurrence is not None:
        return engine.run(prepared.keyed_later, accepted=first_occurrence(accepted))
    return engine.run(prepared.keyed, accepted=accepted)


def _without(rows: pa.Table, lost: pa.Table) -> pa.Table:
    marked = lost.append_column("__lost", pa.array([True] * lost.num_rows))
    joined = rows.join(marked, [DELIVERY, LINE_NUMBER], join_type="left anti")
    return joined.select(rows.column_names).sort_by(
        [(DELIVERY, "ascending"), (LINE_NUMBER, "ascending")]
    )


def reread_rows(given: Input, numbers: set[int]) -> list[Reject]:
    """Single rows of a delivery as they were delivered, by reading it once more."""
    found = []
    for chunk in given.chunks():
        wanted = pc.is_in(chunk.rows[LINE_NUMBER], value_set=pa.array(sorted(numbers), pa.int64()))
        places = np.flatnonzero(wanted.to_numpy()).tolist()
        lines = chunk.rows[LINE_NUMBER].take(pa.array(places, pa.int64())).to_pylist()
        found += [
            Reject(number, raw, "") for number, raw in zip(lines, chunk.raw(places), strict=True)
        ]
    return found
