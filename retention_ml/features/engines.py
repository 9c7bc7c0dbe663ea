"""Where features are computed: in process by DuckDB, in Postgres, or by Spark; with equal results."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import fields
from functools import lru_cache
from pathlib import Path

import ibis
import pyarrow as pa

from retention_ml.features.assemble import customer_daily
from retention_ml.features.cache import in_duckdb
from retention_ml.features.cache.rollup_cache import open_rollups
from retention_ml.features.freshness import input_summaries, require_kept
from retention_ml.features.inputs import Inputs, inputs_for, registered_inputs
from retention_ml.limits import Limits, connect_duckdb, within
from retention_ml.settings import Spark
from retention_ml.warehouse import Warehouse

ENGINES = ("duckdb", "postgres")

# The planner takes each as_of's rows for a handful and would join them row by row; every join
# here is of whole tables by equality, where hashing is right.
PLANNER = {"enable_nestloop": "off", "enable_mergejoin": "off"}


def compute(
    warehouse: Warehouse,
    *,
    engine: str,
    days: Sequence[int],
    active_days: int,
    newest_rollup_id: int,
    limits: Limits,
    spark: Spark | None = None,
    cache: Path | None = None,
) -> pa.Table:
    """The rows of `assemble.customer_daily` for some days, from rollups up to a pass.

    The engine `duckdb` computes in this process, within `limits`, from the files in the
    folder `cache` (see `cache.rollup_cache`) or, without one, from rollups that it reads as Arrow;
    `postgres` has its own settings; `spark` reads exports, see `spark.compute`.

    Raises
    ------
    MachineError
        If they do not fit into the memory that they may use.
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
                threads=limits.threads,
            )
    with _from_files(
        warehouse, days, active_days, newest_rollup_id, limits=limits, cache=cache
    ) as files:
        if files is not None:
            return in_duckdb.features(files, active_days)
    with within(limits, _what(days)), closing(connect_duckdb(limits)) as connection:
        connection.register("days", pa.table({"as_of_day": pa.array(days, pa.int64())}))
        with warehouse.snapshot() as select:
            require_kept(select, newest_rollup_id)
            for field in fields(Inputs):
                if field.name != "days":
                    connection.register(field.name, select(getattr(inputs, field.name)))
        return connection.sql(duckdb_sql(active_days)).to_arrow_table()


def _what(days: Sequence[int]) -> str:
    return f"The features of {len(days)} days" if len(days) > 1 else "The features of a day"


def summarize(
    warehouse: Warehouse,
    *,
    days: Sequence[int],
    active_days: int,
    newest_rollup_id: int,
    limits: Limits,
    cache: Path | None = None,
) -> pa.Table:
    """The rows of `freshness.input_summaries`, counted in Postgres or in the files of a cache.

    Raises
    ------
    NotReady
        If all rollups were rebuilt since that pass.
    """
    with _from_files(
        warehouse, days, active_days, newest_rollup_id, limits=limits, cache=cache
    ) as files:
        if files is not None:
            return in_duckdb.summaries(files, active_days)
    rows = warehouse.read(input_summaries(days, active_days, newest_rollup_id))
    require_kept(warehouse.read, newest_rollup_id)
    return rows


@contextmanager
def _from_files(
    warehouse: Warehouse,
    days: Sequence[int],
    active_days: int,
    newest_rollup_id: int,
    *,
    limits: Limits,
    cache: Path | None,
) -> Iterator[in_duckdb.Opened | None]:
    """The rollups of some days in the files of a cache, None where there is none to be had."""
    cached = None
    if cache is not None:
        with warehouse.snapshot() as select:
            require_kept(select, newest_rollup_id)
            cached = open_rollups(select, cache)
    if cached is None:
        yield None
        return
    with (
        within(limits, _what(days)),
        in_duckdb.opened(
            cached,
            days=days,
            active_days=active_days,
            newest_rollup_id=newest_rollup_id,
            limits=limits,
        ) as files,
    ):
        yield files


@lru_cache(maxsize=8)
def duckdb_sql(active_days: int) -> str:
    """The SQL of `assemble.customer_daily` over tables registered in DuckDB."""
    wide = customer_daily(registered_inputs(), active_days=active_days)
    return str(ibis.to_sql(wide, dialect="duckdb"))
