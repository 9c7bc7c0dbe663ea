"""Text to typed canonical columns: one Ibis expression per feed, with a reason for what fails.

Nothing is guessed: numbers are ASCII digits with at most one decimal mark, and that mark and the
times are written as the source declares. Times leave the expression as wall-clock microseconds;
`times` turns them into UTC.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import ibis
import ibis.expr.datatypes as dt

from retention_ml import tables
from retention_ml.deliveries.casting import rules
from retention_ml.deliveries.casting.rules import CAST_REASON, SOURCE_COLUMN, Check
from retention_ml.deliveries.mapping import Column, TimeFormat
from retention_ml.deliveries.readers.chunks import LINE_NUMBER
from retention_ml.deliveries.reasons import Reason
from retention_ml.deliveries.sources import DEFAULT_KINDS, Feed, Source

ID_CHARACTERS_MAX = 200
QUANTITY_MAX = 1_000_000
MONEY_MAX = 1_000_000_000
DELIVERY = "__delivery"
IS_UTC = "__is_utc."

_WIDE = "decimal(38, 6)"
_NUMBER = r"^[+-]?[0-9]+(\.[0-9]+)?$"
_WHOLE = r"^[+-]?[0-9]+(\.0+)?$"
_COMMA_NUMBER = r"^[+-]?([0-9]+|[0-9]{1,3}(\.[0-9]{3})+)(,[0-9]+)?$"
_COMMA_WHOLE = r"^[+-]?([0-9]+|[0-9]{1,3}(\.[0-9]{3})+)(,0+)?$"
_ISO = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}([ T][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?)?$"
_ISO_UTC = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?"
    r"(Z|[+-][0-9]{2}(:?[0-9]{2})?)$"
)


@ibis.udf.scalar.builtin(name="try_strptime")  # type: ignore[untyped-decorator]
def _try_strptime(text: str, format: str) -> dt.Timestamp(): ...  # type: ignore[valid-type]


@ibis.udf.scalar.builtin(name="epoch_us")  # type: ignore[untyped-decorator]
def _epoch_us(at: dt.Timestamp()) -> int: ...  # type: ignore[valid-type, empty-body]


@ibis.udf.scalar.builtin(name="epoch_us")  # type: ignore[untyped-decorator]
def _epoch_us_utc(at: dt.Timestamp("UTC")) -> int: ...  # type: ignore[valid-type, empty-body]


@dataclass(frozen=True, slots=True)
class _Cast:
    """A typed column, whether a time is UTC already, and what may be wrong with it."""

    value: ibis.Value
    checks: tuple[Check, ...] = ()
    is_utc: ibis.Value | None = None


def typed_rows(source: Source, feed: Feed) -> ibis.Table:
    """The typed rows of the unbound table `chunk`.

    It has the source columns of the feed as text, `LINE_NUMBER` and `DELIVERY`.

    Returns
    -------
    ibis.Table
        `LINE_NUMBER`, `DELIVERY`, the business columns of the feed's table except
        `occurrence` (times as int64 microseconds), `IS_UTC + name` for each time,
        `<table>.<column>` for what the row also describes, and `REASON` (null where the
        row is good so far).
    """
    text = ibis.table(
        {**dict.fromkeys(feed.source_columns, "string"), LINE_NUMBER: "int64", DELIVERY: "int64"},
        name="chunk",
    )
    entry = tables.CANONICAL[feed.table]
    casts = {
        column.name: _cast(source, feed, text, column, _spec(feed, column))
        for column in entry
        if column.name != "occurrence"
    }
    checks = [check for cast in casts.values() for check in cast.checks]
    casts |= {
        f"{table}.{column.name}": _cast(source, feed, text, column, also.columns[column.name])
        for table, also in feed.also.items()
        for column in tables.CANONICAL[table]
        if column.name in also.columns
    }
    columns: dict[str, ibis.Value] = {}
    for name, cast in casts.items():
        columns[name] = cast.value
        if cast.is_utc is not None:
            columns[IS_UTC + name] = cast.is_utc
    rule_columns = {
        f"{SOURCE_COLUMN}{name}": _clean(text, name)
        for rule in feed.rules
        for name in rule.when
        if name not in {column.name for column in entry}
    }
    rows = text.select(
        text[LINE_NUMBER],
        text[DELIVERY],
        **columns,
        **rule_columns,
        **{CAST_REASON: rules.first_reason(checks)},
    )
    return rules.apply_rules(feed, rows).drop(CAST_REASON, *rule_columns)


def _spec(feed: Feed, column: tables.Column) -> Column | None:
    """Where a column comes from; None where the source has no such values."""
    if column.name in feed.columns:
        return feed.columns[column.name]
    if column.name == "kind" and feed.table in DEFAULT_KINDS:
        return Column(constant=DEFAULT_KINDS[feed.table])
    if column.name == "discount_cents":
        return Column(constant="0")
    return None


def _clean(text: ibis.Table, name: str, missing: Sequence[str] = ()) -> ibis.Value:
    """A source column without surrounding white space; null where empty or called missing."""
    if name not in text.columns:
        return ibis.null("string")
    value = text[name].strip().nullif("")
    if missing:
        value = ibis.ifelse(value.isin(list(missing)), ibis.null("string"), value)
    return value


def _cast(
    source: Source, feed: Feed, text: ibis.Table, column: tables.Column, spec: Column | None
) -> _Cast:
    if spec is None and column.type == "timestamp":
        return _Cast(ibis.null("int64"), (), ibis.literal(True))
    if spec is None:
        return _Cast(ibis.null(tables.IBIS_TYPES[column.type]))
    if column.type in ("int64", "float64"):
        return _number(source, feed, text, column, spec)
    if column.type == "timestamp":
        return _time(source, text, spec)
    return _text(text, column, spec)


def _text(text: ibis.Table, column: tables.Column, spec: Column) -> _Cast:
    if spec.constant is not None:
        return _Cast(ibis.literal(spec.constant))
    if spec.columns:
        parts = [_clean(text, name, spec.missing) for name in spec.columns]
        value = reduce(lambda joined, part: joined + "-" + part, parts)
    else:
        assert spec.column is not None
        value = _clean(text, spec.column, spec.missing)
    if spec.values:
        value = value.substitute(dict(spec.values))
    if not column.name.endswith("_id"):
        return _Cast(value)
    return _Cast(value, (Check(value.length() > ID_CHARACTERS_MAX, Reason.ID_TOO_LONG),))


def _number(
    source: Source, feed: Feed, text: ibis.Table, column: tables.Column, spec: Column
) -> _Cast:
    if spec.constant is not None:
        return _Cast(ibis.literal(int(spec.constant), type=tables.IBIS_TYPES[column.type]))
    whole = column.type == "int64" and not spec.money
    limit = MONEY_MAX if spec.money else QUANTITY_MAX
    checks: list[Check] = []
    parts: list[ibis.Value] = []
    for name in spec.source_columns:
        part = _clean(text, name, spec.missing)
        if feed.decimal == ",":
            shape = part.re_search(_COMMA_WHOLE if whole else _COMMA_NUMBER)
            part = part.replace(".", "").replace(",", ".")
        else:
            shape = part.re_search(_WHOLE if whole else _NUMBER)
        decimal = ibis.ifelse(shape, part, ibis.null("string")).try_cast("decimal(18, 6)")
        bounded = ibis.ifelse(decimal.abs() <= MONEY_MAX, decimal, ibis.null(decimal.type()))
        checks.append(Check(~shape, Reason.BAD_NUMBER))
        checks.append(Check(bounded.isnull() & part.notnull(), Reason.OUT_OF_RANGE))
        parts.append(bounded.cast(_WIDE))  # narrow decimals overflow when multiplied or added
    value = parts[0]
    if spec.product_of:
        value = parts[0] * parts[1]
        limit *= 1_000
    elif spec.sum_of:
        value = sum(
            (ibis.coalesce(part.abs(), 0) for part in parts[1:]), ibis.coalesce(value.abs(), 0)
        )
    checks.append(Check(value.abs() > limit, Reason.OUT_OF_RANGE))
    if column.type == "float64":
        share = value.try_cast("float64")
        if spec.scale:
            low, high = spec.scale
            share = (share - low) / (high - low)
        checks.append(Check((share < 0) | (share > 1), Reason.OUT_OF_RANGE))
        return _Cast(share, tuple(checks))
    bounded = ibis.ifelse(value.abs() <= limit, value, ibis.null(value.type()))
    if spec.money:
        bounded = bounded * source.minor_units
    return _Cast(bounded.round(0).try_cast("int64"), tuple(checks))


def _time(source: Source, text: ibis.Table, spec: Column) -> _Cast:
    """Microseconds of a wall clock, or of UTC where the text or the column declares it."""
    zone = spec.timezone or source.timezone
    fixed = ibis.literal(zone in ("UTC", "Etc/UTC"))
    if spec.constant is not None:
        value: ibis.Value = ibis.literal(spec.constant)
    else:
        assert spec.column is not None, "times come from one column"
        value = _clean(text, spec.column, spec.missing)
    empty = ibis.null("string")
    if spec.format in (TimeFormat.EPOCH_S, TimeFormat.EPOCH_MS):
        shape = value.re_search(_NUMBER)
        factor = 1_000_000 if spec.format == TimeFormat.EPOCH_S else 1_000
        seconds = ibis.ifelse(shape, value, empty).try_cast("decimal(24, 6)")
        small = ibis.ifelse(seconds.abs() < 10**15, seconds, ibis.null(seconds.type()))
        moment = (small * factor).round(0).try_cast("int64")
        checks = (
            Check(~shape, Reason.BAD_TIMESTAMP),
            Check(moment.isnull() & shape, Reason.TIME_OUT_OF_RANGE),
        )
        return _Cast(moment, checks, ibis.literal(True))
    if spec.format == TimeFormat.ISO:
        local, absolute = value.re_search(_ISO), value.re_search(_ISO_UTC)
        moment = ibis.ifelse(
            absolute,
            _epoch_us_utc(ibis.ifelse(absolute, value, empty).try_cast("timestamp('UTC')")),
            _epoch_us(ibis.ifelse(local, value, empty).try_cast("timestamp")),
        )
    else:
        absolute = ibis.literal("%z" in spec.format)
        digit = ibis.ifelse(value.re_search("[0-9]"), value, empty)
        moment = _epoch_us(_try_strptime(digit, spec.format))
    unread = Check(moment.isnull() & value.notnull(), Reason.BAD_TIMESTAMP)
    return _Cast(moment, (unread,), absolute | fixed)
