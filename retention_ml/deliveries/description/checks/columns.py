"""Whether what a description says of a column fits the type of the canonical column."""

import re
from datetime import datetime
from decimal import Decimal, InvalidOperation
from math import inf

from retention_ml import tables
from retention_ml.deliveries.description.columns import (
    ISO_LOCAL,
    ISO_UTC,
    ORIGINS,
    Column,
    TimeFormat,
)
from retention_ml.deliveries.description.engine_checks import reads_time, time_pattern_fault
from retention_ml.deliveries.description.mistakes import Mistake, listed, nearest, shown

_TEXT = {"values", "missing", "optional", "lower", "whole", "strip", "unicode"}
_NUMBER = {"missing", "optional", "money", "whole", "weighed", "scale"}
_TIME = {"format", "timezone", "timezone_column", "timezones", "missing", "optional"}
_FLAG = {"values", "missing", "optional", "lower", "strip"}
_OPTIONS = {
    "text": _TEXT, "bool": _FLAG, "int64": _NUMBER, "float64": _NUMBER, "timestamp": _TIME
}  # fmt: skip
_FLAGS = ("true", "false")
_ONE = {"column", "constant", "first_of"}
_COMPUTED = {"product_of", "sum_of", "difference_of"}
_ORIGINS = {
    "text": {*_ONE, "columns"},
    "bool": _ONE,
    "int64": {*_ONE, *_COMPUTED},
    "float64": {*_ONE, *_COMPUTED},
    "timestamp": {*_ONE, "columns"},
}
_OF_CONSTANTS = {"money", "format", "timezone"}
_KINDS = {
    "text": "text",
    "bool": "true or false",
    "int64": "a number",
    "float64": "a number",
    "timestamp": "a time",
}
_EPOCHS = (TimeFormat.EPOCH_S, TimeFormat.EPOCH_MS, TimeFormat.EPOCH_US)


def check_column(
    table: str, entry: tables.Column, spec: Column, path: tuple[str | int, ...]
) -> None:
    """Check what a description says of one canonical column.

    Raises
    ------
    Mistake
        With the key it is about, below `path`.
    """
    try:
        _check(table, entry, spec)
    except Mistake as mistake:
        raise Mistake(str(mistake), (*path, *mistake.path)) from None


def _check(table: str, entry: tables.Column, spec: Column) -> None:
    options = {name for name in _all_options() if getattr(spec, name) != _default(name)}
    origin = next(name for name in ORIGINS if getattr(spec, name) not in (None, ()))
    what = f"{entry.name} is {_KINDS[entry.type]}"
    if origin not in _ORIGINS[entry.type]:
        expected = listed(sorted(_ORIGINS[entry.type]))
        raise Mistake(f"{origin} does not fit: {what}; expected one of {expected}", (origin,))
    for name in sorted(options):
        if name not in _options_of(entry):
            expected = listed(sorted(_options_of(entry)))
            raise Mistake(
                f"{name} = {shown(getattr(spec, name))} does nothing here: {what}; its options "
                f"are {expected}",
                (name,),
            )
        if spec.constant is not None and name not in _OF_CONSTANTS:
            raise Mistake(f"{name} does nothing beside a constant; take it away", (name,))
    if entry.type == "timestamp":
        _check_times(spec)
    _check_words(table, entry, spec)
    if spec.constant is not None:
        _check_constant(table, entry, spec, spec.constant)


def _all_options() -> list[str]:
    return [name for name in Column.model_fields if name not in ORIGINS]


def _default(name: str) -> object:
    return Column.model_fields[name].default


def _options_of(entry: tables.Column) -> set[str]:
    """The options that do something for a canonical column."""
    options = _OPTIONS[entry.type]
    if entry.type in ("int64", "float64"):
        options = options - {"money", "whole", "weighed", "scale"}
        options |= {"money", "whole"} if entry.name.endswith("_cents") else set()
        options |= {"weighed"} if entry.name == "quantity" else set()
        options |= {"scale"} if entry.name == "rating_share" else set()
    return options


def _check_times(spec: Column) -> None:
    for pattern in spec.format:
        if "%" not in pattern and pattern not in list(TimeFormat):
            raise Mistake(
                f"format = {shown(pattern)} is no format of times; expected {listed(TimeFormat)}, "
                f"or a pattern such as '%d/%m/%Y %H:%M'.{nearest(pattern, TimeFormat)}",
                ("format",),
            )
        if "%" in pattern and (fault := time_pattern_fault(pattern)):
            raise Mistake(
                f"format = {shown(pattern)} cannot be used: {fault}; expected a pattern such as "
                "'%d/%m/%Y %H:%M'",
                ("format",),
            )
        is_literal_z = "%" in pattern and pattern.endswith("Z") and not pattern.endswith("%Z")
        if is_literal_z and not spec.timezone and not spec.timezone_column:
            raise Mistake(
                f"format = {shown(pattern)} ends with a Z, which means UTC; "
                "write format = 'iso', or timezone = 'UTC' beside it",
                ("format",),
            )
    absolute = [p for p in spec.time_formats if p in _EPOCHS or "%z" in p or "%Z" in p]
    for name in ("timezone", "timezone_column"):
        if getattr(spec, name) and len(absolute) == len(spec.time_formats):
            raise Mistake(
                f"{name} does nothing: times written as {absolute[0]} are in UTC or name their "
                "zone themselves; take it away",
                (name,),
            )
    if spec.timezones and not spec.timezone_column:
        raise Mistake("timezones need timezone_column, the column they stand in", ("timezones",))


def _allowed(table: str, entry: tables.Column) -> tuple[str, ...] | None:
    """The words that a column may have; None where any text will do."""
    return _FLAGS if entry.type == "bool" else tables.CLOSED_SETS.get((table, entry.name))


def _check_words(table: str, entry: tables.Column, spec: Column) -> None:
    if spec.scale is not None and not -inf < spec.scale[0] < spec.scale[1] < inf:
        raise Mistake(
            f"scale = {shown(list(spec.scale))}; expected the lowest and the highest mark, "
            "such as [1, 5]",
            ("scale",),
        )
    if spec.money and spec.whole:
        raise Mistake(
            "whole does nothing beside money: 12.0 is 12.00 anyway; take it away, or money where "
            "the file counts cents",
            ("whole",),
        )
    if "" in spec.strip:
        raise Mistake("strip has an empty text; expected texts such as '\"'", ("strip",))
    allowed = _allowed(table, entry)
    for word, value in spec.values.items():
        if allowed and value and value not in allowed:
            raise Mistake(
                f"values makes {shown(value)} of {shown(word)}, which is no {entry.name} of "
                f"{table}; expected {listed(allowed)}.{nearest(value, allowed)}",
                ("values", word),
            )


def _check_constant(table: str, entry: tables.Column, spec: Column, constant: str) -> None:
    allowed = _allowed(table, entry)
    if allowed and constant not in allowed:
        raise Mistake(
            f"constant = {shown(constant)} is no {entry.name} of {table}; expected "
            f"{listed(allowed)}.{nearest(constant, allowed)}",
            ("constant",),
        )
    if entry.type == "timestamp":
        _check_constant_time(spec, constant)
    if entry.type in ("int64", "float64"):
        constant_number(constant, whole=entry.type == "int64" and not spec.money)


def _check_constant_time(spec: Column, constant: str) -> None:
    pattern = spec.time_formats[0]
    if "%" in pattern:
        is_time = reads_time(constant, pattern)
    elif pattern == TimeFormat.ISO:
        try:
            is_iso = re.match(ISO_LOCAL, constant) or re.match(ISO_UTC, constant)
            is_time = is_iso is not None and bool(datetime.fromisoformat(constant))
        except ValueError:
            is_time = False
    else:
        is_time = re.fullmatch(r"\d{1,18}(\.\d+)?", constant) is not None
    if not is_time:
        expected = "an ISO date such as '2025-01-31'" if pattern == TimeFormat.ISO else pattern
        raise Mistake(
            f"constant = {shown(constant)} is no time; expected {expected}", ("constant",)
        )


def constant_number(constant: str, *, whole: bool) -> Decimal:
    """The number that a constant stands for.

    Raises
    ------
    Mistake
        It is no number, or not a whole one where that is needed.

    Examples
    --------
    >>> constant_number("12.50", whole=False)
    Decimal('12.50')
    """
    try:
        value = Decimal(constant)
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite() or abs(value) > 1_000_000_000 or (whole and value % 1):
        expected = "a whole number such as '1'" if whole else "a number such as '12.50'"
        hint = " (decimal money needs money = true)" if whole and value.is_finite() else ""
        raise Mistake(
            f"constant = {shown(constant)} does not fit; expected {expected}{hint}", ("constant",)
        )
    return value
