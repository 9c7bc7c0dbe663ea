"""The features of a sample of the customers, without those of the others.

Who is active, and what products are to all active customers, is read of everybody in a few
columns; all other columns are read of the sampled customers alone. One day is computed after the
other, so that their number decides how long it takes and not how much memory.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache, partial

import ibis
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from retention_ml.features.assemble import customer_sampled
from retention_ml.features.engines import PLANNER
from retention_ml.features.freshness import require_kept
from retention_ml.features.inputs import ORDERS_DAY, inputs_for, orders_for, registered_inputs
from retention_ml.features.samples.activity import Activity
from retention_ml.features.samples.sampling import is_sampled, sampled
from retention_ml.limits import Limits, connect_duckdb, within
from retention_ml.settings import Spark
from retention_ml.warehouse import Warehouse

_Compute = Callable[[int, float], pa.Table]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """The features of a sample of the active customers of a day.

    Parameters
    ----------
    as_of_day : int
    rows : pa.Table
        `customer_id` and every feature, one row per sampled customer, in no order.
    customers_count : int
        Sampled customers who are active, counted apart from the features.
    population_count : int
        Active customers, whether sampled or not.
    newest_input_at : datetime
        The newest event among the days with an order.
    """

    as_of_day: int
    rows: pa.Table
    customers_count: int
    population_count: int
    newest_input_at: datetime


def compute_samples(
    warehouse: Warehouse,
    *,
    engine: str,
    shares: Mapping[int, float],
    active_days: int,
    newest_rollup_id: int,
    limits: Limits,
    spark: Spark | None = None,
) -> Iterator[Sample]:
    """The rows that `engines.compute` gives of about a share of the customers, day by day.

    Parameters
    ----------
    shares : mapping of int to float
        By day number, the share of the customers, see `sampling`. Days without anybody active are
        passed over.

    Raises
    ------
    NotReady
        If all rollups were rebuilt since that pass.
    WarehouseError
        If the database does not answer.
    """
    opened = {
        "postgres": partial(_in_postgres),
        "duckdb": partial(_in_process, limits=limits),
        "spark": partial(_in_spark, limits=limits, spark=spark or Spark()),
    }[engine]
    with opened(warehouse, shares, active_days, newest_rollup_id) as (activity, compute):
        for day in sorted(shares):
            is_active = activity.is_active(day)
            active = activity.customers.filter(pa.array(is_active))
            if len(active):
                yield Sample(
                    as_of_day=day,
                    rows=compute(day, shares[day]).drop_columns(["as_of_day"]),
                    customers_count=int(is_sampled(active, shares[day]).sum()),
                    population_count=len(active),
                    newest_input_at=activity.newest_input_at(day),
                )


@contextmanager
def _in_postgres(
    warehouse: Warehouse, shares: Mapping[int, float], active_days: int, newest_rollup_id: int
) -> Iterator[tuple[Activity, _Compute]]:
    """Who is active, and what computes a day's sample in the database."""

    def compute(day: int, share: float) -> pa.Table:
        inputs = inputs_for([day], newest_rollup_id)
        orders_day = orders_for([day], active_days, newest_rollup_id)
        some = replace(inputs, customer_day=sampled(inputs.customer_day, share))
        expression = customer_sampled(
            some, orders_day, active_days=active_days, choose=partial(sampled, share=share)
        )
        rows = warehouse.read(expression, planner=PLANNER)
        require_kept(warehouse.read, newest_rollup_id)
        return rows

    rows = warehouse.read(orders_for(list(shares), active_days, newest_rollup_id))
    require_kept(warehouse.read, newest_rollup_id)
    yield Activity.of_table(rows, active_days), compute


@contextmanager
def _in_process(
    warehouse: Warehouse,
    shares: Mapping[int, float],
    active_days: int,
    newest_rollup_id: int,
    *,
    limits: Limits,
) -> Iterator[tuple[Activity, _Compute]]:
    """Who is active, and what computes a day's sample by DuckDB from rollups read once."""
    inputs = inputs_for(list(shares), newest_rollup_id)
    wanted = {
        "orders_day": orders_for(list(shares), active_days, newest_rollup_id),
        "customer_day": sampled(inputs.customer_day, max(shares.values())),
        "customer_product_day": inputs.customer_product_day,
        "product_category": inputs.product_category,
    }
    with warehouse.snapshot() as select:
        require_kept(select, newest_rollup_id)
        tables = {name: select(expression) for name, expression in wanted.items()}
    activity = Activity.of_table(tables["orders_day"], active_days)
    # Numbers are grouped and joined in a third of the time of texts.
    customers = _number(tables, "customer_id")
    _number(tables, "product_id")
    connection = connect_duckdb(limits)

    def compute(day: int, share: float) -> pa.Table:
        chosen = np.flatnonzero(is_sampled(customers, share))
        connection.register("days", pa.table({"as_of_day": pa.array([day], pa.int64())}))
        connection.register("chosen", pa.table({"customer_id": chosen}))
        with within(limits, "The features of a sample"):
            rows = connection.sql(_duckdb_sql(active_days)).to_arrow_table()
        names = customers.take(rows["customer_id"].combine_chunks())
        at = rows.column_names.index("customer_id")
        return rows.set_column(at, "customer_id", names)

    try:
        for name, rows in tables.items():
            connection.register(name, rows)
        yield activity, compute
    finally:
        connection.close()


@contextmanager
def _in_spark(
    warehouse: Warehouse,
    shares: Mapping[int, float],
    active_days: int,
    newest_rollup_id: int,
    *,
    limits: Limits,
    spark: Spark,
) -> Iterator[tuple[Activity, _Compute]]:
    """Who is active, and what computes a day's sample by Spark from rollups exported once."""
    from retention_ml.features.samples.in_spark import samples_in_spark

    with samples_in_spark(
        warehouse,
        shares,
        active_days=active_days,
        newest_rollup_id=newest_rollup_id,
        spark=spark,
        threads=limits.threads,
    ) as (orders_day, compute):
        yield Activity.of_table(orders_day, active_days), compute


def _number(tables: dict[str, pa.Table], column: str) -> pa.Array:
    """Put numbers in place of texts in a column of several tables; the texts by their number."""
    having = [name for name, rows in tables.items() if column in rows.column_names]
    parts = [tables[name][column].cast(pa.string()) for name in having]
    texts = pa.chunked_array([chunk for part in parts for chunk in part.chunks], pa.string())
    values = texts.unique()
    for name, part in zip(having, parts, strict=True):
        numbers = pc.index_in(part, value_set=values)
        at = tables[name].column_names.index(column)
        tables[name] = tables[name].set_column(at, column, numbers)
    return values


@lru_cache(maxsize=8)
def _duckdb_sql(active_days: int) -> str:
    """The SQL of `assemble.customer_sampled` over tables registered in DuckDB."""
    chosen = ibis.table({"customer_id": "int64"}, name="chosen")
    wide = customer_sampled(
        registered_inputs("int64"),
        ibis.table(dict.fromkeys(ORDERS_DAY, "int64"), name="orders_day"),
        active_days=active_days,
        choose=lambda active: active.semi_join(chosen, "customer_id"),
    )
    return str(ibis.to_sql(wide, dialect="duckdb"))
