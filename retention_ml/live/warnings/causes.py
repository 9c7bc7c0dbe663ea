"""What holds of customers at a moment, whatever event or silence led to it, and what is over."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from retention_ml.live.warnings.carts import KEPT_DAYS
from retention_ml.settings import Settings
from retention_ml.warehouse import Transaction

OVERDUE, CART_LEFT = "overdue", "cart_left"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """Why to warn of a customer.

    Parameters
    ----------
    customer_id, kind : str
    since_at : datetime
        The last order day, or when the first of the products was put into the cart.
    sentence : str
        What holds, in words and without a customer's or product's number.
    """

    customer_id: str
    kind: str
    since_at: datetime
    sentence: str


_PROFILES = (
    "SELECT snapshot_id, as_of FROM profiles.published WHERE as_of <= :as_of AND as_of > :oldest "
    "ORDER BY as_of DESC LIMIT 1"
)
# Who was overdue when the day was published is no news.
_OVERDUE = """
SELECT customer_id, overdue_after_days,
    CAST(last_order_on AS timestamp) AT TIME ZONE :timezone AS since_at
FROM profiles.customer_daily AS profile
WHERE snapshot_id = :snapshot_id AND NOT is_overdue
    AND (last_order_on + overdue_after_days * interval '1 day') AT TIME ZONE :timezone <= :now
    AND NOT EXISTS (
        SELECT FROM live.last_orders AS stored WHERE stored.customer_id = profile.customer_id
        AND stored.ordered_at >= CAST(last_order_on + 1 AS timestamp) AT TIME ZONE :timezone
    )
ORDER BY customer_id
"""
_ORDERED = """
SELECT customer_id FROM live.warnings AS warning
WHERE kind = 'overdue' AND ended_at IS NULL AND (
    EXISTS (
        SELECT FROM live.last_orders AS stored WHERE stored.customer_id = warning.customer_id
        AND stored.ordered_at >=
            (timezone(:timezone, warning.since_at) + interval '1 day') AT TIME ZONE :timezone
    ) OR EXISTS (
        SELECT FROM profiles.customer_daily AS profile WHERE snapshot_id = :snapshot_id
        AND profile.customer_id = warning.customer_id
        AND CAST(profile.last_order_on AS timestamp) AT TIME ZONE :timezone > warning.since_at
    )
)
"""
_IN_CARTS = """
SELECT customer_id, put_at FROM live.carts AS cart
WHERE put_at > :oldest AND (removed_at IS NULL OR removed_at < put_at) AND NOT EXISTS (
    SELECT FROM live.last_orders AS stored
    WHERE stored.customer_id = cart.customer_id AND stored.ordered_at >= cart.put_at
)
"""
_LEFT = (
    "SELECT customer_id, min(put_at) AS since_at, count(*) AS products_count "
    f"FROM ({_IN_CARTS}) AS in_carts GROUP BY customer_id HAVING max(put_at) <= :left_before "
    "ORDER BY customer_id"
)
_EMPTIED = (
    "SELECT customer_id FROM live.warnings WHERE kind = 'cart_left' AND ended_at IS NULL "
    f"AND customer_id NOT IN (SELECT customer_id FROM ({_IN_CARTS}) AS in_carts)"
)


def knows_orders(transaction: Transaction) -> bool:
    """Whether purchases come as events: without them nobody knows what was ordered since midnight."""
    return bool(transaction.execute("SELECT FROM live.last_orders LIMIT 1"))


def causes(
    transaction: Transaction, settings: Settings, *, as_of: date, now: datetime
) -> tuple[Sequence[Cause], Sequence[tuple[str, str]]]:
    """What holds at a moment, and which open warnings (customer, kind) are over."""
    oldest = now - timedelta(days=KEPT_DAYS)
    current_causes: list[Cause] = []
    over = [(row.customer_id, CART_LEFT) for row in transaction.execute(_EMPTIED, oldest=oldest)]
    if settings.live.cart_left_hours:
        left_before = now - timedelta(hours=settings.live.cart_left_hours)
        zone = ZoneInfo(settings.calendar.timezone)
        for row in transaction.execute(_LEFT, oldest=oldest, left_before=left_before):
            current_causes.append(
                Cause(
                    customer_id=row.customer_id,
                    kind=CART_LEFT,
                    since_at=row.since_at,
                    sentence=cart_sentence(row.products_count, row.since_at.astimezone(zone)),
                )
            )
    profiles = transaction.execute(_PROFILES, as_of=as_of, oldest=as_of - timedelta(days=KEPT_DAYS))
    if not profiles:
        return current_causes, over
    of_day = {"snapshot_id": profiles[0].snapshot_id, "timezone": settings.calendar.timezone}
    over += [(row.customer_id, OVERDUE) for row in transaction.execute(_ORDERED, **of_day)]
    if settings.live.warn_overdue:
        for row in transaction.execute(_OVERDUE, now=now, **of_day):
            current_causes.append(
                Cause(
                    customer_id=row.customer_id,
                    kind=OVERDUE,
                    since_at=row.since_at,
                    sentence=overdue_sentence(
                        (now - row.since_at) // timedelta(days=1),
                        row.overdue_after_days,
                        settings.profiles.overdue_probability,
                    ),
                )
            )
    return current_causes, over


def overdue_sentence(silent_days: int, usual_days: float, share: float) -> str:
    """How long a customer is silent, and how long is usual.

    >>> overdue_sentence(23, 22.4, 0.9)
    'No order for 23 days; of customers like this one who stay, 90 % order within 22.'
    """
    return (
        f"No order for {silent_days:,} days; of customers like this one who stay, "
        f"{100 * share:.0f} % order within {usual_days:,.0f}."
    )


def cart_sentence(products_count: int, since: datetime) -> str:
    """What was left, and since when on the shop's clock.

    >>> cart_sentence(2, datetime(2026, 3, 1, 14, 5))
    '2 products in the cart since 2026-03-01 14:05, not ordered.'
    """
    what = "One product" if products_count == 1 else f"{products_count:,} products"
    return f"{what} in the cart since {since:%Y-%m-%d %H:%M}, not ordered."
