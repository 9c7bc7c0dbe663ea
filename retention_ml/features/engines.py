"""Where features are computed: in process by DuckDB, or in Postgres; with equal results."""

from collections.abc import Sequence
from dataclasses import fields

import duckdb
import ibis
import pyarrow as pa

from retention_ml.features.assemble import customer_daily
from retention_ml.features.inputs import Inputs, inputs, needed
from retention_ml.warehouse import Warehouse

ENGINES = ("duckdb", "postgres")

# The planner takes each as_of's rows for a handful and would join them row by row; every join
# here is of whole tables by equality, where hashing is right.
_PLANNER = {
    "enable_nestloop": "off",
    "enable_mergejoin": "off",
    "work_mem": "'128MB'",
}


def compute(
    warehouse: Warehouse,
    *,
    engine: str,
    days: Sequence[int],
    active_days: int,
    newest_rollup_id: int,
    threads: int,
) -> pa.Table:
    """The rows of `assemble.customer_daily` for some days, from rollups up to a pass.

    Parameters
    ----------
    engine : {'duckdb', 'postgres'}
        DuckDB reads the rollups as Arrow and computes in this process.
    threads : int
        Of DuckDB; Postgres has its own settings.

    Raises
    ------
    WarehouseError
        If the database does not answer.
    """
    stored = needed(inputs("features"), days, newest_rollup_id)
    if engine == "postgres":
        wide = customer_daily(stored, days=days, active_days=active_days)
        return warehouse.read(wide, planner=_PLANNER)
    connection = duckdb.connect(config={"threads": threads})
    try:
        for field in fields(Inputs):
            connection.register(field.name, warehouse.read(getattr(stored, field.name)))
        wide = customer_daily(inputs(None), days=days, active_days=active_days)
        return connection.sql(str(ibis.to_sql(wide, dialect="duckdb"))).to_arrow_table()
    finally:
        connection.close()
