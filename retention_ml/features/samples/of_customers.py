"""The features of some customers on a day, by the expressions of the whole day; nothing is stored."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import ibis
import pyarrow as pa

from retention_ml.clock import day_number
from retention_ml.features.assemble import customer_sampled
from retention_ml.features.cache import in_duckdb
from retention_ml.features.cache.rollup_cache import open_rollups, rollup_folder
from retention_ml.features.engines import PLANNER
from retention_ml.features.freshness import require_kept
from retention_ml.features.inputs import inputs_for, orders_for
from retention_ml.limits import limits_of, within
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse


def features_of_customers(
    warehouse: Warehouse,
    *,
    settings: Settings,
    as_of: date,
    customer_ids: Sequence[str],
    newest_rollup_id: int,
) -> pa.Table:
    """The rows that the build of a day would give of these customers, from rollups up to a pass.

    What products are to all active customers is computed of everybody, as always.

    Returns
    -------
    pa.Table
        `customer_id`, every feature and `as_of`: one row for each of the customers who is active,
        ordered by `customer_id`.

    Raises
    ------
    MachineError
        If they do not fit into the memory that they may use.
    NotReady
        If all rollups were rebuilt since that pass.
    WarehouseError
        If the database does not answer.
    """
    day, active_days = day_number(as_of), settings.churn.active_days
    with warehouse.snapshot() as select:
        require_kept(select, newest_rollup_id)
        cached = open_rollups(select, rollup_folder(settings.home))
    if cached is None:
        rows = _in_postgres(warehouse, day, active_days, newest_rollup_id, customer_ids)
    else:
        limits = limits_of(settings)
        with (
            within(limits, "The features of some customers"),
            in_duckdb.opened(
                cached,
                days=[day],
                active_days=active_days,
                newest_rollup_id=newest_rollup_id,
                limits=limits,
            ) as files,
        ):
            rows = in_duckdb.features_of(files, active_days, pa.array(customer_ids, pa.string()))
    days = pa.array([as_of] * rows.num_rows, pa.date32())
    return rows.drop_columns(["as_of_day"]).append_column("as_of", days).sort_by("customer_id")


def _in_postgres(
    warehouse: Warehouse,
    day: int,
    active_days: int,
    newest_rollup_id: int,
    customer_ids: Sequence[str],
) -> pa.Table:
    """The same where no folder of rollups can be written."""
    inputs = inputs_for([day], newest_rollup_id)

    def choose(rows: ibis.Table) -> ibis.Table:
        return rows.filter(rows.customer_id.isin(list(customer_ids)))

    some = replace(inputs, customer_day=choose(inputs.customer_day))
    orders_day = orders_for([day], active_days, newest_rollup_id)
    rows = warehouse.read(
        customer_sampled(some, orders_day, active_days=active_days, choose=choose), planner=PLANNER
    )
    require_kept(warehouse.read, newest_rollup_id)
    return rows
