"""The features of some days by Spark, from exports of the rollups as Parquet."""

import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any
from uuid import uuid4

import ibis
import pyarrow as pa
import pyarrow.parquet as pq

from retention_ml.features.assemble import customer_daily
from retention_ml.features.inputs import Inputs, registered_inputs
from retention_ml.features.spark.session import session
from retention_ml.settings import Spark

_PARTS = 16  # files of an export: what executors read at a time


def compute_in_spark(
    select: Callable[[ibis.Table | str], pa.Table],
    inputs: Inputs,
    *,
    days: Sequence[int],
    active_days: int,
    spark: Spark,
    threads: int,
) -> pa.Table:
    """The rows of `assemble.customer_daily`, as `engines.compute` returns them.

    Parameters
    ----------
    select : callable
        Reads an expression from the warehouse, all in one snapshot.
    inputs : Inputs
        What to read.
    spark : Spark
        What is exported to its `folder` is removed afterwards.
    """
    engine = session(spark, threads=threads)
    exchange = Path(spark.folder or tempfile.gettempdir()) / f"retention-spark-{uuid4().hex}"
    try:
        for field in fields(Inputs):
            if field.name == "days":
                rows = pa.table({"as_of_day": pa.array(days, pa.int64())})
            else:
                rows = select(getattr(inputs, field.name))
            path = _exported(rows, exchange / field.name)
            engine.read.parquet(path.as_uri()).createOrReplaceTempView(field.name)
            del rows
        wide = customer_daily(registered_inputs(), active_days=active_days)
        result = exchange / "result"
        engine.sql(_spark_sql(engine, wide)).write.parquet(result.as_uri())
        return _as_declared(pq.read_table(result))
    finally:
        shutil.rmtree(exchange, ignore_errors=True)


def _exported(rows: pa.Table, folder: Path) -> Path:
    folder.mkdir(parents=True)
    step = max(1, -(-rows.num_rows // _PARTS))
    for part, first in enumerate(range(0, max(1, rows.num_rows), step)):
        pq.write_table(rows.slice(first, step), folder / f"part-{part:03d}.parquet")
    return folder.resolve()


def _spark_sql(engine: Any, wide: ibis.Table) -> str:
    return str(ibis.pyspark.connect(engine).compile(wide))


def _as_declared(rows: pa.Table) -> pa.Table:
    """The rows with the types that the other engines give."""
    types = {"as_of_day": pa.int64(), "customer_id": pa.string()}
    return rows.cast(
        pa.schema([(name, types.get(name, pa.float64())) for name in rows.column_names])
    )
