"""The risk tiers that readers see of a day: by customer, and what they add up to."""

from datetime import date

from retention_ml.warehouse import Transaction, Warehouse


def published_tiers(warehouse: Warehouse, as_of: date) -> dict[str, str]:
    """The risk tier of each scored customer of a day, by customer; empty where none is published."""
    with warehouse.transaction() as transaction:
        rows = transaction.execute(
            "SELECT customer_id, risk_tier FROM scores.customer_daily "
            "JOIN scores.published USING (as_of, snapshot_id) WHERE as_of = :as_of",
            as_of=as_of,
        )
    return {row.customer_id: row.risk_tier for row in rows}


def write_totals(transaction: Transaction, snapshot_id: int) -> None:
    """Sum a snapshot by arm, tier and twentieth of the probability: once, as its rows stay."""
    transaction.execute(
        "INSERT INTO scores.tier_totals SELECT snapshot_id, arm, risk_tier, "
        "least(floor(20 * churn_probability), 19)::integer, count(*), "
        "sum(expected_value_at_risk_cents), sum(churn_probability) "
        "FROM scores.customer_daily WHERE snapshot_id = :id GROUP BY 1, 2, 3, 4",
        id=snapshot_id,
    )
