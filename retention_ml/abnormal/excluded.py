"""Who is excluded on a day, as known then: the one question that every reader asks.

The day is the one on which somebody enters what is made: scored, listed, drawn, trained with. Of
outcomes it is also the one on which they had settled. Who is found out later changes nothing that
was made before.
"""

from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from retention_ml.people.holds import held_customers
from retention_ml.statistics.arrays import Bools
from retention_ml.warehouse import Warehouse

NOBODY = pa.array([], pa.string())

# People's decisions that the newest detection did not know come on top of it.
_EXCLUDED = """
WITH detection AS (
    SELECT as_of, newest_decision_id FROM abnormal.detections
    WHERE as_of <= DATE '{day}' ORDER BY as_of DESC, detection_id DESC LIMIT 1
), later AS (
    SELECT DISTINCT ON (customer_id, kind) customer_id, kind, is_excluded
    FROM abnormal.decisions
    WHERE decision <> 'flagged' AND as_of <= DATE '{day}'
    AND NOT EXISTS (
        SELECT FROM detection WHERE decisions.decision_id <= detection.newest_decision_id
        AND decisions.as_of <= detection.as_of
    )
    ORDER BY customer_id, kind, decision_id DESC
)
SELECT customer_id FROM abnormal.customer_daily AS customer JOIN detection USING (as_of)
WHERE customer.is_excluded AND NOT EXISTS (
    SELECT FROM later WHERE later.customer_id = customer.customer_id
    AND later.kind = customer.kind AND NOT later.is_excluded
)
UNION SELECT customer_id FROM later WHERE is_excluded
"""


def excluded_customers(warehouse: Warehouse, as_of: date) -> pa.StringArray:
    """Ids, rising, of the customers who are excluded on a day: by detections and decisions up to it.

    The newest detection of the day counts, else that of the newest day before; without any, and
    without decisions, nobody is excluded. Who is on legal hold is excluded on every day: their
    data may be kept, and used for nothing.
    """
    ids = pa.concat_arrays(
        [abnormal_customers(warehouse, as_of), held_customers(warehouse)]
    ).unique()
    return ids.take(pc.sort_indices(ids))


def abnormal_customers(warehouse: Warehouse, as_of: date) -> pa.StringArray:
    """Those of `excluded_customers` who are excluded as abnormal."""
    rows = warehouse.read(_EXCLUDED.format(day=as_of.isoformat()))
    ids = rows["customer_id"].cast(pa.string()).combine_chunks()
    return ids.take(pc.sort_indices(ids))


def is_excluded(customer_ids: pa.Array | pa.ChunkedArray, excluded: pa.StringArray) -> Bools:
    """Which customers are among those who are excluded, shape (n,).

    >>> is_excluded(pa.array(["a", "b", None]), pa.array(["b"])).tolist()
    [False, True, False]
    """
    if pa.types.is_dictionary(customer_ids.type):
        customer_ids = customer_ids.cast(pa.string())
    mask = pc.is_in(customer_ids, value_set=excluded)
    return np.asarray(mask.to_numpy(zero_copy_only=False), dtype=np.bool_)


def without(rows: pa.Table, customer_ids: pa.StringArray) -> pa.Table:
    """The rows of all other customers; `rows` as it is where nobody is named.

    >>> rows = pa.table({"customer_id": ["a", "b", None]})
    >>> without(rows, pa.array(["b"]))["customer_id"].to_pylist()
    ['a', None]
    """
    if len(customer_ids) == 0:
        return rows
    return rows.filter(pa.array(~is_excluded(rows["customer_id"], customer_ids)))
