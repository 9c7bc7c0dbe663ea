"""Tables on their way to Spark and results on their way back, as Parquet in a folder that all see."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import ibis
import ibis.expr.operations as ops
import pyarrow as pa
import pyarrow.parquet as pq

from retention_ml.features.spark.session import session
from retention_ml.settings import Spark

_PARTS = 16  # files of an export: what executors read at a time


@dataclass(frozen=True, slots=True)
class Exchange:
    """A session of Spark, and the folder of one computation."""

    engine: Any
    folder: Path

    def register(self, name: str, rows: pa.Table) -> None:
        """Make rows a table of that name, in place of one that was there before."""
        self.read(rows).createOrReplaceTempView(name)

    def read(self, rows: pa.Table) -> Any:
        """The `DataFrame` of rows, written down for the executors."""
        folder = self.folder / uuid4().hex
        folder.mkdir(parents=True)
        step = max(1, -(-rows.num_rows // _PARTS))
        for part, first in enumerate(range(0, max(1, rows.num_rows), step)):
            pq.write_table(rows.slice(first, step), folder / f"part-{part:03d}.parquet")
        return self.engine.read.parquet(folder.resolve().as_uri())

    def rows_of(self, frame: Any) -> pa.Table:
        """The rows of a `DataFrame`, computed by the executors."""
        folder = self.folder / uuid4().hex
        frame.write.parquet(folder.resolve().as_uri())
        return pq.read_table(folder)

    def compute(self, expression: ibis.Table) -> pa.Table:
        """The rows of an expression over registered tables."""
        sql = str(ibis.pyspark.connect(self.engine).compile(expression))
        return self.rows_of(self.engine.sql(sql))


@contextmanager
def exchange(spark: Spark, *, threads: int) -> Iterator[Exchange]:
    """A place for one computation; what was written down is removed afterwards.

    Raises
    ------
    UsageError
        See `session`.
    """
    engine = session(spark, threads=threads)
    folder = Path(spark.folder or tempfile.gettempdir()) / f"retention-spark-{uuid4().hex}"
    try:
        yield Exchange(engine, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def read_in_spark(
    select: Callable[[ibis.Table | str], pa.Table],
    expression: ibis.Table,
    *,
    spark: Spark,
    threads: int,
) -> pa.Table:
    """The rows of an expression over stored tables, computed by Spark from exports of them.

    Of each table those columns are exported whose names the expression reads.

    Parameters
    ----------
    select : callable
        Reads an expression from the warehouse, all in one snapshot.
    """
    with exchange(spark, threads=threads) as of_spark:
        registered: dict[Any, Any] = {}
        read = {field.name for field in expression.op().find(ops.Field)} | {*expression.columns}
        for number, stored in enumerate(sorted(expression.op().find(ops.UnboundTable), key=str)):
            name = f"stored_{number}"
            columns = [column for column in stored.schema if column in read]
            of_spark.register(name, select(stored.to_expr().select(*columns)))
            registered[stored] = ops.UnboundTable(name=name, schema=stored.schema)
        return of_spark.compute(expression.op().replace(registered).to_expr())
