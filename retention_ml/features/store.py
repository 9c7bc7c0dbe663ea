"""`features.customer_daily`: its columns follow the catalogue, its days are replaced as a whole."""

import hashlib
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

import ibis
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from retention_ml.errors import NotReady
from retention_ml.features.catalogue import CATALOGUE, FEATURE_NAMES
from retention_ml.warehouse import Transaction, Warehouse

TABLE = "features.customer_daily"
_NEWEST_ROWS_MAX = 2_000
_ORDER = [("as_of", "ascending"), ("customer_id", "ascending")]


def read(
    warehouse: Warehouse,
    days: Sequence[date],
    some: Callable[[ibis.Table], ibis.Table] = lambda rows: rows,
) -> pa.Table:
    """The stored features of some days, ordered by day and customer.

    `some` chooses among the rows, in the database.

    Returns
    -------
    pyarrow.Table
        `as_of` date32, `customer_id` string, then every feature of the catalogue in its order,
        float64 with nulls where missing (never NaN or infinite).

    Raises
    ------
    NotReady
        If a day has not been built.
    """
    missing = sorted(set(days) - built_days(warehouse))
    if missing:
        raise NotReady(
            f"The features of {missing[0]} are not built ({len(missing)} of the {len(set(days))} "
            f"days asked for are missing). Run `retention build-features --as-of {missing[0]}`."
        )
    # By name: a column that somebody added to the table is none of the catalogue's.
    names = ["as_of", "customer_id", *FEATURE_NAMES]
    return warehouse.read(some(rows_of(days))).select(names).sort_by(_ORDER)


def rows_of(days: Sequence[date]) -> ibis.Table:
    """The stored rows of some days, as an unbound expression."""
    columns = {"as_of": "date", "customer_id": "string", **dict.fromkeys(FEATURE_NAMES, "float64")}
    stored = ibis.table(columns, name="customer_daily", database="features")
    return stored.filter(stored.as_of.isin(sorted(set(days))))


def built_days(warehouse: Warehouse) -> set[date]:
    """The days for which a build is recorded."""
    return set(warehouse.read("SELECT DISTINCT as_of FROM features.builds")["as_of"].to_pylist())


def newest_build(transaction: Transaction, as_of: date) -> Any:
    """`features_digest` and `newest_input_at` of the day's newest build, None without one."""
    builds = transaction.execute(
        "SELECT features_digest, newest_input_at FROM features.builds WHERE as_of = :as_of "
        "ORDER BY build_id DESC LIMIT 1",
        as_of=as_of,
    )
    return builds[0] if builds else None


def digest(rows: pa.Table) -> str:
    """SHA-256 of one day's features, whatever the order of rows and columns.

    Every value enters as its exact 64 bits (minus zero as zero), missing ones apart. Engines
    agree bit by bit (see `families.arithmetic`), so the digest names the values, not the engine.
    """
    rows = rows.sort_by([("customer_id", "ascending")])
    sha256 = hashlib.sha256("\n".join(rows["customer_id"].to_pylist()).encode())
    for name in sorted(FEATURE_NAMES):
        column = rows[name].combine_chunks()
        values = pc.fill_null(column, 0.0).to_numpy(zero_copy_only=False) + 0.0
        sha256.update(name.encode())
        sha256.update(np.packbits(column.is_valid().to_numpy(zero_copy_only=False)).tobytes())
        sha256.update(values.astype("<f8").tobytes())
    return sha256.hexdigest()


def ensure_columns(warehouse: Warehouse) -> None:
    """Add the columns of the catalogue that the table lacks, with their meaning as comment."""
    existing = set(
        warehouse.read(
            "SELECT column_name FROM information_schema.columns "
            "WHERE table_schema = 'features' AND table_name = 'customer_daily'"
        )["column_name"].to_pylist()
    )
    missing = [feature for feature in CATALOGUE if feature.name not in existing]
    if not missing:
        return
    with warehouse.transaction() as transaction:
        for feature in missing:
            transaction.execute(
                f"ALTER TABLE {TABLE} ADD COLUMN IF NOT EXISTS {feature.name} double precision"
            )
            meaning = feature.meaning.replace("'", "''").replace(":", "\\:")
            transaction.execute(f"COMMENT ON COLUMN {TABLE}.{feature.name} IS '{meaning}'")


def replace_day(transaction: Transaction, as_of: date, rows: pa.Table) -> int:
    """Put the rows of a day in place of what was stored for it; how many there are."""
    transaction.lock(f"{TABLE} {as_of}")
    remove_day(transaction, as_of)
    return transaction.copy(TABLE, rows.select(["as_of", "customer_id", *FEATURE_NAMES]))


def remove_day(transaction: Transaction, as_of: date) -> None:
    """Take a day out of the store."""
    transaction.execute(f"DELETE FROM {TABLE} WHERE as_of = :day", day=as_of)


def newest_rows(warehouse: Warehouse, features: tuple[str, ...]) -> tuple[date | None, pa.Table]:
    """The newest day with features, and those of up to 2,000 of its customers, without their ids."""
    days = built_days(warehouse)
    if not days:
        return None, pa.table({name: pa.array([], pa.float64()) for name in features})
    ensure_columns(warehouse)
    newest = max(days)
    some: ibis.Table = rows_of([newest]).order_by("customer_id").limit(_NEWEST_ROWS_MAX)
    return newest, warehouse.read(some.select(*features))
