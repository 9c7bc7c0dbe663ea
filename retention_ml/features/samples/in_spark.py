"""Samples of the customers by Spark, from one export of the rollups."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

import ibis
import pyarrow as pa

from retention_ml.features.assemble import customer_sampled
from retention_ml.features.freshness import require_kept
from retention_ml.features.inputs import ORDERS_DAY, inputs_for, orders_for, registered_inputs
from retention_ml.features.samples.sampling import sampled
from retention_ml.features.spark.compute import as_declared, register_days, register_inputs
from retention_ml.features.spark.exchange import exchange
from retention_ml.settings import Spark
from retention_ml.warehouse import Warehouse


@contextmanager
def samples_in_spark(
    warehouse: Warehouse,
    shares: Mapping[int, float],
    *,
    active_days: int,
    newest_rollup_id: int,
    spark: Spark,
    threads: int,
) -> Iterator[tuple[pa.Table, Callable[[int, float], pa.Table]]]:
    """Who ordered when (`inputs.orders_for`), and what computes the sample of one of the days.

    Parameters
    ----------
    shares : mapping of int to float
        By day number, the share of the customers.

    Raises
    ------
    NotReady
        If all rollups were rebuilt since that pass.
    """
    inputs = inputs_for(list(shares), newest_rollup_id)
    some = sampled(inputs.customer_day, max(shares.values()))
    registered = registered_inputs()
    with exchange(spark, threads=threads) as of_spark:
        with warehouse.snapshot() as select:
            require_kept(select, newest_rollup_id)
            orders_day = select(orders_for(list(shares), active_days, newest_rollup_id))
            register_inputs(of_spark, select, replace(inputs, customer_day=some))
        of_spark.register("orders_day", orders_day)

        def compute(day: int, share: float) -> pa.Table:
            register_days(of_spark, [day])
            chosen = replace(registered, customer_day=sampled(registered.customer_day, share))
            expression = customer_sampled(
                chosen,
                ibis.table(ORDERS_DAY, name="orders_day"),
                active_days=active_days,
                choose=partial(sampled, share=share),
            )
            return as_declared(of_spark.compute(expression))

        yield orders_day, compute
