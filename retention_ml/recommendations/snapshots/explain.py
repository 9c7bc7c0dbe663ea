"""What is recommended to one customer, and why: a reading function."""

from datetime import date
from typing import Any

from retention_ml.warehouse import Warehouse

_ROWS = """
SELECT listed.list, listed.rank, listed.product_id, product.name AS product_name,
    listed.purchase_probability, listed.reason, listed.source, listed.propensity,
    listed.expected_margin_cents::double precision / manifest.minor_units AS expected_margin
FROM recommendations.customer_daily AS listed
JOIN recommendations.snapshots AS manifest USING (snapshot_id)
LEFT JOIN recommendations.product_daily AS product USING (snapshot_id, product_id)
WHERE snapshot_id = :id AND listed.customer_id = :customer_id
ORDER BY CASE list WHEN 'mixed' THEN 1 WHEN 'again' THEN 2 ELSE 3 END, rank
"""


def lists_of(
    warehouse: Warehouse, customer_id: str, *, as_of: date | None = None
) -> dict[str, Any]:
    """The published lists of a customer, of a day or of the latest published one.

    Returns
    -------
    dict
        `as_of` (None where no lists are published), `method`, `caveat`, `horizon_days`, and
        `lists`: rows by list and rank, none where the customer has none.
    """
    with warehouse.transaction() as transaction:
        published = transaction.execute(
            "SELECT snapshot_id, pointer.as_of, method, caveat, horizon_days "
            "FROM recommendations.published AS pointer JOIN recommendations.snapshots "
            "USING (snapshot_id) WHERE pointer.as_of = coalesce(CAST(:as_of AS date), "
            "(SELECT max(as_of) FROM recommendations.published))",
            as_of=as_of,
        )
        if not published:
            return {
                "as_of": None,
                "method": None,
                "caveat": None,
                "horizon_days": None,
                "lists": [],
            }
        manifest = dict(published[0]._mapping)
        rows = transaction.execute(_ROWS, id=manifest.pop("snapshot_id"), customer_id=customer_id)
    return {**manifest, "lists": [dict(row._mapping) for row in rows]}
