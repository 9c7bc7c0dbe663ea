"""Small shops written straight into `curated`, for tests of the stages behind ingestion."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from retention_ml import tables
from retention_ml.curated.statistics import analyze_changed
from retention_ml.warehouse import Warehouse

_DEFAULTS: dict[str, Any] = {
    "occurrence": 1,
    "kind": "sale",
    "quantity": 1,
    "unit_price_cents": 1_000,
    "line_amount_cents": 1_000,
    "discount_cents": 0,
    "is_derived": False,
    "source": "test",
}


def at(day: str, hour: int = 12) -> datetime:
    """An instant in UTC on a day written as `2026-03-01`."""
    return datetime.fromisoformat(day).replace(hour=hour, tzinfo=UTC)


def delivery(
    warehouse: Warehouse, *, history: bool = True, loaded_at: datetime | None = None
) -> int:
    """A new accepted delivery in the ledger; its id."""
    loaded = loaded_at or datetime(2026, 1, 1, tzinfo=UTC)
    with warehouse.transaction() as transaction:
        batch = transaction.execute(
            "INSERT INTO raw.batches (source, is_history, status, created_at) "
            "VALUES ('test', :history, 'curated', :at) RETURNING batch_id",
            history=history,
            at=loaded,
        )[0][0]
        inserted = transaction.execute(
            "INSERT INTO raw.deliveries (batch_id, source, feed, file_name, file_sha256, size_bytes,"
            " mapping_sha256, is_history, status, landed_at, loaded_at) VALUES (:batch, 'test', "
            "'test', 'test.csv', gen_random_uuid()::text, 0, '', :history, 'accepted', :at, :at) "
            "RETURNING delivery_id",
            batch=batch,
            history=history,
            at=loaded,
        )
    return int(inserted[0][0])


def fill(
    warehouse: Warehouse,
    table: str,
    rows: Sequence[Mapping[str, Any]] | pa.Table,
    *,
    delivery_id: int | None = None,
    available_at: datetime | None = None,
    loaded_at: datetime | None = None,
) -> int:
    """Write rows into `curated.<table>` under one delivery; its id.

    Columns left out take plain defaults; `available_at` defaults to each row's `event_at`, and a
    `source` may be named.
    A row whose business key is current already replaces that version. Many rows are looked at by
    Postgres, as those of a batch are.
    """
    loaded = loaded_at or datetime(2026, 1, 1, tzinfo=UTC)
    identity = delivery_id or delivery(warehouse, loaded_at=loaded)
    entry = tables.CANONICAL[table]
    table_rows = (
        rows if isinstance(rows, pa.Table) else pa.Table.from_pylist([dict(r) for r in rows])
    )
    n = table_rows.num_rows
    columns: dict[str, pa.Array] = {}
    for field in entry.arrow_schema():
        if field.name in table_rows.column_names:
            columns[field.name] = table_rows[field.name].cast(field.type)
        elif field.name in _DEFAULTS and (table, field.name) != ("orders", "kind"):
            columns[field.name] = pa.array([_DEFAULTS[field.name]] * n, field.type)
        elif (table, field.name) == ("orders", "kind"):
            columns[field.name] = pa.array(["purchase"] * n)
        else:
            columns[field.name] = pa.nulls(n, field.type)
    key_values = list(zip(*(columns[name].to_pylist() for name in entry.key), strict=True))
    all_values = list(zip(*(column.to_pylist() for column in columns.values()), strict=True))
    stamp = pa.timestamp("us", tz="UTC")
    event_at = columns.get("event_at")
    known_from = (
        pa.array([available_at or loaded] * n, stamp)
        if available_at or event_at is None
        else event_at
    )
    lineage = {
        "source": table_rows["source"].cast(pa.string())
        if "source" in table_rows.column_names
        else pa.array(["test"] * n),
        "row_key": pa.array([_digest(values) for values in key_values], pa.binary()),
        "content_hash": pa.array([_digest(values) for values in all_values], pa.binary()),
        "delivery_id": pa.array([identity] * n, pa.int64()),
        "line_number": pa.array(range(1, n + 1), pa.int64()),
        "loaded_at": pa.array([loaded] * n, stamp),
        "available_at": known_from,
    }
    with warehouse.transaction() as transaction:
        transaction.execute(
            "CREATE TEMP TABLE incoming (row_key bytea, available_at timestamptz) ON COMMIT DROP"
        )
        transaction.copy(
            "incoming",
            pa.table({"row_key": lineage["row_key"], "available_at": lineage["available_at"]}),
        )
        transaction.execute(
            f"UPDATE curated.{table} AS old SET superseded_at = new.available_at, "
            "superseded_by = :delivery FROM incoming AS new "
            "WHERE old.row_key = new.row_key AND old.superseded_at IS NULL",
            delivery=identity,
        )
        transaction.copy(f"curated.{table}", pa.table({**columns, **lineage}))
        analyze_changed(transaction, {table: n})
    return identity


def _digest(values: object) -> bytes:
    return hashlib.md5(repr(values).encode()).digest()


@dataclass(frozen=True, slots=True)
class RandomShop:
    """What `random_shop` wrote."""

    first_day: date
    last_day: date
    orders_count: int


def random_shop(
    warehouse: Warehouse,
    *,
    customers: int = 300,
    days: int = 400,
    seed: int = 1,
    first_day: date = date(2024, 1, 1),
) -> RandomShop:
    """A shop in which customers differ in how often they buy and some leave for good.

    Writes orders, order lines, products, and view/cart events before orders.
    """
    draw = np.random.default_rng(seed)
    start = datetime(first_day.year, first_day.month, first_day.day, tzinfo=UTC)
    rate = draw.gamma(1.5, 1 / 30, customers)
    born = draw.uniform(0, days * 0.6, customers)
    life = draw.exponential(days * 0.5, customers)
    who, when = [], []
    for customer in range(customers):
        t, end = born[customer], min(days, born[customer] + life[customer])
        while t < end:
            who.append(customer)
            when.append(t)
            t += draw.exponential(1 / rate[customer])
    order = np.argsort(when)
    who_at, when_at = np.array(who)[order], np.array(when)[order]
    n = len(who_at)
    moments = [start + timedelta(seconds=int(t * 86_400)) for t in when_at]
    stamp = pa.timestamp("us", tz="UTC")
    ids = [f"o{i:06d}" for i in range(n)]
    names = [f"c{c:05d}" for c in who_at]
    returned = draw.random(n) < 0.04
    fill(
        warehouse,
        "orders",
        pa.table(
            {
                "order_id": ids,
                "customer_id": names,
                "event_at": pa.array(moments, stamp),
                "kind": np.where(returned, "return", "purchase").tolist(),
            }
        ),
    )
    lines = draw.integers(1, 5, n)
    of = np.repeat(np.arange(n), lines)
    product = draw.integers(0, 60, len(of))
    quantity = np.where(returned[of], -1, draw.integers(1, 4, len(of)))
    price = 100 + 50 * product
    fill(
        warehouse,
        "order_lines",
        pa.table(
            {
                "order_id": [ids[i] for i in of],
                "product_id": [f"p{p:03d}" for p in product],
                "occurrence": pa.array(np.arange(len(of)) + 1, pa.int64()),
                "customer_id": [names[i] for i in of],
                "event_at": pa.array([moments[i] for i in of], stamp),
                "kind": np.where(returned[of], "return", "sale").tolist(),
                "quantity": pa.array(quantity, pa.int64()),
                "unit_price_cents": pa.array(price, pa.int64()),
                "line_amount_cents": pa.array(price * quantity, pa.int64()),
                "discount_cents": pa.array(draw.integers(0, 2, len(of)) * 30, pa.int64()),
            }
        ),
    )
    fill(
        warehouse,
        "products",
        [
            {"product_id": f"p{p:03d}", "name": f"Product {p}", "category": f"shelf {p % 6}"}
            for p in range(60)
        ],
    )
    views = draw.integers(0, 6, n)
    viewer = np.repeat(np.arange(n), views)
    back = draw.uniform(0, 3 * 86_400, len(viewer)).astype(int)
    fill(
        warehouse,
        "events",
        pa.table(
            {
                "customer_id": [names[i] for i in viewer],
                "event_at": pa.array(
                    [
                        moments[i] - timedelta(seconds=int(b))
                        for i, b in zip(viewer, back, strict=True)
                    ],
                    stamp,
                ),
                "event_type": np.where(draw.random(len(viewer)) < 0.2, "cart", "view").tolist(),
                "product_id": [f"p{p:03d}" for p in draw.integers(0, 60, len(viewer))],
                "session_id": [f"s{i:07d}" for i in range(len(viewer))],
            }
        ),
    )
    return RandomShop(first_day, first_day + timedelta(days=days), n)
