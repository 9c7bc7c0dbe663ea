"""The risk tiers that readers see of a day."""

from datetime import date

from retention_ml.warehouse import Warehouse


def published_tiers(warehouse: Warehouse, as_of: date) -> dict[str, str]:
    """The risk tier of each scored customer of a day, by customer; empty where none is published."""
    with warehouse.transaction() as transaction:
        rows = transaction.execute(
            "SELECT customer_id, risk_tier FROM scores.customer_daily "
            "JOIN scores.published USING (as_of, snapshot_id) WHERE as_of = :as_of",
            as_of=as_of,
        )
    return {row.customer_id: row.risk_tier for row in rows}
