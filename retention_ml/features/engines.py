"""Where features are computed: in process by DuckDB, in Postgres, or by Spark; with equal results."""

from collections.abc import Sequence
from dataclasses import fields
from functools import lru_cache
from pathlib import Path

import duckdb
import ibis
import pyarrow as pa

from retention_ml.features.assemble import customer_daily
from retention_ml.features.cache import in_duckdb
from retention_ml.features.cache.rollup_cache import open_rollups
from retention_ml.features.freshness import input_summaries, require_kept
from retention_ml.features.inputs import Inputs, inputs_for, registered_inputs
from retention_ml.settings import Spark
from retention_ml.warehouse import Warehouse

ENGINES = ("duckdb", "postgres")

# The planner takes each as_of's rows for a handful and would join them row by row; every join
# here is of whole tables by equality, where hashing is right.
PLANNER = {"enable_nestloop": "off", "enable_mergejoin": "off", "work_mem": "'128MB'"}


def compute(
    warehouse: Warehouse,
    *,
    engine: str,
    days: Sequence[int],
    active_days: int,
    newest_rollup_id: int,
    threads: int,
    spark: Spark | None = None,
    cache: Path | None = None,
) -> pa.Table:
    """The rows of `assemble.customer_daily` for some days, from rollups up to a pass.

    The engine `duckdb` computes in this process, with so many `threads`, from the files in the
    folder `cache` (see `cache.rollup_cache`) or, without one, from rollups that it reads as Arrow;
    `postgres` has its own settings; `spark` reads exports, see `spark.compute`.

    Raises
    ------
    UsageError
        If Spark is asked for and is not installed.
    NotReady
        If all rollups were rebuilt since that pass.
    WarehouseError
        If the database does not answer.
    """
    inputs = inputs_for(days, newest_rollup_id)
    if engine == "postgres":
        rows = warehouse.read(customer_daily(inputs, active_days=active_days), planner=PLANNER)
        require_kept(warehouse.read, newest_rollup_id)
        return rows
    if engine == "spark":
        from retention_ml.features.spark.compute import compute_in_spark

        with warehouse.snapshot() as select:
            require_kept(select, newest_rollup_id)
            return compute_in_spark(
                select,
                inputs,
                days=days,
                active_days=active_days,
                spark=spark or Spark(),
                threads=threads,
            )
    if cache is not None:
        with warehouse.snapshot() as select:
            require_kept(select, newest_rollup_id)
            cached = open_rollups(select, cache)
        if cached is not None:
            with in_duckdb.opened(
                cached,
                days=days,
                active_days=active_days,
                newest_rollup_id=newest_rollup_id,
                threads=threads,
            ) as connection:
                return in_duckdb.features(connection, cached, active_days)
    connection = duckdb.connect(config={"threads": threads})
    try:
        connection.register("days", pa.table({"as_of_day": pa.array(days, pa.int64())}))
        with warehouse.snapshot() as select:
            require_kept(select, newest_rollup_id)
            for field in fields(Inputs):
                if field.name != "days":
                    connection.register(field.name, select(getattr(inputs, field.name)))
        return connection.sql(duckdb_sql(active_days)).to_arrow_table()
    finally:
        connection.close()


def summarize(
    warehouse: Warehouse,
    *,
    days: Sequence[int],
    active_days: int,
    newest_rollup_id: int,
    threads: int,
    cache: Path | None = None,
) -> pa.Table:
    """The rows of `freshness.input_summaries`, counted in Postgres or in the files of a cache.

    Raises
    ------
    NotReady
        If all rollups were rebuilt since that pass.
    """
    cached = None
    if cache is not None:
        with warehouse.snapshot() as select:
            require_kept(select, newest_rollup_id)
            cached = open_rollups(select, cache)
    if cached is None:
        rows = warehouse.read(input_summaries(days, active_days, newest_rollup_id))
        require_kept(warehouse.read, newest_rollup_id)
        return rows
    with in_duckdb.opened(
        cached,
        days=days,
        active_days=active_days,
        newest_rollup_id=newest_rollup_id,
        threads=threads,
    ) as connection:
        return in_duckdb.summaries(connection, active_days)


@lru_cache(maxsize=8)
def duckdb_sql(active_days: int) -> str:
    """The SQL of `assemble.customer_daily` over tables registered in DuckDB."""
    wide = customer_daily(registered_inputs(), active_days=active_days)
    return str(ibis.to_sql(wide, dialect="duckdb"))
