"""Row keys: which delivered rows are the same thing, and which have the same content.

Equal keys with equal content are duplicates; equal keys with other content are versions.
Lines of one order with the same product are distinguished by `occurrence`, numbered by content
so that a file delivered again in any order of rows gives the same keys.
"""

import operator
from collections.abc import Sequence
from functools import reduce

import ibis
import pyarrow as pa

from retention_ml import tables
from retention_ml.deliveries.casting.casts import DELIVERY
from retention_ml.deliveries.readers.chunks import LINE_NUMBER

_SHARED = frozenset({"customers", "products"})
FIRST_OCCURRENCE = "__first_occurrence"
PART = "__part"


@ibis.udf.scalar.builtin(name="md5")  # type: ignore[untyped-decorator]
def _md5(text: str) -> str: ...  # type: ignore[empty-body]


@ibis.udf.scalar.builtin(name="unhex")  # type: ignore[untyped-decorator]
def _unhex(text: str) -> bytes: ...  # type: ignore[empty-body]


def typed_table(entry: tables.Table, name: str, *extra: str) -> ibis.Table:
    """The unbound table of typed rows: times as int64 microseconds, no `occurrence` yet.

    `extra` are further columns of integers, such as `FIRST_OCCURRENCE` and `PART`.
    """
    columns = {
        column.name: "int64" if column.type == "timestamp" else tables.IBIS_TYPES[column.type]
        for column in entry
        if column.name != "occurrence"
    }
    numbers = dict.fromkeys((*extra, LINE_NUMBER, DELIVERY), "int64")
    return ibis.table({**columns, **numbers}, name=name)


def with_occurrence(entry: tables.Table, rows: ibis.Table, *, numbers_repeats: bool) -> ibis.Table:
    """The rows with `occurrence`, where the table has one.

    Repeats are numbered within one delivery by content, then by line; a column
    `FIRST_OCCURRENCE` (replayed rows) continues the count after the rows that are curated.
    """
    if "occurrence" not in {column.name for column in entry}:
        return rows
    if not numbers_repeats:
        return rows.mutate(occurrence=ibis.literal(1, type="int64"))
    content = [
        rows[column.name] for column in entry if column.name not in (*entry.key, "occurrence")
    ]
    window = ibis.window(
        group_by=[rows[DELIVERY], rows.order_id, rows.product_id],
        order_by=[*content, rows[LINE_NUMBER]],
    )
    occurrence = ibis.row_number().over(window) + 1
    if FIRST_OCCURRENCE in rows.columns:
        occurrence = occurrence + rows[FIRST_OCCURRENCE]
    return rows.mutate(occurrence=occurrence.cast("int64"))


def with_keys(entry: tables.Table, rows: ibis.Table, source: str) -> ibis.Table:
    """The rows with `row_key` and `content_hash`, 16 bytes each.

    The key of an order, a line, an event, a feedback, a contact or a permission begins with the
    source: two shops may number their orders alike. Customers and products are the same everywhere.
    """
    parts = [rows[name] for name in entry.key]
    if names_source(entry):
        parts = [ibis.literal(source), *parts]
    content = [rows[column.name] for column in entry if not column.is_later]
    later = [rows[column.name] for column in entry if column.is_later]
    return rows.mutate(row_key=_hash(parts), content_hash=_hash(content, later))


def names_source(entry: tables.Table) -> bool:
    """Whether the key of a row begins with its source."""
    return entry.name not in _SHARED


def superseded_rows(rows: ibis.Table) -> ibis.Table:
    """Line number and delivery of rows whose key comes again in their file with other content.

    Rows equal to the last one of their key stay: they are duplicates, not contradictions. Rows with
    a column `PART` are parts of rows, told apart by it and ordered by it within their row.
    """
    part = [PART] if PART in rows.columns else []
    window = ibis.window(
        group_by=[rows[DELIVERY], rows.row_key],
        order_by=[rows[LINE_NUMBER], *(rows[name] for name in part)],
        preceding=None,
        following=None,
    )
    last = rows.content_hash.last().over(window)
    return rows.mutate(__last=last).filter(lambda t: t["__last"] != t.content_hash)[
        [DELIVERY, LINE_NUMBER, *part]
    ]


def to_staging(
    rows: pa.Table, entry: tables.Table, *, source: str, batch_id: int, is_derived: bool
) -> pa.Table:
    """The keyed rows as `staging.<entry>` holds them: all columns, types and times."""
    n = rows.num_rows
    schema = entry.arrow_schema(tables.STAGED)
    constants = {"source": source, "batch_id": batch_id, "is_derived": is_derived}
    columns = {name: rows[name] for name in rows.column_names} | {
        "delivery_id": rows[DELIVERY],
        "line_number": rows[LINE_NUMBER],
        **{name: pa.repeat(value, n) for name, value in constants.items()},
    }
    return pa.table(
        [
            columns[field.name].cast(field.type)
            if field.name in columns
            else pa.nulls(n, field.type)
            for field in schema
        ],
        schema=schema,
    )


def _hash(values: list[ibis.Value], later: Sequence[ibis.Value] = ()) -> ibis.Value:
    """MD5 of the values; each is preceded by its length, so that no two lists look alike.

    What is `later` counts by name, and not at all where it is empty: rows that were delivered
    before there were such columns are the same rows when they are delivered again.
    """
    parts = []
    for value in values:
        shown = value.cast("string")
        is_text = value.type().is_string()
        shown = shown.length().cast("string") + ":" + shown if is_text else shown + ";"
        parts.append(shown.fill_null("-"))
    for value in later:
        shown = value.get_name() + "=" + value.cast("string") + ";"
        parts.append(shown.fill_null(""))
    return _unhex(_md5(reduce(operator.add, parts)))
