"""The features of some days by Spark, from exports of the rollups."""

from collections.abc import Callable, Sequence
from dataclasses import fields

import ibis
import pyarrow as pa

from retention_ml.features.assemble import customer_daily
from retention_ml.features.inputs import Inputs, registered_inputs
from retention_ml.features.spark.exchange import Exchange, exchange
from retention_ml.settings import Spark

Select = Callable[[ibis.Table | str], pa.Table]


def compute_in_spark(
    select: Select,
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
    with exchange(spark, threads=threads) as of_spark:
        register_inputs(of_spark, select, inputs)
        register_days(of_spark, days)
        wide = customer_daily(registered_inputs(), active_days=active_days)
        return as_declared(of_spark.compute(wide))


def register_inputs(of_spark: Exchange, select: Select, inputs: Inputs) -> None:
    """Export the rollups, and register them by name."""
    for field in fields(Inputs):
        if field.name != "days":
            of_spark.register(field.name, select(getattr(inputs, field.name)))


def register_days(of_spark: Exchange, days: Sequence[int]) -> None:
    """Register the days to compute, in place of those before."""
    of_spark.register("days", pa.table({"as_of_day": pa.array(days, pa.int64())}))


def as_declared(rows: pa.Table) -> pa.Table:
    """The rows with the types that the other engines give."""
    types = {"as_of_day": pa.int64(), "customer_id": pa.string()}
    return rows.cast(
        pa.schema([(name, types.get(name, pa.float64())) for name in rows.column_names])
    )
