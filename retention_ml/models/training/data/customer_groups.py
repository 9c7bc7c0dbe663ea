"""Age, income and country of the customers who are evaluated: to compare groups, never to predict."""

from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from retention_ml import tables
from retention_ml.clock import midnight
from retention_ml.curated.known import known
from retention_ml.models.evaluation.fairness import ATTRIBUTES
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse

_CUSTOMERS = tables.CANONICAL["customers"].ibis_table("curated", tables.LINEAGE)


def customer_groups(
    warehouse: Warehouse, settings: Settings, as_of: date, customer_ids: pa.ChunkedArray
) -> pa.Table:
    """The columns of `ATTRIBUTES` of some customers as known on a day, null where unknown, n rows."""
    customers = known(_CUSTOMERS, midnight(as_of, settings.calendar.timezone))
    stored = warehouse.read(
        customers.group_by("customer_id").aggregate(
            **{name: customers[name].min() for name in ATTRIBUTES}
        )
    )
    at = pc.index_in(customer_ids, value_set=stored["customer_id"].cast(pa.string()))
    return pa.table({name: stored[name].cast(pa.string()).take(at) for name in ATTRIBUTES})
