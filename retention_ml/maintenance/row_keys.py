"""Row keys and content hashes as Postgres computes them, equal to those of `casting.keys`."""

from retention_ml import tables
from retention_ml.deliveries.casting.keys import names_source


def row_key_sql(entry: tables.Table, customer_id: str) -> str:
    """The key of a row `stored`, as an expression; `customer_id` is another one's for its customer."""
    parts = [_shown(entry.column(name), customer_id) for name in entry.key]
    if names_source(entry):
        parts = [_text("stored.source"), *parts]
    return _md5(parts)


def content_hash_sql(entry: tables.Table, customer_id: str) -> str:
    """The hash of all that a row `stored` says."""
    parts = [_shown(column, customer_id) for column in entry if not column.is_later]
    for column in entry:
        if column.is_later:
            value = _value(column, customer_id)
            parts.append(f"coalesce('{column.name}=' || {value} || ';', '')")
    return _md5(parts)


def _shown(column: tables.Column, customer_id: str) -> str:
    value = _value(column, customer_id)
    return _text(value) if column.type == "text" else f"coalesce({value} || ';', '-')"


def _text(value: str) -> str:
    return f"coalesce(length({value}) || ':' || {value}, '-')"


def _value(column: tables.Column, customer_id: str) -> str:
    """A value as text, written as DuckDB writes it."""
    if column.name == "customer_id":
        return customer_id
    stored = f"stored.{column.name}"
    if column.type == "timestamp":
        return f"CAST(CAST(extract(epoch FROM {stored}) * 1000000 AS bigint) AS text)"
    if column.type == "float64":
        whole = f"CAST({stored} AS text) ~ '^-?[0-9]+$'"
        return f"CAST({stored} AS text) || CASE WHEN {whole} THEN '.0' ELSE '' END"
    return stored if column.type == "text" else f"CAST({stored} AS text)"


def _md5(parts: list[str]) -> str:
    return f"decode(md5({' || '.join(parts)}), 'hex')"
