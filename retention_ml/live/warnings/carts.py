"""What lies in carts, and who ordered: kept of events as they come, since nothing else is asked by customer."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from retention_ml.warehouse import Transaction

KEPT_DAYS = 7
"""An older cart is no cart any more."""

# Newest moments only: in whatever order events come, and however often, the rows are the same.
_CARTS = """
INSERT INTO live.carts AS cart (customer_id, product_id, put_at, removed_at)
SELECT customer_id, coalesce(product_id, ''),
    max(event_at) FILTER (WHERE event_type = 'cart'),
    max(event_at) FILTER (WHERE event_type = 'remove_from_cart')
FROM curated.events
WHERE delivery_id = ANY (:deliveries) AND event_type IN ('cart', 'remove_from_cart')
    AND customer_id IS NOT NULL AND event_at > :oldest
GROUP BY 1, 2
ON CONFLICT (customer_id, product_id) DO UPDATE SET
    put_at = greatest(cart.put_at, excluded.put_at),
    removed_at = greatest(cart.removed_at, excluded.removed_at)
"""
_ORDERS = """
INSERT INTO live.last_orders AS stored (customer_id, ordered_at)
SELECT customer_id, max(event_at) FROM (
    SELECT customer_id, event_at FROM curated.orders
    WHERE delivery_id = ANY (:deliveries) AND kind = 'purchase'
    UNION ALL SELECT customer_id, event_at FROM curated.events
    WHERE delivery_id = ANY (:deliveries) AND event_type = 'purchase'
) AS purchases
WHERE customer_id IS NOT NULL AND event_at > :oldest
GROUP BY 1
ON CONFLICT (customer_id) DO UPDATE SET ordered_at = greatest(stored.ordered_at, excluded.ordered_at)
"""


def keep_carts(transaction: Transaction, deliveries: Sequence[int], *, now: datetime) -> None:
    """Take over what deliveries say of carts and purchases; taken over again they change nothing."""
    for statement in (_CARTS, _ORDERS):
        transaction.execute(
            statement, deliveries=list(deliveries), oldest=now - timedelta(days=KEPT_DAYS)
        )


def forget_carts(transaction: Transaction, *, now: datetime) -> None:
    """Delete what is older than a week."""
    oldest = now - timedelta(days=KEPT_DAYS)
    transaction.execute(
        "DELETE FROM live.carts WHERE greatest(put_at, removed_at) <= :oldest", oldest=oldest
    )
    transaction.execute("DELETE FROM live.last_orders WHERE ordered_at <= :oldest", oldest=oldest)
