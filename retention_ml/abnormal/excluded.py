"""Who is excluded on a day, as known then: the one question that every reader asks."""

from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from retention_ml.warehouse import Warehouse

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
    without decisions, nobody is excluded.
    """
    rows = warehouse.read(_EXCLUDED.format(day=as_of.isoformat()))
    ids = rows["customer_id"].cast(pa.string()).combine_chunks()
    return ids.take(pc.sort_indices(ids))


def without(rows: pa.Table, customer_ids: pa.StringArray) -> pa.Table:
    """The rows of all other customers; `rows` as it is where nobody is named.

    >>> rows = pa.table({"customer_id": ["a", "b", None]})
    >>> without(rows, pa.array(["b"]))["customer_id"].to_pylist()
    ['a', None]
    """
    if len(customer_ids) == 0:
        return rows
    return rows.filter(pc.invert(pc.is_in(rows["customer_id"], value_set=customer_ids)))
