"""One feed's way from chunks of text to keyed rows, packed so that small files cost little.

Chunks of several files are cast together; whole files are keyed together, because repeated
lines are numbered within their file.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from retention_ml.deliveries.background import read_ahead
from retention_ml.deliveries.casting import (
    currency,
    details,
    lookups,
    numbers,
    texts,
    times,
)
from retention_ml.deliveries.casting.casts import DELIVERY
from retention_ml.deliveries.casting.cents import decimals_in_cents
from retention_ml.deliveries.casting.currency import NO_RATES, Rates
from retention_ml.deliveries.casting.lookups import Reference
from retention_ml.deliveries.casting.rules import LEFT_OUT, REASON, RULE
from retention_ml.deliveries.description.feed import Feed
from retention_ml.deliveries.description.source import Source
from retention_ml.deliveries.engine import Engine
from retention_ml.deliveries.leaving_out.suppression import Suppression
from retention_ml.deliveries.readers.chunks import CHUNK_ROWS, LINE_NUMBER, Chunk, Reject
from retention_ml.deliveries.reasons import Reason
from retention_ml.deliveries.shaping import parts, per_order
from retention_ml.deliveries.shaping.shape import shaped
from retention_ml.deliveries.statements import Statements, statements
from retention_ml.errors import FileRefused

GROUP_ROWS = CHUNK_ROWS
_AHEAD_BYTES = 32 << 20


@dataclass(slots=True)
class Group:
    """Some whole files of one feed, cast: accepted rows, rejects, and the number of rows by file.

    `remarks` are sentences about the files.
    `left_out` counts the rows that the source leaves out on purpose; `rules` those that met each
    rule, by its place. `zero_money` is what no longer stands once per order, if it ever did.
    """

    accepted: list[pa.Table] = field(default_factory=list)
    zero_money: list[pa.Table] = field(default_factory=list)
    rejects: list[tuple[int, Reject]] = field(default_factory=list)
    delivered: dict[int, int] = field(default_factory=dict)
    left_out: Counter[int] = field(default_factory=Counter)
    remarks: list[str] = field(default_factory=list)
    rules: Counter[int] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Input:
    """One delivery to read: its id, when it was landed, and how to open it.

    `wanted` are the line numbers of the rows to use, where others are read for their context only.
    `name` is the file's, for messages.
    """

    delivery_id: int
    landed_at: datetime
    chunks: Callable[[], Iterator[Chunk]]
    wanted: Set[int] | None = None
    name: str = "The file"


def cast(
    engine: Engine,
    source: Source,
    feed_name: str,
    inputs: Sequence[Input],
    references: Sequence[Reference],
    progress: Callable[[int], None] | None = None,
    rates: Rates = NO_RATES,
    *,
    suppression: Suppression | None = None,
    is_ahead: bool = False,
) -> Iterator[Group]:
    """The inputs in groups of whole files, typed, without the rows that `suppression` leaves out.

    `is_ahead`: they are read in a thread of their own while others are cast. Raises `Unreadable`
    if a file turns out to be unreadable after all.
    """
    feed = source.feeds[feed_name]
    buffer = _CastBuffer(
        engine, source, feed, statements(source, feed_name), references, rates, suppression
    )
    group = Group()
    chunks = _chunks(feed, inputs)
    if is_ahead:
        chunks = read_ahead(chunks, _bytes_of, _AHEAD_BYTES)
    for delivery, chunk in chunks:
        group.delivered.setdefault(delivery.delivery_id, 0)
        if chunk is not None:
            if suppression is not None:
                chunk = suppression.of_chunk(delivery.delivery_id, chunk)
            row_count = parts.chunk_row_count(feed, chunk)
            group.delivered[delivery.delivery_id] += row_count
            if delivery.wanted is None:
                group.left_out[delivery.delivery_id] += chunk.left_out
            group.remarks += [chunk.remark] if chunk.remark else []
            group.rejects += [(delivery.delivery_id, reject) for reject in chunk.rejects]
            buffer.add(delivery, chunk)
            if buffer.rows >= CHUNK_ROWS:
                buffer.cast_into(group)
            if progress is not None:
                progress(row_count)
        elif sum(table.num_rows for table in group.accepted) + buffer.rows >= GROUP_ROWS:
            buffer.cast_into(group)
            yield _only_wanted(feed, group, inputs)
            group = Group()
    buffer.cast_into(group)
    yield _only_wanted(feed, group, inputs)


def _chunks(feed: Feed, inputs: Sequence[Input]) -> Iterator[tuple[Input, Chunk | None]]:
    """The chunks of each delivery as its feed shapes them, and None where it ends."""
    for delivery in inputs:
        try:
            for chunk in shaped(feed, map(_visible, delivery.chunks())):
                yield delivery, chunk
        except FileRefused as error:
            raise Unreadable(delivery.delivery_id, error) from error
        yield delivery, None


def _bytes_of(item: tuple[Input, Chunk | None]) -> int:
    return item[1].rows.nbytes if item[1] is not None else 0


def _visible(chunk: Chunk) -> Chunk:
    """The chunk, its texts without what nobody sees."""
    rows = texts.visible(chunk.rows)
    return chunk if rows is chunk.rows else replace(chunk, rows=rows)


def _only_wanted(feed: Feed, group: Group, inputs: Sequence[Input]) -> Group:
    """The group without the rows that were read for their context only."""
    for delivery in inputs:
        number, wanted = delivery.delivery_id, delivery.wanted
        if wanted is None or number not in group.delivered:
            continue
        lines = pa.array(sorted(wanted), pa.int64())
        group.accepted = [
            table.filter(
                pc.or_(
                    pc.not_equal(table[DELIVERY], number),
                    pc.is_in(table[LINE_NUMBER], value_set=lines),
                )
            )
            for table in group.accepted
        ]
        group.rejects = [
            (delivery_id, reject)
            for delivery_id, reject in group.rejects
            if delivery_id != number or reject.line_number in wanted
        ]
        group.delivered[number] = sum(
            parts.row_count(feed, table.filter(pc.equal(table[DELIVERY], number)))
            for table in group.accepted
        ) + sum(delivery_id == number for delivery_id, _ in group.rejects)
        group.delivered[number] += group.left_out[number]
    return group


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
    _statements: Statements
    _references: Sequence[Reference]
    _rates: Rates
    _suppression: Suppression | None
    _chunks: list[tuple[Input, Chunk]] = field(default_factory=list)
    rows: int = 0
    _money: per_order.FirstOfOrder = field(init=False)

    def __post_init__(self) -> None:
        self._money = per_order.FirstOfOrder(self._feed)

    def add(self, delivery: Input, chunk: Chunk) -> None:
        if chunk.rows.num_rows:
            self._chunks.append((delivery, chunk))
            self.rows += chunk.rows.num_rows

    def cast_into(self, group: Group) -> None:
        """Cast the waiting chunks; good rows and rejects go into the group."""
        if not self._chunks:
            return
        text = self._prepared(
            pa.concat_tables([self._text(delivery, chunk) for delivery, chunk in self._chunks])
        )
        typed = self._typed(self._statements.typed, self._feed, text)
        if self._suppression is not None:
            typed = self._suppression.leave_out(typed)
        is_of_feed = self._is_of_feed(typed) if self._feed.has_parts else None
        if RULE in typed.column_names:
            for count in pc.value_counts(typed[RULE].drop_null()).to_pylist():
                group.rules[count["values"]] += count["counts"]
            typed = typed.drop_columns([RULE])
        if self._feed.has_parts:
            typed = parts.with_reasons_of_rows(
                pa.concat_tables([typed, *self._typed_money(text, is_of_feed, typed.schema)])
            )
        if self._feed.per_order:
            typed, zero_money = per_order.split_zero(typed, self.rows)
        if typed[REASON].null_count < typed.num_rows:
            group.left_out.update(self._left_out(typed))
            group.rejects += self._rejects(typed, text)
            typed = typed.filter(typed[REASON].is_null())
        if self._feed.per_order:
            group.zero_money.append(zero_money.drop_columns([REASON]))
        group.accepted.append(typed.drop_columns([REASON]))
        self._chunks, self.rows = [], 0

    def _prepared(self, text: pa.Table) -> pa.Table:
        """The texts as the compiled expressions expect them.

        Raises
        ------
        Unreadable
            If a column of whole cents has decimals.
        """
        names = {delivery.delivery_id: delivery.name for delivery, _ in self._chunks}
        if refused := decimals_in_cents(text, self._feed, names):
            raise Unreadable(*refused)
        if self._feed.each is not None and self._feed.each.is_cell:
            text = texts.visible(text)
        text = texts.normalized(text, self._feed)
        if self._statements.currency is not None:
            text = self._with_rates(text)
        return numbers.with_numbers(text, self._source, self._feed)

    def _with_rates(self, text: pa.Table) -> pa.Table:
        """The texts with the currency of each row and its rate."""
        sql = self._statements.currency_times
        assert self._statements.currency is not None
        assert sql is not None
        of_rows = self._engine.run(self._statements.currency, chunk=text)[numbers.CURRENCY]

        def moments() -> pa.ChunkedArray:
            return self._typed(sql, self._feed, text)[currency.EVENT_AT]

        return currency.with_rates(text, of_rows, self._source, self._rates, moments)

    def _typed(self, sql: str, feed: Feed, text: pa.Table) -> pa.Table:
        """The typed rows of these texts, in their order."""
        typed = self._engine.run(sql, chunk=text)
        assert typed[LINE_NUMBER].equals(text[LINE_NUMBER]), "the engine changed the order of rows"
        landed = {delivery.delivery_id: delivery.landed_at for delivery, _ in self._chunks}
        return times.to_utc(typed, self._source, feed, landed)

    def _is_of_feed(self, typed: pa.Table) -> pa.Array:
        """Whether each row is one of this feed's; rows that a rule leaves out are."""
        is_others = pc.equal(typed[REASON], LEFT_OUT).fill_null(False)
        if RULE in typed.column_names:
            is_others = pc.and_(is_others, typed[RULE].is_null())
        return pc.invert(is_others).combine_chunks()

    def _typed_money(
        self, text: pa.Table, is_of_feed: pa.Array | None, schema: pa.Schema
    ) -> Iterator[pa.Table]:
        """What stands once per order in these texts, as typed rows of that schema."""
        places = self._money.places(text, is_of_feed)
        for money, (sql, feed), rows in zip(
            self._feed.per_order, self._statements.money, places, strict=True
        ):
            typed = self._typed(sql, feed, text.take(pa.array(rows)))
            yield per_order.as_lines(typed, money, schema)

    def _text(self, delivery: Input, chunk: Chunk) -> pa.Table:
        """The chunk with every column that the feed reads, and its delivery."""
        rows = lookups.join(chunk.rows, self._references)
        n = rows.num_rows
        columns = {
            name: rows[name] if name in rows.column_names else pa.nulls(n, pa.string())
            for name in (*self._feed.source_columns, LINE_NUMBER)
        }
        return pa.table({**columns, DELIVERY: pa.array(np.full(n, delivery.delivery_id))})

    def _left_out(self, typed: pa.Table) -> Counter[int]:
        """How many rows of each delivery are left out on purpose, with all of their parts."""
        is_left_out = pc.equal(typed[REASON], LEFT_OUT).fill_null(False)
        rows = typed.select([DELIVERY, LINE_NUMBER]).filter(is_left_out)
        if self._feed.has_parts and rows.num_rows:
            others = parts.row_ids(typed.filter(pc.invert(is_left_out)))
            rows = rows.filter(pa.array(~np.isin(parts.row_ids(rows), others)))
            rows = rows.group_by([DELIVERY, LINE_NUMBER]).aggregate([])
        counts = Counter[int]()
        for delivery, _ in self._chunks:
            number, wanted = delivery.delivery_id, delivery.wanted
            lines = rows[LINE_NUMBER].filter(pc.equal(rows[DELIVERY], number))
            if wanted is not None:
                lines = lines.filter(
                    pc.is_in(lines, value_set=pa.array(sorted(wanted), pa.int64()))
                )
            counts[number] = len(lines)
        return counts

    def _details(self, rejects: pa.Table) -> list[str | None]:
        """What exactly is wrong with rejected rows: their texts, with their `REASON`."""
        if not rejects.num_rows:
            return []
        details_of_rows: list[str | None] = self._engine.run(
            self._statements.details(), chunk=rejects
        )[details.DETAIL].to_pylist()
        return details_of_rows

    def _rejects(self, typed: pa.Table, text: pa.Table) -> list[tuple[int, Reject]]:
        is_bad = pc.not_equal(typed[REASON], LEFT_OUT).fill_null(False).to_numpy()
        if self._feed.has_parts:
            typed, is_bad = typed.slice(0, self.rows), is_bad[: self.rows]
            is_bad &= parts.is_first_part(typed)
        bad = np.flatnonzero(is_bad)
        rows = typed.select([LINE_NUMBER, REASON]).take(pa.array(bad))
        reasons = zip(
            rows[LINE_NUMBER].to_pylist(),
            rows[REASON].to_pylist(),
            self._details(text.take(pa.array(bad)).append_column(REASON, rows[REASON])),
            strict=True,
        )
        starts = np.cumsum([0, *(chunk.rows.num_rows for _, chunk in self._chunks)])
        rejects: list[tuple[int, Reject]] = []
        by_chunk = np.split(bad, np.searchsorted(bad, starts[1:-1]))
        for (delivery, chunk), start, places in zip(self._chunks, starts, by_chunk, strict=False):
            for raw in chunk.raw((places - start).tolist()) if len(places) else ():
                number, reason, detail = next(reasons)
                rejects.append((delivery.delivery_id, Reject(number, raw, reason, detail)))
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
        superseded = engine.run(prepared.superseded, accepted=parts.numbered(accepted))
        if superseded.num_rows:
            accepted, superseded = parts.without(accepted, superseded)
            for delivery_id in pc.unique(superseded[DELIVERY]).to_pylist():
                rows = superseded.filter(pc.equal(superseded[DELIVERY], delivery_id))
                group.rejects += [
                    (delivery_id, Reject(number, raw, Reason.SUPERSEDED_IN_FILE))
                    for number, raw in reread(inputs[delivery_id], rows[LINE_NUMBER])
                ]
            group.accepted = [accepted]
    if first_occurrence is not None:
        return engine.run(prepared.with_keys_of_replay(), accepted=first_occurrence(accepted))
    return engine.run(prepared.with_keys, accepted=accepted)


def reread(delivery: Input, numbers: pa.ChunkedArray | pa.Array) -> list[tuple[int, bytes]]:
    """Line number and bytes of single rows of a delivery, by reading it once more."""
    rows: dict[int, bytes] = {}
    for chunk in delivery.chunks():
        mask = pc.is_in(chunk.rows[LINE_NUMBER], value_set=pc.unique(numbers))
        indexes = np.flatnonzero(mask.to_numpy()).tolist()
        lines = chunk.rows[LINE_NUMBER].take(pa.array(indexes, pa.int64())).to_pylist()
        rows.update(zip(lines, chunk.raw(indexes), strict=True))
    return list(rows.items())
