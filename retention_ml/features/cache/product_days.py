"""Who bought which product on which day, from the files that hold the rollups."""

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from retention_ml.features.cache.rollup_cache import CachedRollups, open_rollups
from retention_ml.warehouse import Warehouse

_TABLE = "customer_product_day"
_COLUMNS = (
    "customer_id",
    "product_id",
    "event_day",
    "known_from_day",
    "lines_count",
    "pieces_count",
)


def read_product_days(warehouse: Warehouse, folder: Path, day: int) -> pa.Table | None:
    """The rows of the rollup of products that had happened and were known before a day.

    Out of Postgres they cost more than twice as much.

    Parameters
    ----------
    folder : Path
        Of the cached rollups; what is missing in it is made first.
    day : int
        Counted from 1970-01-01.

    Returns
    -------
    pa.Table or None
        `customer_id`, `product_id` (dictionaries), `event_day`, `known_from_day`, `lines_count`,
        `pieces_count`; None where the folder cannot be written.
    """
    with warehouse.snapshot() as select:
        rollups = open_rollups(select, folder)
    if rollups is None:
        return None
    rows = pa.concat_tables(
        _available(pq.read_table(path, columns=list(_COLUMNS)), day)
        for path in rollups.files(_TABLE)
    )
    for name in ("customer_id", "product_id"):
        rows = rows.set_column(rows.column_names.index(name), name, _named(rollups, rows, name))
    return rows


def _available(rows: pa.Table, day: int) -> pa.Table:
    return rows.filter(
        pc.and_(pc.less(rows["event_day"], day), pc.less_equal(rows["known_from_day"], day))
    )


def _named(rollups: CachedRollups, rows: pa.Table, name: str) -> pa.DictionaryArray:
    numbers = rows[name].combine_chunks().cast(pa.int32())
    return pa.DictionaryArray.from_arrays(numbers, rollups.ids(name))
