"""Columns of text as treatment, outcome and features."""

import re
from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from retention_ml.deliveries.guess.numbers import notation_of
from retention_ml.deliveries.readers.chunks import list_names
from retention_ml.errors import UsageError
from retention_ml.statistics.arrays import Bools, Floats

_TRUE = {"true", "t", "yes", "y"}
_FALSE = {"false", "f", "no", "n"}
_CONTROL = {
    "control", "ctrl", "no", "none", "not", "nothing", "holdout", "hold", "placebo", "baseline",
    "untreated", "without", "off", "false", "null", "neutral", "nein", "nicht", "kein", "keine",
    "ohne", "falsch", "non", "pas", "sans", "faux", "nee", "nie",
}  # fmt: skip
_TREATED = {
    "treatment", "treated", "test", "exposed", "target", "variant", "on", "true", "yes", "ja",
    "oui", "si", "sì", "sí", "sim", "tak", "wahr", "vrai",
}  # fmt: skip
_LEVELS_MAX = 24
_LEVEL_SHARE_MIN = 0.002
_LEVEL_ROWS_MIN = 10
_SHOWN = 6
_NUMBER = r"^\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*$"
_COMMA_NUMBER = r"^\s*[-+]?\d+(,\d+)?\s*$"
_GROUPED_NUMBER = r"^\s*[-+]?(\d+|\d{1,3}(,\d{3})+)(\.\d+)?\s*$"
_GROUPED_BY_POINT = r"^\s*[-+]?(\d+|\d{1,3}(\.\d{3})+)(,\d+)?\s*$"
_DAY = r"^\d{4}-\d{2}-\d{2}([T ].*)?$"


def treatment(column: pa.ChunkedArray, name: str, treated: str | None) -> tuple[Floats, str]:
    """1 treated, 0 not, NaN missing, shape (n,); and which value was taken as treated.

    Parameters
    ----------
    treated : str, optional
        The value that means treated: as the file writes it, or an equal number.

    Raises
    ------
    UsageError
        The column has one value, or more than two.
    """
    texts = pc.unique(pc.drop_null(column))
    parsed, _ = numbers(texts)
    # Texts of one number, such as 1 and 1.0, or of one word, such as Mail and mail, are one value;
    # it is named by the first of them.
    variants: dict[str | float, list[str]] = {}
    words = [text.casefold() for text in texts.to_pylist()]
    for text, key in zip(
        texts.to_pylist(), words if parsed is None else parsed.tolist(), strict=True
    ):
        variants.setdefault(key, []).append(text)
    ordered = sorted(variants.items())
    values = [min(of_key) for _, of_key in ordered]
    if len(values) != 2:
        shown = list_names(values[:_SHOWN]) + (" …" if len(values) > _SHOWN else "")
        if len(values) > 2:
            hint = "Leave other arms out of the file, and compare two at a time."
        elif column.null_count:
            hint = (
                f"{column.null_count:,} of {len(column):,} rows are empty there, which is no value: "
                "write 0 where it means left alone."
            )
        else:
            hint = "Add the customers of the other arm."
        raise UsageError(
            f"The treatment {name!r} has {len(values)} different value"
            f"{'' if len(values) == 1 else 's'} ({shown or 'none'}); expected two, such as 0 and "
            f"1. {hint}"
        )
    (lower, of_lower), (upper, of_upper) = ordered
    remark = "(--treated changes that)"
    if treated is not None:
        wanted = treated.strip()
        asked = numbers(pa.array([wanted]))[0]
        equal = None if parsed is None or asked is None else float(asked[0])
        is_upper = wanted in of_upper or equal == upper
        if not is_upper and wanted not in of_lower and equal != lower:
            raise UsageError(
                f"--treated {treated!r} is no value of {name!r}; expected {list_names(values)}."
            )
    elif parsed is not None and 0 in (lower, upper):
        is_upper = lower == 0
    else:
        decided = _treated_of(values)
        is_upper = decided != values[0]
        if decided is None:
            remark = (
                f"(a guess, as neither says so: pass --treated {values[0]!r} if it is the other "
                "way round)"
            )
    arms = np.full(len(column), np.nan)
    for of_arm, arm in ((of_lower, not is_upper), (of_upper, is_upper)):
        arms[_is_among(column, of_arm)] = arm
    chosen, other = values[is_upper], values[not is_upper]
    return arms, f"{name} = {chosen} counts as treated, {other} as left alone {remark}."


def outcome(column: pa.ChunkedArray, name: str) -> tuple[Floats, str | None]:
    """Numbers, shape (n,), NaN where missing; and what was decided in reading them.

    Two texts become 0 and 1 where one of them says yes or no.

    Raises
    ------
    UsageError
        The column has neither numbers nor two values of which one says yes or no.
    """
    parsed, doubt = numbers(column)
    if parsed is not None:
        return parsed, f"{name}: {doubt}" if doubt else None
    values = sorted(pc.unique(pc.drop_null(column)).to_pylist())
    if len(values) != 2:
        raise UsageError(
            f"The outcome {name!r} holds text in {len(values):,} variants, such as "
            f"{list_names(values[:3])}; expected numbers, or two values such as yes and no."
        )
    chosen = _treated_of(values)
    if chosen is None:
        raise UsageError(
            f"The outcome {name!r} holds {list_names(values)}, and neither says which is worth "
            "money; expected numbers, or words such as yes and no. Write 1 for what is worth "
            "money, and 0 for the other."
        )
    result = pc.equal(column, chosen).cast(pa.float64()).to_numpy(zero_copy_only=False)
    return np.asarray(result, dtype=np.float64), f"{name} = {chosen} counts as 1."


def numbers(column: pa.ChunkedArray | pa.Array) -> tuple[Floats | None, str]:
    """The numbers of a column, NaN where missing, and what is in doubt about them, or "".

    Yes and no are 1 and 0. None where the column is text.
    """
    present = pc.drop_null(column)
    doubt = ""
    if len(present) == 0:
        return np.full(len(column), np.nan), doubt
    if _all(present, _NUMBER):
        texts = column
    elif _all(present, _COMMA_NUMBER):
        notation = notation_of(pc.unique(present).to_pylist())
        texts = pc.replace_substring(column, ",", "." if notation.decimal == "," else "")
        if notation.doubt:
            meaning = "1.234" if notation.decimal == "," else "1234"
            doubt = f"{notation.doubt}; 1,234 is read as {meaning}. Write numbers with a point."
    elif _all(present, _GROUPED_NUMBER):
        texts = pc.replace_substring(column, ",", "")
    elif _all(present, _GROUPED_BY_POINT):
        texts = pc.replace_substring(pc.replace_substring(column, ".", ""), ",", ".")
    else:
        words = set(pc.unique(pc.utf8_lower(present)).to_pylist()) if _is_short(present) else set()
        if words and words <= _TRUE | _FALSE:
            lower = pc.utf8_lower(column)
            truth = pc.is_in(lower, value_set=pa.array(sorted(_TRUE)))
            texts = pc.if_else(pc.is_null(column), None, pc.if_else(truth, "1", "0"))
        else:
            return None, doubt
    cast = pc.utf8_trim_whitespace(texts).cast(pa.float64())
    values = np.asarray(cast.to_numpy(zero_copy_only=False), dtype=np.float64)
    return np.where(np.isinf(values), np.nan, values), doubt


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
    remarks: list[str] = []
    for name, column in table.items():
        parsed, doubt = numbers(column)
        is_id = parsed is not None and _is_id(parsed)
        if parsed is None:
            parsed = _days(column)
        if parsed is None:
            encoded = _of_text(name, column)
            distinct = pc.count_distinct(column, mode="all").as_py()
            is_id = distinct == len(column) or not encoded
        else:
            encoded = {name: parsed}
            distinct = len(np.unique(parsed))
        if doubt:
            remarks.append(f"{name}: {doubt}")
        if distinct <= 1:
            constant.append(name)
        elif is_id:
            ids.append(name)
        else:
            names += encoded
            values += encoded.values()
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


def _treated_of(values: Sequence[str]) -> str | None:
    """Which of two values means treated, or yes, by its words; None where no word decides."""
    lower, upper = values
    words = [set(re.split(r"[\W\d_]+", value.lower())) for value in values]
    is_control = [
        bool(each & _CONTROL) or value == "0" for each, value in zip(words, values, strict=True)
    ]
    if is_control[0] != is_control[1]:
        return upper if is_control[0] else lower
    is_treated = [bool(each & _TREATED) for each in words]
    if is_treated[0] != is_treated[1]:
        return lower if is_treated[0] else upper
    return None


def _is_among(column: pa.ChunkedArray, texts: Sequence[str]) -> Bools:
    is_member = pc.is_in(column, value_set=pa.array(texts, pa.string()))
    return np.asarray(is_member.to_numpy(zero_copy_only=False), dtype=np.bool_)


def _all(texts: pa.ChunkedArray | pa.Array, pattern: str) -> bool:
    return bool(pc.all(pc.match_substring_regex(texts, pattern)).as_py())


def _is_short(texts: pa.ChunkedArray | pa.Array) -> bool:
    return int(pc.max(pc.utf8_length(texts)).as_py()) <= len("false")


def _is_id(values: Floats) -> bool:
    """Whole numbers that differ wherever there is one, which is in more than half of the rows."""
    present = values[~np.isnan(values)]
    return bool(
        2 * len(present) > len(values)
        and len(np.unique(present)) == len(present)
        and np.all(present == np.round(present))
    )


def _list(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_SHOWN])
    return f"{shown} and {len(names) - _SHOWN} more" if len(names) > _SHOWN else shown
