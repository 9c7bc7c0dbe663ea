"""Numbers as people and spreadsheets write them, to plain digits with a point.

Plain digits with at most one decimal mark take the short way. Any other text is read where it
can only mean one number under the decimal mark that its feed declares; `1e5`, `NaN` and a lone
`1,234` (where the comma is not declared to be a group mark) stay unread.
"""

import re

import pyarrow as pa
import pyarrow.compute as pc

from retention_ml import tables
from retention_ml.deliveries.description import currencies
from retention_ml.deliveries.description.columns import Column
from retention_ml.deliveries.description.feed import Feed
from retention_ml.deliveries.description.source import Source
from retention_ml.deliveries.reasons import Reason

WRITTEN, FAULT = "__written.", "__fault."
"""How the columns begin that `with_numbers` adds."""
CURRENCY = "__currency"
"""The currency of a row, where its feed names a column for it."""

_PLAIN = {
    ".": r"^([+-]?[0-9]+(\.[0-9]+)?)?$",
    ",": r"^([+-]?([0-9]+|[1-9][0-9]{0,2}(\.[0-9]{3})+)(,[0-9]+)?)?$",
}
_MARK = "(?:¤ ?){0,2}"


def with_numbers(rows: pa.Table, source: Source, feed: Feed) -> pa.Table:
    """The texts of a feed with two more columns for each column of numbers.

    `WRITTEN + name` is the number as digits with a point, null or blank where the text is none;
    `FAULT + name` says why it is none.
    """
    pieces = piece_columns(feed)
    for name in number_columns(feed):
        texts = rows[name].combine_chunks()
        written, fault = texts, pa.nulls(len(texts), pa.string())
        is_plain = pc.match_substring_regex(texts, _PLAIN[feed.decimal])
        if pc.all(is_plain).as_py() not in (True, None):
            others = pc.invert(is_plain).fill_null(False)
            marked = None if name in pieces else _currencies(rows, source).filter(others)
            unusual, faults = _from_spreadsheet(texts.filter(others), marked, feed)
            written = pc.replace_with_mask(texts, others, unusual)
            fault = pc.replace_with_mask(fault, others, faults)
        if feed.decimal == ",":
            plain = pc.replace_substring(pc.replace_substring(written, ".", ""), ",", ".")
            written = pc.if_else(is_plain, plain, written)
        rows = rows.append_column(WRITTEN + name, written).append_column(FAULT + name, fault)
    return rows


def number_columns(feed: Feed) -> tuple[str, ...]:
    """The columns of the file that numbers are made from."""
    names = [
        name
        for column, spec in _specs(feed)
        if column.type in ("int64", "float64")
        for name in spec.source_columns
    ]
    return tuple(dict.fromkeys(names))


def piece_columns(feed: Feed) -> frozenset[str]:
    """The columns of the file that count pieces or weigh them: no money."""
    return frozenset(feed.columns["quantity"].source_columns if "quantity" in feed.columns else ())


def _specs(feed: Feed) -> list[tuple[tables.Column, Column]]:
    """The canonical columns that the feed fills, each with where it comes from."""
    maps = {feed.table: feed.columns, **{name: also.columns for name, also in feed.also.items()}}
    amount = tables.ORDER_LINES.column("line_amount_cents")
    return [
        *(
            (tables.CANONICAL[table].column(name), spec)
            for table, columns in maps.items()
            for name, spec in columns.items()
        ),
        *((amount, money.amount) for money in feed.per_order),
    ]


def _currencies(rows: pa.Table, source: Source) -> pa.Array:
    if CURRENCY in rows.column_names:
        return rows[CURRENCY].combine_chunks()
    return pa.repeat(source.currency, rows.num_rows)


def _from_spreadsheet(
    texts: pa.Array, marked: pa.Array | None, feed: Feed
) -> tuple[pa.Array, pa.Array]:
    """Numbers as digits with a point, and the reason against each text that is none.

    `marked`: the currency of each row; None where a number is no money and nothing stands beside it.
    """
    point, comma = feed.decimal, "," if feed.decimal == "." else "."
    marks = pc.utf8_upper(pc.replace_substring_regex(texts, r"[^\p{L}\p{Sc}]", ""))
    for pattern, plain in (
        (r"[\s\p{Z}'’ʼ′´]", " "),
        (r"[−–－]", "-"),
        (r"[\p{L}\p{Sc}]+\.?", "¤"),
        (rf"^ +| +$|{re.escape(point)} ?-{{1,2}}$", ""),  # 12.- means 12
    ):
        texts = pc.replace_substring_regex(texts, pattern, plain)
    shape = _shape(point, comma, has_group=bool(feed.group) or point == ",")
    is_number = pc.match_substring_regex(texts, shape)
    digits = pc.replace_substring_regex(texts, shape, r"\1\2\3")
    digits = pc.replace_substring_regex(digits, rf"[ {re.escape(comma)}]", "")
    digits = pc.replace_substring(digits, ",", ".")
    is_negative = pc.match_substring_regex(texts, r"^[^0-9]*[-(]|-$")
    digits = pc.binary_join_element_wise(pc.if_else(is_negative, "-", ""), digits, "")
    fits, is_other = _compare_marks(marks, marked)
    is_read = pc.and_(is_number, fits)
    is_other = pc.and_(is_number, is_other)
    nothing = pa.scalar(None, pa.string())
    fault = pc.if_else(is_other, str(Reason.OTHER_CURRENCY), str(Reason.BAD_NUMBER))
    return pc.if_else(is_read, digits, nothing), pc.if_else(is_read, nothing, fault)


def _shape(point: str, comma: str, *, has_group: bool) -> str:
    """The pattern of a number, `¤` for what stands beside it; groups 1 to 3 are its digits.

    One group mark alone might as well be a decimal mark, unless `has_group` excludes it.
    """
    point, comma = re.escape(point), re.escape(comma)
    grouped = rf"[1-9][0-9]{{0,2}}(?:{comma}[0-9]{{3}})"
    lakhs = rf"[1-9][0-9]?(?:{comma}[0-9]{{2}})+{comma}[0-9]{{3}}"
    bodies = (
        rf"(?:[0-9]+|[1-9][0-9]{{0,2}}(?: [0-9]{{3}})+)(?:{point}[0-9]*)?",
        rf"{point}[0-9]+",
        rf"(?:{grouped}+|{lakhs}){point}[0-9]*",
        lakhs,
        rf"{grouped}{'+' if has_group else '{2,}'}",
    )
    body = rf"({'|'.join(bodies)}) ?{_MARK}"
    return (
        rf"^(?:[-+] ?{_MARK}|{_MARK}(?:[-+] ?)?){body}$|^{_MARK}{body}-$"
        rf"|^{_MARK}\( ?{_MARK}{body}\) ?{_MARK}$"
    )


def _compare_marks(marks: pa.Array, marked: pa.Array | None) -> tuple[pa.Array, pa.Array]:
    """Whether what stands beside a number fits its row's currency, and whether it is another's."""
    if marked is None:
        marked = pa.nulls(len(marks), pa.string())
    pairs = pc.binary_join_element_wise(marks, marked.fill_null(""), "\n").dictionary_encode()
    split = [pair.split("\n") for pair in pairs.dictionary.to_pylist()]
    fits = pa.array([_fits(mark, currency) for mark, currency in split], pa.bool_())
    others = pa.array([bool(currency) and _is_mark(mark) for mark, currency in split], pa.bool_())
    return fits.take(pairs.indices), pc.and_not(
        others.take(pairs.indices), fits.take(pairs.indices)
    )


def _fits(mark: str, currency: str) -> bool:
    """Whether a mark is none, or one of that currency: its code, its sign, or both.

    >>> [_fits(mark, "USD") for mark in ("", "$", "US$", "USD", "$USD", "€", "PCS")]
    [True, True, True, True, True, False, False]
    """
    sign = mark.replace(currency, "") if currency else mark
    return sign == "" or currency in currencies.MARKS.get(sign, ())


def _is_mark(mark: str) -> bool:
    """Whether a mark is the sign, the code, or both of any currency."""
    rest = mark
    for code in (mark[:3], mark[-3:]):
        if code in currencies.CODES:
            rest = mark.replace(code, "")
    return rest in currencies.MARKS or (rest == "" and mark != "")
