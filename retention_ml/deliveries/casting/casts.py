"""Text to typed canonical columns: one Ibis expression per feed, with a reason for what fails.

Nothing is guessed: `numbers`, `texts` and `moments` read what can only mean one thing as the source
declares it. Times leave the expression as wall-clock microseconds; `times` turns them into UTC.
"""

from collections.abc import Iterator, Mapping
from functools import reduce
from operator import or_

import ibis

from retention_ml import tables
from retention_ml.deliveries.casting import rules
from retention_ml.deliveries.casting.amounts import MINOR_RATE, RATE, WIDE, number, with_decimals
from retention_ml.deliveries.casting.cast import DELIVERY, Cast, cleaned, without
from retention_ml.deliveries.casting.moments import moment
from retention_ml.deliveries.casting.numbers import (
    CURRENCY,
    FAULT,
    WRITTEN,
    number_columns,
    piece_columns,
)
from retention_ml.deliveries.casting.rules import (
    CAST_REASON,
    IS_UTC,
    SOURCE_COLUMN,
    UNREAD,
    Check,
)
from retention_ml.deliveries.casting.texts import flag, text
from retention_ml.deliveries.description.columns import Column
from retention_ml.deliveries.description.feed import Feed
from retention_ml.deliveries.description.rules import DEFAULT_KINDS
from retention_ml.deliveries.description.source import Source
from retention_ml.deliveries.readers.chunks import LINE_NUMBER
from retention_ml.deliveries.reasons import Reason

ZONE = "__zone."
HELPERS = (IS_UTC, ZONE)
"""How the columns begin that only `times` needs."""

__all__ = ["DELIVERY", "HELPERS", "IS_UTC", "ZONE", "cast_columns", "chunk_of", "typed_rows"]


def typed_rows(source: Source, feed: Feed) -> ibis.Table:
    """The typed rows of the unbound table `chunk`.

    It has the source columns of the feed as text, `LINE_NUMBER` and `DELIVERY`, and where the feed
    names a currency for each row those that `currency.with_rates` adds.

    Returns
    -------
    ibis.Table
        `LINE_NUMBER`, `DELIVERY`, the business columns of the feed's table except
        `occurrence` (times as int64 microseconds), `IS_UTC + name` for each time and
        `ZONE + name` where rows name their zone, `<table>.<column>` for what the row also
        describes, and `REASON` (null where the row is good so far).
    """
    chunk = chunk_of(feed)
    casts = cast_columns(source, feed, chunk)
    checks = [c for cast in casts.values() for c in cast.checks]
    checks += _currency_checks(feed, chunk, feed.columns)
    rule_columns = {SOURCE_COLUMN + name: chunk[name] for name in feed.text_condition_columns}
    rule_columns |= {UNREAD + name: unread for name, unread in _unread(feed, chunk, casts)}
    casts |= {
        f"{table}.{column.name}": _cast(source, feed, chunk, column, also.columns[column.name])
        for table, also in feed.also.items()
        for column in tables.CANONICAL[table]
        if column.name in also.columns
    }
    columns: dict[str, ibis.Value] = {}
    for name, cast in casts.items():
        columns[name] = cast.value
        if cast.is_utc is not None:
            columns[IS_UTC + name] = cast.is_utc
        if cast.zone is not None:
            columns[ZONE + name] = cast.zone
    rows = chunk.select(
        chunk[LINE_NUMBER],
        chunk[DELIVERY],
        **columns,
        **rule_columns,
        **{CAST_REASON: rules.first_reason(checks)},
    )
    return rules.apply_rules(source, feed, rows).drop(CAST_REASON, *rule_columns)


def chunk_of(feed: Feed, *further: str) -> ibis.Table:
    """The unbound table `chunk`, its texts clean and its numbers decimals.

    `further` are texts that it has besides.
    """
    numbers = [prefix + name for prefix in (WRITTEN, FAULT) for name in number_columns(feed)]
    columns = dict.fromkeys((*feed.source_columns, *numbers, *further), "string")
    if feed.currency is not None:
        columns |= {CURRENCY: "string", RATE: WIDE, MINOR_RATE: WIDE}
    chunk = ibis.table({**columns, LINE_NUMBER: "int64", DELIVERY: "int64"}, name="chunk")
    chunk = chunk.mutate(**{n: cleaned(chunk[n], feed.missing) for n in feed.source_columns})
    return with_decimals(feed, chunk)


def cast_columns(source: Source, feed: Feed, chunk: ibis.Table) -> dict[str, Cast]:
    """The business columns of the feed's table, made from the rows of `chunk_of`."""
    return {
        column.name: _cast(source, feed, chunk, column, _spec(feed, column))
        for column in tables.CANONICAL[feed.table]
        if column.name != "occurrence"
    }


def _unread(
    feed: Feed, chunk: ibis.Table, casts: Mapping[str, Cast]
) -> Iterator[tuple[str, ibis.Value]]:
    """Of each number and time that conditions name, whether it is there and cannot be read."""
    entry = tables.CANONICAL[feed.table]
    for name in feed.condition_columns:
        if name in feed.columns and entry.column(name).type != "text":
            of_currency = _currency_checks(feed, chunk, {name: feed.columns[name]})
            yield name, rules.any_holds((*casts[name].checks, *of_currency))


def _currency_checks(feed: Feed, chunk: ibis.Table, columns: Mapping[str, Column]) -> list[Check]:
    """A row with an amount in one of the columns needs its currency, and another one a rate."""
    if feed.currency is None:
        return []
    amounts = [
        without(chunk[name], missing=spec.missing)
        for column, spec in columns.items()
        if column.endswith("_cents")
        for name in spec.source_columns
        if name not in piece_columns(feed)
    ]
    has_amount = reduce(or_, (amount.notnull() for amount in amounts), ibis.literal(False))
    return [
        Check(chunk[CURRENCY].isnull() & has_amount, Reason.MISSING_CURRENCY),
        Check(chunk[RATE].isnull() & has_amount, Reason.OTHER_CURRENCY),
    ]


def _spec(feed: Feed, column: tables.Column) -> Column | None:
    """Where a column comes from; None where the source has no such values."""
    if column.name in feed.columns:
        return feed.columns[column.name]
    if column.name == "kind" and feed.table in DEFAULT_KINDS:
        return Column(constant=DEFAULT_KINDS[feed.table])
    if column.name == "discount_cents":
        return Column(constant="0")
    return None


def _cast(
    source: Source, feed: Feed, chunk: ibis.Table, column: tables.Column, spec: Column | None
) -> Cast:
    if spec is None and column.type == "timestamp":
        return Cast(ibis.null("int64"), is_utc=ibis.literal(True))
    if spec is None:
        return Cast(ibis.null(tables.IBIS_TYPES[column.type]))
    if column.type in ("int64", "float64"):
        return number(source, feed, chunk, column, spec)
    if column.type == "timestamp":
        return moment(source, feed, chunk, spec)
    if column.type == "bool":
        return flag(chunk, column, spec, feed)
    return text(chunk, column, spec, feed)
