"""`features.customer_daily`: its columns follow the catalogue, its days are replaced as a whole.

The rows of a day and the record of their build are written in one transaction, and read in one.
"""

import hashlib
import logging
from collections.abc import Callable, Collection, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import ibis
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from retention_ml.errors import AccountingError, NotReady
from retention_ml.features.cache import day_files, origin
from retention_ml.features.catalogue import CATALOGUE, FEATURE_NAMES
from retention_ml.warehouse import Transaction, Warehouse

logger = logging.getLogger(__name__)

TABLE = "features.customer_daily"
_NEWEST_ROWS_MAX = 2_000
_KEY = ("as_of", "customer_id")
_NEWEST_DIGESTS = (
    "SELECT DISTINCT ON (as_of) as_of, features_digest FROM features.builds "
    "ORDER BY as_of, build_id DESC"
)
_COLUMNS = (
    "SELECT column_name FROM information_schema.columns "
    "WHERE table_schema || '.' || table_name = '{table}'"
)

Read = Callable[[ibis.Table | str], pa.Table]
Choice = Callable[[ibis.Table], ibis.Table]


def read(warehouse: Warehouse, days: Sequence[date], some: Choice | None = None) -> pa.Table:
    """The stored features of some days, ordered by day and customer.

    `some` chooses among the rows, in the database. Without it the rows are compared with the
    digests that were recorded for them.

    Returns
    -------
    pyarrow.Table
        `as_of` date32, `customer_id` string, then every feature of the catalogue in its order,
        float64 with nulls where missing (never NaN or infinite).

    Raises
    ------
    NotReady
        If a day has not been built.
    AccountingError
        If the rows of a day are not those of its build.
    """
    with warehouse.snapshot() as select:
        digests = _require_built(select, days)
        stored = rows_of(days)
        rows = ordered(select(stored if some is None else some(stored)))
    if some is None:
        _require_recorded(rows, digests)
    return rows


def read_day(warehouse: Warehouse, as_of: date, cache: Path | None = None) -> tuple[pa.Table, str]:
    """The stored features of a day as `read` returns them, and the digest recorded for them.

    In the folder `cache` they are looked for first, and kept if they are not there.
    """
    with warehouse.snapshot() as select:
        digests = _require_built(select, [as_of])
        expected = digests[as_of]
        stated = origin.read_origin(select, "days")
        cached = None if cache is None else _cached_day(cache, as_of, expected, stated)
        rows = ordered(select(rows_of([as_of]))) if cached is None else cached
    if cached is None:
        _require_recorded(rows, digests)
        if cache is not None:
            day_files.write_day(cache, as_of, rows, features_digest=expected, origin=stated)
    return rows, expected


def _cached_day(cache: Path, as_of: date, expected: str, stated: origin.Origin) -> pa.Table | None:
    """The rows of a day's file where they are those that the build recorded."""
    rows = day_files.read_day(cache, as_of, features_digest=expected, origin=stated)
    if rows is None:
        return None
    if rows.column_names == [*_KEY, *FEATURE_NAMES] and digest(rows) == expected:
        return rows
    logger.info(
        "The file of the features of %s is made anew from Postgres: its values are not those that "
        "the build recorded.",
        as_of,
    )
    return None


def changed_days(warehouse: Warehouse, days: Collection[date]) -> set[date]:
    """Those of some built days whose stored rows are not those that their build recorded.

    Days are read one after the other: about a second for 100,000 customers.
    """
    changed = set()
    for day in days:
        try:
            read_day(warehouse, day)
        except AccountingError:
            changed.add(day)
    return changed


def read_customer(warehouse: Warehouse, as_of: date, customer_id: str) -> tuple[pa.Table, str]:
    """The features of one customer on a day, and the digest recorded for all rows of the day.

    No row where there is none. Features that the table does not have are missing.

    Raises
    ------
    NotReady
        If the day has not been built.
    """
    with warehouse.snapshot() as select:
        digests = _require_built(select, [as_of])
        stored = rows_of([as_of])
        rows = _select(select, stored.filter(stored.customer_id == customer_id), FEATURE_NAMES)
    return rows, digests[as_of]


def newest_rows(warehouse: Warehouse, features: tuple[str, ...]) -> tuple[date | None, pa.Table]:
    """The newest day with features, and those of up to 2,000 of its customers, without their ids."""
    with warehouse.snapshot() as select:
        days = select(_NEWEST_DIGESTS)["as_of"].to_pylist()
        if not days:
            return None, pa.table({name: pa.array([], pa.float64()) for name in features})
        some: ibis.Table = rows_of([days[-1]]).order_by("customer_id").limit(_NEWEST_ROWS_MAX)
        return days[-1], _select(select, some, features)


def rows_of(days: Sequence[date], table: str = TABLE) -> ibis.Table:
    """The stored rows of some days, as an unbound expression."""
    columns = {"as_of": "date", "customer_id": "string", **dict.fromkeys(FEATURE_NAMES, "float64")}
    database, name = table.split(".")
    stored = ibis.table(columns, name=name, database=database)
    return stored.filter(stored.as_of.isin(sorted(set(days))))


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
    rows = _sorted(rows, ["customer_id"])
    sha256 = hashlib.sha256("\n".join(rows["customer_id"].to_pylist()).encode())
    for name in sorted(FEATURE_NAMES):
        column = rows[name].combine_chunks()
        values = pc.fill_null(column, 0.0).to_numpy(zero_copy_only=False) + 0.0
        sha256.update(name.encode())
        sha256.update(np.packbits(column.is_valid().to_numpy(zero_copy_only=False)).tobytes())
        sha256.update(values.astype("<f8").tobytes())
    return sha256.hexdigest()


def ensure_columns(warehouse: Warehouse, table: str = TABLE) -> None:
    """Add the columns of the catalogue that a table lacks, with their meaning as comment."""
    existing = set(warehouse.read(_COLUMNS.format(table=table))["column_name"].to_pylist())
    missing = [feature for feature in CATALOGUE if feature.name not in existing]
    if not missing:
        return
    with warehouse.transaction() as transaction:
        for feature in missing:
            transaction.execute(
                f"ALTER TABLE {table} ADD COLUMN IF NOT EXISTS {feature.name} double precision"
            )
            meaning = feature.meaning.replace("'", "''").replace(":", "\\:")
            transaction.execute(f"COMMENT ON COLUMN {table}.{feature.name} IS '{meaning}'")


def replace_day(transaction: Transaction, as_of: date, rows: pa.Table, table: str = TABLE) -> int:
    """Put the rows of a day in place of what was stored for it; how many there are.

    Until the transaction ends, nobody else replaces that day.
    """
    transaction.lock(f"{table} {as_of}")
    origin.write_as_door(transaction, "days")
    transaction.execute(f"DELETE FROM {table} WHERE as_of = :day", day=as_of)
    return transaction.copy(table, rows.select([*_KEY, *FEATURE_NAMES]))


def _require_built(select: Read, days: Collection[date]) -> dict[date, str]:
    """By day, the digest that its newest build recorded."""
    digests: dict[date, str] = dict(zip(*select(_NEWEST_DIGESTS).to_pydict().values(), strict=True))
    missing = sorted(set(days) - digests.keys())
    if missing:
        raise NotReady(
            f"The features of {missing[0]} are not built ({len(missing)} of the {len(set(days))} "
            f"days asked for are missing). Run `retention build-features --as-of {missing[0]}`."
        )
    return {day: digests[day] for day in days}


def _require_recorded(rows: pa.Table, digests: dict[date, str]) -> None:
    for day, expected in sorted(digests.items()):
        if digest(rows.filter(pc.field("as_of") == pa.scalar(day))) != expected:
            raise AccountingError(
                f"The stored features of {day} are not those that their build recorded: rows were "
                "changed by hand, or another version of the library built them. They are not used. "
                f"Run `retention build-features --as-of {day}`, then what stopped here."
            )


def ordered(rows: pa.Table) -> pa.Table:
    """Stored rows by day and customer, with the columns of the catalogue in its order."""
    # By name: a column that somebody added to the table is none of the catalogue's.
    # In one piece: what follows reads column by column.
    return _sorted(rows.select([*_KEY, *FEATURE_NAMES]).combine_chunks(), _KEY)


def _sorted(rows: pa.Table, key: Sequence[str]) -> pa.Table:
    """The rows in ascending order of a key; the table itself where they are, as a rule."""
    if rows.num_rows < 2:
        return rows
    before, after = rows.slice(0, rows.num_rows - 1), rows.slice(1)
    is_less, is_equal = pa.scalar(False), pa.scalar(True)
    for name in key:
        is_less = pc.or_(is_less, pc.and_(is_equal, pc.less(before[name], after[name])))
        is_equal = pc.and_(is_equal, pc.equal(before[name], after[name]))
    if pc.all(pc.or_(is_less, is_equal)).as_py():
        return rows
    return rows.sort_by([(name, "ascending") for name in key])


def _select(select: Read, rows: ibis.Table, features: Sequence[str]) -> pa.Table:
    """Features of some rows; those that the table does not have yet are missing."""
    existing = set(select(_COLUMNS.format(table=TABLE))["column_name"].to_pylist())
    stored = select(rows.select(*_KEY, *(name for name in features if name in existing)))
    nothing = pa.nulls(stored.num_rows, pa.float64())
    return pa.table({name: stored[name] if name in existing else nothing for name in features})
