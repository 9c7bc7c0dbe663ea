"""Features and what they are counted against, computed by DuckDB from the cached rollups."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass

import duckdb
import ibis
import pyarrow as pa
import pyarrow.compute as pc

from retention_ml.features.assemble import customer_daily, customer_sampled
from retention_ml.features.cache.rollup_cache import NEWEST_EVENT, CachedRollups
from retention_ml.features.cache.sql_files import cached_sql
from retention_ml.features.inputs import (
    LONGEST_PRODUCT_WINDOW_DAYS,
    ORDERS_DAY,
    registered_inputs,
)
from retention_ml.features.rollups import COUNTERS
from retention_ml.limits import Limits, connect_duckdb

_COLUMNS = ", ".join(("customer_id", "event_day", "known_from_day", "rollup_id", *COUNTERS))
# All rows of those who may be active: the other customers need not be summed at all.
_VIEWS = """
CREATE TEMP VIEW every_day AS SELECT * FROM read_parquet({customer_day})
WHERE known_from_day <= {last} AND rollup_id <= {newest} AND event_day < {last};
CREATE TEMP TABLE ordered AS SELECT DISTINCT customer_id FROM every_day
WHERE orders_count <> 0 AND event_day >= {first} - {active_days};
CREATE TEMP VIEW customer_day AS SELECT {columns} FROM every_day SEMI JOIN ordered
USING (customer_id);
CREATE TEMP VIEW customer_product_day AS SELECT * FROM read_parquet({customer_product_day})
WHERE known_from_day <= {last} AND rollup_id <= {newest} AND event_day < {last}
AND event_day >= {first} - {product_days};
CREATE TEMP VIEW product_category AS SELECT * FROM read_parquet({product_category})
WHERE known_from_day <= {last} AND rollup_id <= {newest};
"""
# The rows of the chosen alone are wide; who is active is asked of everybody in a few columns.
_OF_CHOSEN = """
CREATE OR REPLACE TEMP VIEW customer_day AS SELECT {columns} FROM every_day SEMI JOIN chosen
USING (customer_id);
CREATE TEMP VIEW orders_day AS SELECT customer_id, event_day, known_from_day, orders_count
FROM every_day WHERE orders_count <> 0 AND event_day >= (SELECT min(as_of_day) FROM days) - {active_days};
"""
_SUMMARIES = """
SELECT as_of_day, sum(CASE WHEN orders > 0 THEN 1 ELSE 0 END)::BIGINT AS customers_count,
max(newest_event_us)::BIGINT AS newest_event_us FROM (
    SELECT as_of_day, customer_id, max({newest_event}) AS newest_event_us,
    sum(CASE WHEN event_day >= as_of_day - {active_days} THEN orders_count ELSE 0 END) AS orders
    FROM days CROSS JOIN every_day WHERE event_day < as_of_day AND known_from_day <= as_of_day
    GROUP BY ALL
) GROUP BY as_of_day
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A DuckDB whose tables are the rollups of some days, with numbers for ids."""

    connection: duckdb.DuckDBPyConnection
    rollups: CachedRollups


@contextmanager
def opened(
    rollups: CachedRollups,
    *,
    days: Sequence[int],
    active_days: int,
    newest_rollup_id: int,
    limits: Limits,
) -> Iterator[Opened]:
    """The rollups of some days, in a DuckDB that ends with the block."""
    with closing(connect_duckdb(limits)) as connection:
        connection.register("days", pa.table({"as_of_day": pa.array(days, pa.int64())}))
        connection.execute(
            _VIEWS.format(
                **{
                    table: rollups.files(table)
                    for table in ("customer_day", "customer_product_day", "product_category")
                },
                columns=_COLUMNS,
                first=min(days),
                last=max(days),
                newest=newest_rollup_id,
                active_days=active_days,
                product_days=LONGEST_PRODUCT_WINDOW_DAYS,
            )
        )
        yield Opened(connection=connection, rollups=rollups)


def features(files: Opened, active_days: int) -> pa.Table:
    """The rows of `assemble.customer_daily` for the days that were opened."""
    sql = cached_sql(
        files.rollups.folder.parent / "sql",
        f"customer_daily_{active_days}",
        lambda: _numbered_sql(active_days),
    )
    rows = files.connection.sql(sql).to_arrow_table()
    ids = files.rollups.ids("customer_id").take(rows["customer_id"].combine_chunks())
    return rows.set_column(rows.column_names.index("customer_id"), "customer_id", ids)


def features_of(files: Opened, active_days: int, customer_ids: pa.StringArray) -> pa.Table:
    """The rows of `features` of some customers; of those who are active."""
    everybody = files.rollups.ids("customer_id")
    numbers = pc.drop_null(pc.index_in(customer_ids, value_set=everybody)).cast(pa.int64())
    files.connection.register("chosen", pa.table({"customer_id": numbers}))
    files.connection.execute(_OF_CHOSEN.format(columns=_COLUMNS, active_days=active_days))
    sql = cached_sql(
        files.rollups.folder.parent / "sql",
        f"customer_sampled_{active_days}",
        lambda: _numbered_sampled_sql(active_days),
    )
    rows = files.connection.sql(sql).to_arrow_table()
    ids = everybody.take(rows["customer_id"].combine_chunks())
    return rows.set_column(rows.column_names.index("customer_id"), "customer_id", ids)


def summaries(files: Opened, active_days: int) -> pa.Table:
    """The rows of `freshness.input_summaries`."""
    sql = _SUMMARIES.format(newest_event=NEWEST_EVENT, active_days=active_days)
    rows = files.connection.sql(sql).to_arrow_table()
    newest = rows["newest_event_us"].cast(pa.timestamp("us", tz="UTC"))
    return rows.drop_columns(["newest_event_us"]).append_column("newest_input_at", newest)


def _numbered_sql(active_days: int) -> str:
    wide = customer_daily(registered_inputs("int64"), active_days=active_days)
    return str(ibis.to_sql(wide, dialect="duckdb"))


def _numbered_sampled_sql(active_days: int) -> str:
    chosen = ibis.table({"customer_id": "int64"}, name="chosen")
    wide = customer_sampled(
        registered_inputs("int64"),
        ibis.table(dict.fromkeys(ORDERS_DAY, "int64"), name="orders_day"),
        active_days=active_days,
        choose=lambda active: active.semi_join(chosen, "customer_id"),
    )
    return str(ibis.to_sql(wide, dialect="duckdb"))
