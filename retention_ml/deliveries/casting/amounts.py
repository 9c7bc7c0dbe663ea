"""Typed numbers: quantities, money, shares and exchange rates, as exact decimals."""

from decimal import ROUND_HALF_UP, Decimal
from functools import reduce
from operator import add, and_, sub

import ibis
import pyarrow as pa

from retention_ml import tables
from retention_ml.deliveries.casting.cast import Cast, without
from retention_ml.deliveries.casting.numbers import FAULT, WRITTEN, number_columns
from retention_ml.deliveries.casting.rules import Check
from retention_ml.deliveries.description.columns import Column
from retention_ml.deliveries.description.feed import Feed
from retention_ml.deliveries.description.source import Source
from retention_ml.deliveries.reasons import Reason

QUANTITY_MAX = 1_000_000
MONEY_MAX = 1_000_000_000
RATE_MAX = 1_000_000

NUMBER = "__number."
RATE, MINOR_RATE = "__rate", "__minor_rate"
"""What one unit (one smallest unit) of the row's currency is worth in units of the source's."""

RATE_TYPE, MINOR_RATE_TYPE = pa.decimal128(18, 9), pa.decimal128(24, 12)

_NARROW = "decimal(18, 6)"
WIDE = "decimal(38, 6)"
"""Narrow decimals overflow when multiplied or added. Ibis takes all decimals for this type; the
engine keeps the digits that each really has."""


def with_decimals(feed: Feed, chunk: ibis.Table) -> ibis.Table:
    """The texts with `NUMBER + name` for each column of numbers: null where out of range."""
    names = number_columns(feed)
    chunk = chunk.mutate(**{NUMBER + n: chunk[WRITTEN + n].try_cast(_NARROW) for n in names})
    return chunk.mutate(
        **{
            NUMBER + n: ibis.ifelse(
                chunk[NUMBER + n].abs() <= MONEY_MAX, chunk[NUMBER + n], ibis.null(_NARROW)
            )
            for n in names
        }
    )


def number(
    source: Source, feed: Feed, text: ibis.Table, column: tables.Column, spec: Column
) -> Cast:
    """A canonical number out of the texts of `with_decimals`, with what may be wrong with it."""
    if spec.constant is not None:
        return Cast(_constant(source, column, spec))
    is_money = column.name.endswith("_cents")
    limit = MONEY_MAX if is_money else QUANTITY_MAX
    checks = _unread(source, feed, text, spec)
    parts = [without(text[name], text[NUMBER + name], spec.missing) for name in spec.source_columns]
    value = _combined(column, spec, [part.cast(WIDE) for part in parts])
    if column.type == "float64":
        return _float(text, column, spec, value, checks)
    if spec.product_of:
        limit *= 1_000
    if not is_money or not (spec.money or spec.product_of):
        has_fraction = value != value.round(0)
        if spec.weighed:
            value = ibis.ifelse(has_fraction, value.sign().cast(WIDE), value)
        else:
            checks.append(
                Check(
                    has_fraction,
                    Reason.BAD_NUMBER,
                    expected="a whole number, or weighed = true in the description",
                )
            )
            value = ibis.ifelse(has_fraction, ibis.null(value.type()), value)
    checks.append(Check(value.abs() > limit, Reason.OUT_OF_RANGE))
    value = ibis.ifelse(value.abs() <= limit, value, ibis.null(value.type()))
    if is_money and RATE in text.columns:
        rate = text[RATE if spec.money else MINOR_RATE]
        # Compared as floats first: the exact product must not overflow.
        is_small = (value.cast("float64") * rate.cast("float64")).abs() <= MONEY_MAX
        checks.append(Check(~is_small, Reason.OUT_OF_RANGE))
        value = ibis.ifelse(is_small, value, ibis.null(value.type())) * rate * source.minor_units
    elif spec.money:
        value = value * source.minor_units
    value = value.round(0).try_cast("int64")
    return Cast(value, tuple(checks), names=spec.source_columns)


def _unread(source: Source, feed: Feed, text: ibis.Table, spec: Column) -> list[Check]:
    """For each text that is there and no number the checks that say why."""
    checks = []
    is_used = None
    for name in spec.source_columns:
        present = without(text[name], missing=spec.missing).notnull()
        is_unread = present & text[NUMBER + name].isnull()
        if is_used is not None:
            is_unread = is_used & is_unread
        is_other = is_unread & (text[FAULT + name] == str(Reason.OTHER_CURRENCY))
        reason = ibis.coalesce(text[FAULT + name], str(Reason.OUT_OF_RANGE))
        checks += [
            Check(is_other, Reason.OTHER_CURRENCY, (name,), f"an amount in {source.currency}"),
            Check(
                is_unread, reason, (name,), f"a number with {feed.decimal!r} as its decimal mark"
            ),
        ]
        if spec.first_of:  # what comes after the first that is there, nobody reads
            is_used = ~present if is_used is None else is_used & ~present
    return checks


def _combined(column: tables.Column, spec: Column, parts: list[ibis.Value]) -> ibis.Value:
    """The parts as one number; of sums and differences missing parts are 0 beside others."""
    first, *others = parts
    if spec.first_of:
        return ibis.coalesce(*parts)
    if spec.product_of:
        return first * others[0]
    if spec.difference_of:
        return reduce(sub, (ibis.coalesce(part, 0) for part in others), first)
    if spec.sum_of:
        if column.name == "discount_cents":
            return reduce(add, (ibis.coalesce(part.abs(), 0) for part in parts))
        is_missing = reduce(and_, (part.isnull() for part in parts))
        total = reduce(add, (ibis.coalesce(part, 0) for part in parts))
        return ibis.ifelse(is_missing, ibis.null(total.type()), total)
    return first


def _float(
    text: ibis.Table,
    column: tables.Column,
    spec: Column,
    value: ibis.Value,
    checks: list[Check],
) -> Cast:
    """A share of 0 to 1, or an exchange rate with all its digits."""
    if column.name == "rate":
        value = value.try_cast("float64")
        if spec.column:  # a rate may have more digits than money
            value = without(
                text[spec.column], text[WRITTEN + spec.column].try_cast("float64"), spec.missing
            )
        checks.append(Check((value <= 0) | (value > RATE_MAX), Reason.OUT_OF_RANGE))
    else:
        value = value.try_cast("float64")
        if spec.scale:
            low, high = spec.scale
            value = (value - low) / (high - low)
        checks.append(Check((value < 0) | (value > 1), Reason.OUT_OF_RANGE))
    return Cast(value, tuple(checks), names=spec.source_columns)


def _constant(source: Source, column: tables.Column, spec: Column) -> ibis.Value:
    value = Decimal(str(spec.constant)) * (source.minor_units if spec.money else 1)
    if column.type == "float64":
        return ibis.literal(float(value), type="float64")
    return ibis.literal(int(value.to_integral_value(ROUND_HALF_UP)), type="int64")
