"""Batches written straight into the ledger and `staging`, for tests of check and curate."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from retention_ml import tables
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse

SOURCE = """\
title = "A shop for tests"
timezone = "UTC"
currency = "EUR"
available_after_hours = 24

[feeds.lines]
files = ["lines*.csv"]
table = "order_lines"
guests = true
repeated_keys = "number"

[feeds.lines.columns]
order_id = "order"
product_id = "product"
customer_id = "customer"
event_at = "time"
quantity = "quantity"
unit_price_cents = { column = "price", money = true }
line_amount_cents = { product_of = ["quantity", "price"], money = true }

[feeds.products]
files = ["products*.csv"]
table = "products"

[feeds.products.columns]
product_id = "product"
name = "name"
"""

_DEFAULTS: dict[str, Any] = {
    "occurrence": 1,
    "quantity": 1,
    "unit_price_cents": 1_000,
    "line_amount_cents": 1_000,
    "discount_cents": 0,
}
_KIND = {"orders": "purchase", "order_lines": "sale"}


def with_source(settings: Settings, folder: Path, text: str = SOURCE) -> Settings:
    """Settings that know the source `shop`, and its currency."""
    sources = folder / "sources"
    sources.mkdir(exist_ok=True)
    (sources / "shop.toml").write_text(text, encoding="utf-8")
    calendar = settings.calendar.model_copy(update={"currency": "EUR"})
    return settings.model_copy(update={"sources": sources, "calendar": calendar})


def at(day: str, hour: int = 12) -> datetime:
    """An instant in UTC on a day written as `2026-03-01`."""
    return datetime.fromisoformat(day).replace(hour=hour, tzinfo=UTC)


@dataclass(frozen=True)
class File:
    """A delivered file: its staged rows by table, rejects as (line, reason)."""

    rows: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    derived: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    rejects: Sequence[tuple[int, str]] = ()
    replay_of: int | None = None
    sha256: str | None = None
    feed: str = "lines"


def put(
    warehouse: Warehouse, *files: File, history: bool = False, status: str = "checked"
) -> tuple[int, list[int]]:
    """Write a batch that is ready for the next door; its id and those of its deliveries.

    Rows are numbered from line 2 on unless they name their `line_number`.
    """
    now = datetime(2026, 1, 1, tzinfo=UTC)
    deliveries: list[int] = []
    with warehouse.transaction() as transaction:
        batch_id = transaction.execute(
            "INSERT INTO raw.batches (source, is_history, status, created_at) "
            "VALUES ('shop', :history, :status, :now) RETURNING batch_id",
            history=history,
            status=status,
            now=now,
        )[0][0]
        for file in files:
            delivered = sum(map(len, file.rows.values())) + len(file.rejects)
            delivery_id = transaction.execute(
                "INSERT INTO raw.deliveries (batch_id, source, feed, file_name, file_sha256, "
                "size_bytes, mapping_sha256, is_history, replay_of, status, delivered_count, "
                "quarantined_count, landed_at) VALUES (:b, 'shop', :feed, 'lines.csv', "
                "coalesce(:sha, gen_random_uuid()::text), 1, 'm', :history, :replay, 'staged', "
                ":n, :q, :now) RETURNING delivery_id",
                b=batch_id,
                feed=file.feed,
                sha=file.sha256,
                history=history,
                replay=file.replay_of,
                n=delivered,
                q=len(file.rejects),
                now=now,
            )[0][0]
            deliveries.append(delivery_id)
            for is_derived, part in ((False, file.rows), (True, file.derived)):
                for name, rows in part.items():
                    if rows:
                        transaction.copy(
                            f"staging.{name}",
                            _staged(name, rows, batch_id, delivery_id, is_derived),
                        )
            for line, reason in file.rejects:
                transaction.change(
                    "INSERT INTO staging.rejects VALUES (:b, :d, :line, 'x;y', NULL, :reason)",
                    b=batch_id,
                    d=delivery_id,
                    line=line,
                    reason=reason,
                )
    return batch_id, deliveries


def _staged(
    name: str, rows: Sequence[Mapping[str, Any]], batch_id: int, delivery_id: int, is_derived: bool
) -> pa.Table:
    entry = tables.CANONICAL[name]
    full = [
        {
            column.name: row.get(
                column.name,
                _KIND.get(name) if column.name == "kind" else _DEFAULTS.get(column.name),
            )
            for column in entry
        }
        for row in rows
    ]
    staged = [
        {
            **values,
            "source": "shop",
            "row_key": _hash([*_key_begins(name), *(values[key] for key in entry.key)]),
            "content_hash": _hash(list(values.values())),
            "batch_id": batch_id,
            "delivery_id": delivery_id,
            "line_number": row.get("line_number", number),
            "is_derived": is_derived,
        }
        for number, (row, values) in enumerate(zip(rows, full, strict=True), start=2)
    ]
    return pa.Table.from_pylist(staged, schema=entry.arrow_schema(tables.STAGED))


def _key_begins(name: str) -> list[str]:
    return [] if name in ("customers", "products") else ["shop"]


def _hash(values: Sequence[Any]) -> bytes:
    """As `casting.keys` has the engine compute it."""
    text = "".join(
        "-"
        if value is None
        else f"{len(value)}:{value}"
        if isinstance(value, str)
        else f"{round(value.timestamp()) * 1_000_000};"
        if isinstance(value, datetime)
        else f"{value};"
        for value in values
    )
    return hashlib.md5(text.encode()).digest()


def ledger(warehouse: Warehouse, delivery_id: int) -> tuple[str, int, int, int, int, int]:
    """Status, delivered, accepted, quarantined, duplicate and corrected counts of a delivery."""
    with warehouse.transaction() as transaction:
        row = transaction.execute(
            "SELECT status, delivered_count, accepted_count, quarantined_count, duplicate_count, "
            "corrected_count FROM raw.deliveries WHERE delivery_id = :d",
            d=delivery_id,
        )[0]
    return tuple(row)


def content(warehouse: Warehouse, schema: str = "curated") -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every canonical table, sorted: to see whether anything changed."""
    rows_by_table: dict[str, list[tuple[Any, ...]]] = {}
    with warehouse.transaction() as transaction:
        for name in tables.CANONICAL:
            rows = transaction.execute(f"SELECT * FROM {schema}.{name}")
            rows_by_table[name] = sorted((tuple(row) for row in rows), key=repr)
    return rows_by_table
