"""A shop with published weeks, tiers, values, reasons and an evil customer, for pages about it."""

from datetime import date

from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.worlds.outcomes import Shop, weeks
from tests.worlds.totals import total_again

EVIL = "<script>alert('x')</script>"
"""The number of the customer with most at stake, and part of their reason."""


def published_shop(
    warehouse: Warehouse, settings: Settings, *, count: int = 2, customers: int = 300
) -> list[date]:
    """The published days, in order of time."""
    shop = Shop(warehouse, settings, customers=customers, days=120)
    days = weeks(count)
    shop.names[0] = EVIL
    for seed, day in enumerate(days):
        shop.publish(day, shop.noisy(1.0, seed=seed))
    with warehouse.transaction() as transaction:
        transaction.execute(
            "UPDATE scores.customer_daily SET risk_tier = CASE WHEN churn_probability >= 0.8 "
            "THEN 'critical' WHEN churn_probability >= 0.6 THEN 'high' WHEN churn_probability >= 0.35 "
            "THEN 'medium' ELSE 'low' END, expected_value_at_risk_cents = "
            "(10000 * churn_probability)::bigint, reason_1_code = 'recency/recency_days', "
            "reason_1 = 'No order for 40 days'"
        )
        transaction.execute(
            "UPDATE scores.customer_daily SET risk_tier = 'critical', churn_probability = 0.99, "
            "expected_value_at_risk_cents = 9900000, reason_1 = :reason WHERE customer_id = :id",
            reason=f"=1+1 {EVIL}",
            id=EVIL,
        )
        total_again(transaction)
    return days
