"""Times as files write them, to microseconds of a wall clock or of UTC."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_

import ibis
import ibis.expr.datatypes as dt

from retention_ml.deliveries.casting.cast import Cast, without
from retention_ml.deliveries.casting.rules import Check
from retention_ml.deliveries.description.columns import ISO_LOCAL, ISO_UTC, Column, TimeFormat
from retention_ml.deliveries.description.feed import Feed
from retention_ml.deliveries.description.source import Source
from retention_ml.deliveries.reasons import Reason

_DIRECTIVE = re.compile(r"%-?([A-Za-z%])|\s+")
_LIKE = {
    **dict.fromkeys("aAbBp", r"\p{L}+\.?"),
    **dict.fromkeys("dmyYHIMSjfgnuUVwWG", "[0-9]+"),
    **dict.fromkeys("cxX", ".+"),
    "%": "%",
}
_NUMBER = r"^[+-]?[0-9]+(\.[0-9]+)?$"

EPOCHS = {TimeFormat.EPOCH_S: 1_000_000, TimeFormat.EPOCH_MS: 1_000, TimeFormat.EPOCH_US: 1}
"""Microseconds in the unit of each epoch."""
_EXAMPLES = {TimeFormat.ISO.value: "a time such as 2026-01-31 10:00:00 (iso)"}
_PLAUSIBLE_FROM, _PLAUSIBLE_TO = 631_152_000_000_000, 4_102_444_800_000_000
"""1990 and 2100, in microseconds since 1970."""
_EXCEL_DAY_ZERO = 25_569
"""The serial number of 1970-01-01."""


@ibis.udf.scalar.builtin(name="try_strptime")  # type: ignore[untyped-decorator]
def _try_strptime(text: str, format: str) -> dt.Timestamp(): ...  # type: ignore[valid-type]


@ibis.udf.scalar.builtin(name="epoch_us")  # type: ignore[untyped-decorator]
def _epoch_us(at: dt.Timestamp()) -> int: ...  # type: ignore[valid-type, empty-body]


@ibis.udf.scalar.builtin(name="epoch_us")  # type: ignore[untyped-decorator]
def _epoch_us_utc(at: dt.Timestamp("UTC")) -> int: ...  # type: ignore[valid-type, empty-body]


@dataclass(frozen=True, slots=True)
class _Reading:
    """Times read by one format: null where a text is not written so.

    `is_epoch`: the text is a number of that epoch, whether or not it is a plausible time.
    """

    value: ibis.Value
    is_utc: ibis.Value
    zone: ibis.Value | None = None
    is_epoch: ibis.Value | None = None


def moment(source: Source, feed: Feed, text: ibis.Table, spec: Column) -> Cast:
    """Microseconds of a wall clock, or of UTC where the text or the column declares it."""
    formats = spec.time_formats
    readings = [_read(_written(text, spec, format), format, feed) for format in formats]
    value = readings[0].value
    if len(readings) > 1:
        value = ibis.coalesce(*(one.value for one in readings))
    is_utc = _first(readings, [one.is_utc for one in readings])
    zone = None
    if spec.timezone_column:
        zone = text[spec.timezone_column]
    elif any(one.zone is not None for one in readings):
        zone = _first(readings, [ibis.null("string") if z is None else z for z in _zones(readings)])
    elif (spec.timezone or source.timezone) in ("UTC", "Etc/UTC"):
        is_utc = ibis.literal(True)
    reason: str | ibis.Value = Reason.BAD_TIMESTAMP
    epochs = [one.is_epoch for one in readings if one.is_epoch is not None]
    if epochs:
        is_epoch = reduce(or_, epochs).fill_null(False)
        reason = ibis.ifelse(is_epoch, str(Reason.TIME_OUT_OF_RANGE), str(Reason.BAD_TIMESTAMP))
    unread = Check(
        value.isnull() & _written(text, spec, formats[0]).notnull(),
        reason,
        spec.source_columns,
        expected=" or ".join(_EXAMPLES.get(format, format) for format in formats),
    )
    return Cast(value, (unread,), is_utc, zone, names=spec.columns_read)


def _zones(readings: Sequence[_Reading]) -> list[ibis.Value | None]:
    return [one.zone for one in readings]


def _first(readings: Sequence[_Reading], values: Sequence[ibis.Value]) -> ibis.Value:
    """The value that belongs to the first reading that is a time."""
    if len(readings) == 1:
        return values[0]
    pairs = [(one.value.notnull(), value) for one, value in zip(readings, values, strict=True)]
    return ibis.cases(*pairs, else_=ibis.null(values[0].type()))


def _written(text: ibis.Table, spec: Column, format: str) -> ibis.Value:
    """The text of a time: of several columns joined as the format expects."""
    if spec.constant is not None:
        return ibis.literal(spec.constant)
    parts = [without(text[name], missing=spec.missing) for name in spec.source_columns]
    if spec.first_of:
        return ibis.coalesce(*parts)
    separator = " " if format == TimeFormat.ISO else "-"
    return reduce(lambda joined, part: joined + separator + part, parts)


def _read(text: ibis.Value, format: str, feed: Feed) -> _Reading:
    if format in EPOCHS:
        return _read_epoch(_with_point(text, feed), EPOCHS[TimeFormat(format)])
    if format == TimeFormat.EXCEL:
        return _read_serial(text, feed)
    if format == TimeFormat.ISO:
        return _read_iso(text)
    return _read_pattern(text, format)


def _only(condition: ibis.Value, text: ibis.Value) -> ibis.Value:
    """The text where the condition holds, else null."""
    return ibis.ifelse(condition, text, ibis.null("string"))


def _with_point(text: ibis.Value, feed: Feed) -> ibis.Value:
    return text.replace(feed.decimal, ".") if feed.decimal != "." else text


def _read_epoch(text: ibis.Value, microseconds: int) -> _Reading:
    is_number = text.re_search(_NUMBER)
    count = _only(is_number, text).try_cast("decimal(24, 6)")
    small = ibis.ifelse(count.abs() < 10**18 // microseconds, count, ibis.null(count.type()))
    moment = (small * microseconds).round(0).try_cast("int64")
    return _Reading(moment, ibis.literal(True), is_epoch=is_number)


def other_epoch(text: ibis.Table, spec: Column, feed: Feed) -> ibis.Value:
    """For an epoch that is no plausible time, the unit in which it would be one; else null."""
    declared = [format for format in spec.time_formats if format in EPOCHS]
    units = {name: size for name, size in EPOCHS.items() if name not in declared}
    if not declared or not units or spec.constant is not None:
        return ibis.null("string")
    written = _with_point(_written(text, spec, declared[0]), feed)
    count = written.try_cast("decimal(24, 6)").try_cast("float64")
    return ibis.cases(
        *(
            ((count * size).between(_PLAUSIBLE_FROM, _PLAUSIBLE_TO), f" (a time as {name})")
            for name, size in units.items()
        ),
        else_=ibis.null("string"),
    )


def _read_serial(text: ibis.Value, feed: Feed) -> _Reading:
    """Days since 1899-12-30 on the clock of the shop, to the millisecond."""
    is_serial = text.re_search(rf"^[0-9]{{1,6}}({re.escape(feed.decimal)}[0-9]+)?$")
    days = _with_point(_only(is_serial, text), feed).try_cast("decimal(38, 16)")
    milliseconds = ((days - _EXCEL_DAY_ZERO) * 86_400_000).round(0).try_cast("int64")
    return _Reading(milliseconds * 1_000, ibis.literal(False))


def _read_iso(text: ibis.Value) -> _Reading:
    is_local, is_utc = text.re_search(ISO_LOCAL), text.re_search(ISO_UTC)
    zoned = _only(is_utc, text).re_replace(" ?(Z|UTC|GMT)$", "+00").re_replace(" ([+-])", r"\1")
    moment = ibis.ifelse(
        is_utc,
        _epoch_us_utc(zoned.try_cast("timestamp('UTC')")),
        _epoch_us(_only(is_local, text).try_cast("timestamp")),
    )
    return _Reading(moment, is_utc)


def _read_pattern(text: ibis.Value, format: str) -> _Reading:
    if "%Z" not in format:
        if format.endswith("%z"):
            text = text.re_replace("(Z|UTC|GMT)$", "+0000")
        moment = _epoch_us(_try_strptime(_only(text.re_search("[0-9]"), text), format))
        return _Reading(moment, ibis.literal("%z" in format))
    # The engine takes a zone's name for another one's (BST is Dhaka's to it), so it reads only
    # the clock; `zones` knows the names.
    before, after = format.split("%Z", maxsplit=1)
    pattern = rf"^({_pattern(before)})([A-Za-z][A-Za-z0-9_+\-/:]*)({_pattern(after)})$"
    clock = text.re_replace(pattern, r"\1\3").strip()
    moment = _epoch_us(
        _try_strptime(_only(text.re_search(pattern), clock), (before + after).strip())
    )
    return _Reading(moment, ibis.literal(False), text.re_extract(pattern, 2))


def _pattern(format: str) -> str:
    """A regular expression of what the parts of a format may look like."""
    return _DIRECTIVE.sub(
        lambda part: r"\s+" if part[0].isspace() else _LIKE.get(part[1] or "", part[0]),
        re.sub(r"[.+*?()\[\]{}|^$\\]", r"\\\g<0>", format),
    )
