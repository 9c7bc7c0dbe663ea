"""The published mixed lists of some customers, for messages: products with a name, best first."""

from collections.abc import Collection
from datetime import date, timedelta
from typing import Any

from retention_ml.warehouse import Transaction

_OLD_DAYS_MAX = 1  # lists of yesterday will do where those of the day are not published yet
_ROWS = """
SELECT customer_id, product_id, name, category
FROM (SELECT listed.customer_id, listed.rank, product.product_id, product.name, product.category,
        row_number() OVER (PARTITION BY listed.customer_id, lower(trim(product.name))
            ORDER BY listed.rank) AS namesake
    FROM recommendations.customer_daily AS listed
    JOIN recommendations.product_daily AS product USING (snapshot_id, product_id)
    WHERE listed.snapshot_id = (SELECT snapshot_id FROM recommendations.published
            WHERE as_of BETWEEN :oldest AND :as_of ORDER BY as_of DESC LIMIT 1)
        AND listed.list = 'mixed' AND listed.customer_id = ANY (:customer_ids)
        AND trim(product.name) <> '') AS named
WHERE namesake = 1
ORDER BY customer_id, rank
"""


def offered(
    transaction: Transaction, customer_ids: Collection[str], as_of: date
) -> dict[str, list[dict[str, Any]]]:
    """`product_id`, `name` and `category` by customer, of the lists of a day or the day before.

    Of products with the same name the first. Customers without a list are not in it.
    """
    rows = transaction.execute(
        _ROWS,
        as_of=as_of,
        oldest=as_of - timedelta(days=_OLD_DAYS_MAX),
        customer_ids=list(customer_ids),
    )
    by_customer: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        product = dict(row._mapping)
        by_customer.setdefault(product.pop("customer_id"), []).append(product)
    return by_customer
