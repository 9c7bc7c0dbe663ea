"""Where features are computed: in process by DuckDB, in Postgres, or by Spark; with equal results."""

from collections.abc import Sequence
from dataclasses import fields
from functools import lru_cache

import duckdb
import ibis
import pyarrow as pa

from retention_ml.features.assemble import customer_daily
from retention_ml.features.freshness import require_kept
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
) -> pa.Table:
    """The rows of `assemble.customer_daily` for some days, from rollups up to a pass.

    The engine `duckdb` reads the rollups as Arrow and computes in this process, with so many
    `threads`; `postgres` has its own settings; `spark` reads exports, see `spark.compute`.

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


@lru_cache(maxsize=8)
def duckdb_sql(active_days: int) -> str:
    """The SQL of `assemble.customer_daily` over tables registered in DuckDB."""
    wide = customer_daily(registered_inputs(), active_days=active_days)
    return str(ibis.to_sql(wide, dialect="duckdb"))
