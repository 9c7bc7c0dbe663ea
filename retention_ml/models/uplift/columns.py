"""Columns of text as treatment, outcome and features."""

import re
from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from retention_ml.deliveries.readers.chunks import list_names
from retention_ml.errors import UsageError
from retention_ml.statistics.arrays import Floats

_TRUE = {"true", "t", "yes", "y"}
_FALSE = {"false", "f", "no", "n"}
_CONTROL = {
    "control", "ctrl", "no", "none", "not", "nothing", "holdout", "hold", "placebo", "baseline",
    "untreated", "without", "off", "false", "null", "neutral",
}  # fmt: skip
_TREATED = {"treatment", "treated", "test", "exposed", "target", "variant", "on", "true", "yes"}
_LEVELS_MAX = 24
_LEVEL_SHARE_MIN = 0.002
_LEVEL_ROWS_MIN = 10
_SHOWN = 6
_NUMBER = r"^\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*$"
_COMMA_NUMBER = r"^\s*[-+]?\d+,\d+\s*$|^\s*[-+]?\d+\s*$"
_DAY = r"^\d{4}-\d{2}-\d{2}([T ].*)?$"


def treatment(column: pa.ChunkedArray, name: str, treated: str | None) -> tuple[Floats, str]:
    """1 treated, 0 not, NaN missing, shape (n,); and which value was taken as treated.

    Raises
    ------
    UsageError
        The column has one value, or more than two.
    """
    texts = pc.utf8_trim_whitespace(column)
    parsed = numbers(texts)
    if parsed is not None:
        texts = pa.array([None if np.isnan(value) else f"{value:g}" for value in parsed])
    values = sorted(
        filter(None, pc.unique(texts).to_pylist()), key=None if parsed is None else float
    )
    if len(values) != 2:
        shown = list_names(values[:_SHOWN]) + (" …" if len(values) > _SHOWN else "")
        raise UsageError(
            f"The treatment {name!r} has {len(values)} different values ({shown}); expected two, "
            "such as 0 and 1. Leave other arms out of the file, and compare two at a time."
        )
    if treated is not None and treated not in values:
        raise UsageError(
            f"--treated {treated!r} is no value of {name!r}; expected {list_names(values)}."
        )
    chosen = _treated_of(values) if treated is None else treated
    other = next(value for value in values if value != chosen)
    arms = pc.equal(texts, chosen).cast(pa.float64()).to_numpy(zero_copy_only=False)
    remark = f"{name} = {chosen} counts as treated, {other} as left alone (--treated changes that)."
    return np.asarray(arms, dtype=np.float64), remark


def outcome(column: pa.ChunkedArray, name: str) -> tuple[Floats, str | None]:
    """Numbers, shape (n,), NaN where missing; two texts become 0 and 1, and the remark says how.

    Raises
    ------
    UsageError
        The column has neither numbers nor two values.
    """
    parsed = numbers(column)
    if parsed is not None:
        return parsed, None
    values = sorted(filter(None, pc.unique(column).to_pylist()))
    if len(values) != 2:
        raise UsageError(
            f"The outcome {name!r} holds text in {len(values):,} variants, such as "
            f"{list_names(values[:3])}; expected numbers, or two values such as yes and no."
        )
    chosen = _treated_of(values)
    result = pc.equal(column, chosen).cast(pa.float64()).to_numpy(zero_copy_only=False)
    return np.asarray(result, dtype=np.float64), f"{name} = {chosen} counts as 1."


def numbers(column: pa.ChunkedArray | pa.Array) -> Floats | None:
    """The numbers of a column, NaN where missing; yes and no are 1 and 0; None where it is text."""
    present = pc.drop_null(column)
    if len(present) == 0:
        return np.full(len(column), np.nan)
    if _all(present, _NUMBER):
        texts = column
    elif _all(present, _COMMA_NUMBER):
        texts = pc.replace_substring(column, ",", ".")
    else:
        words = set(pc.unique(pc.utf8_lower(present)).to_pylist()) if _is_short(present) else set()
        if words and words <= _TRUE | _FALSE:
            lower = pc.utf8_lower(column)
            truth = pc.is_in(lower, value_set=pa.array(sorted(_TRUE)))
            texts = pc.if_else(pc.is_null(column), None, pc.if_else(truth, "1", "0"))
        else:
            return None
    cast = pc.utf8_trim_whitespace(texts).cast(pa.float64())
    values = np.asarray(cast.to_numpy(zero_copy_only=False), dtype=np.float64)
    return np.where(np.isinf(values), np.nan, values)


def features(
    table: Mapping[str, pa.ChunkedArray],
) -> tuple[tuple[str, ...], Floats, tuple[str, ...]]:
    """Names, values of shape (n, k), NaN where missing, and what was left out.

    Numbers, booleans and days (as days since 1970) stay one column. Text becomes a column of 0 and
    1 for every frequent value. Left out are columns with one value, and whole numbers or texts that
    differ in every row: they name a customer and say nothing of the next one.
    """
    names: list[str] = []
    values: list[Floats] = []
    constant: list[str] = []
    ids: list[str] = []
    for name, column in table.items():
        parsed = numbers(column)
        if parsed is None:
            parsed = _days(column)
        encoded = _of_text(name, column) if parsed is None else {name: parsed}
        distinct = pc.count_distinct(column, mode="all").as_py()
        if distinct <= 1:
            constant.append(name)
        elif (distinct == len(column) and (parsed is None or _is_whole(parsed))) or not encoded:
            ids.append(name)
        else:
            names += encoded
            values += encoded.values()
    remarks = []
    if constant:
        remarks.append(f"Left out, one value only: {_list(constant)}.")
    if ids:
        remarks.append(f"Left out, as different in (nearly) every row: {_list(ids)}.")
    matrix = np.column_stack(values) if values else np.empty((0, 0))
    return tuple(names), matrix, tuple(remarks)


def _of_text(name: str, column: pa.ChunkedArray) -> dict[str, Floats]:
    """A column of 0 and 1 for every frequent value; missing is a value like any other."""
    filled = pc.fill_null(column, "")
    counts = {each["values"].as_py(): each["counts"].as_py() for each in pc.value_counts(filled)}
    least = max(_LEVEL_ROWS_MIN, _LEVEL_SHARE_MIN * len(filled))
    frequent = [value for value, count in counts.items() if count >= least]
    frequent.sort(key=lambda value: (-counts[value], value))
    if len(counts) == 2 and len(frequent) == 2:
        frequent = frequent[1:]  # the other column would be its mirror
    return {
        f"{name}={value or '(missing)'}": np.asarray(
            pc.equal(filled, value).cast(pa.float64()).to_numpy(zero_copy_only=False)
        )
        for value in sorted(frequent[:_LEVELS_MAX])
    }


def _days(column: pa.ChunkedArray) -> Floats | None:
    present = pc.drop_null(column)
    if not _all(present, _DAY):
        return None
    try:
        days = pc.utf8_slice_codeunits(column, 0, 10).cast(pa.date32()).cast(pa.int32())
    except pa.ArrowInvalid:
        return None
    return np.asarray(days.cast(pa.float64()).to_numpy(zero_copy_only=False))


def _treated_of(values: Sequence[str]) -> str:
    """Which of two values means treated: by its words, else the later one."""
    lower, upper = values
    words = [set(re.split(r"[^a-z]+", value.lower())) for value in values]
    is_control = [
        bool(each & _CONTROL) or value == "0" for each, value in zip(words, values, strict=True)
    ]
    if is_control[0] != is_control[1]:
        return upper if is_control[0] else lower
    is_treated = [bool(each & _TREATED) for each in words]
    return lower if is_treated == [True, False] else upper


def _all(texts: pa.ChunkedArray | pa.Array, pattern: str) -> bool:
    return bool(pc.all(pc.match_substring_regex(texts, pattern)).as_py())


def _is_short(texts: pa.ChunkedArray | pa.Array) -> bool:
    return int(pc.max(pc.utf8_length(texts)).as_py()) <= len("false")


def _is_whole(values: Floats) -> bool:
    return bool(np.all(values == np.round(values)))


def _list(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_SHOWN])
    return f"{shown} and {len(names) - _SHOWN} more" if len(names) > _SHOWN else shown
