"""The door that warns of what no score gives rise to: silence beyond a rhythm, a cart left behind."""

import time
from collections.abc import Sequence
from datetime import date, datetime

import pyarrow as pa

from retention_ml.live.warnings.carts import forget_carts
from retention_ml.live.warnings.causes import Cause, causes, knows_orders
from retention_ml.receipts import Receipt
from retention_ml.scores.score import barred
from retention_ml.settings import Settings
from retention_ml.warehouse import Transaction, Warehouse

_TURN = "live.warn"
_END = (
    "UPDATE live.warnings SET ended_at = :now WHERE customer_id = :customer_id AND kind = :kind "
    "AND since_at IS NOT NULL AND ended_at IS NULL"
)
# Only of who has a score, and not again of the same silence or cart.
_ADD = """
INSERT INTO live.warnings
    (as_of, customer_id, kind, risk_tier, previous_tier, reason, since_at, warned_at)
SELECT :as_of, customer_id, kind, coalesce(fresh.risk_tier, published.risk_tier),
    published.risk_tier, sentence, since_at, :now
FROM unnest(CAST(:customers AS text[]), CAST(:kinds AS text[]), CAST(:since AS timestamptz[]),
    CAST(:sentences AS text[])) AS cause (customer_id, kind, since_at, sentence)
LEFT JOIN scores.fresh AS fresh USING (customer_id)
LEFT JOIN (
    SELECT customer_id, risk_tier FROM scores.customer_daily WHERE snapshot_id =
        (SELECT snapshot_id FROM scores.published ORDER BY as_of DESC LIMIT 1)
    AND customer_id = ANY (CAST(:customers AS text[]))
) AS published USING (customer_id)
WHERE coalesce(fresh.risk_tier, published.risk_tier) IS NOT NULL AND NOT EXISTS (
    SELECT FROM live.warnings AS warning WHERE warning.customer_id = cause.customer_id
    AND warning.kind = cause.kind AND warning.since_at IS NOT NULL
    AND (warning.ended_at IS NULL OR warning.since_at = cause.since_at)
)
"""


def warn(warehouse: Warehouse, *, settings: Settings, as_of: date, now: datetime) -> Receipt:
    """Warn of customers who became overdue or left a cart, once until it is over; end what is over.

    Nobody is warned of while no purchase came as an event in the last week: who ordered since
    midnight would look silent.

    Parameters
    ----------
    as_of : date
        The next midnight, as of fresh scores.
    now : datetime
        The moment that is judged.

    Returns
    -------
    Receipt
        Counts warnings: written = new. `details`: ended, and whether purchases come as events.
    """
    started = time.perf_counter()
    with warehouse.exclusive(_TURN):
        with warehouse.transaction() as transaction:
            has_orders = knows_orders(transaction)
            current_causes, over = causes(transaction, settings, as_of=as_of, now=now)
        allowed_causes = _allowed(warehouse, settings, as_of, current_causes) if has_orders else []
        with warehouse.transaction() as transaction:
            for customer_id, kind in over:
                transaction.execute(_END, customer_id=customer_id, kind=kind, now=now)
            added = _add(transaction, allowed_causes, as_of=as_of, now=now)
            forget_carts(transaction, now=now)
    receipt = Receipt(
        door="warn",
        as_of=as_of,
        read=len(allowed_causes),
        written=added,
        duplicates=len(allowed_causes) - added,
        seconds=time.perf_counter() - started,
        details={"ended": len(over), "knows_orders": has_orders},
    )
    return warehouse.record(receipt, settings.run_id) if added or over else receipt


def _allowed(
    warehouse: Warehouse, settings: Settings, as_of: date, current_causes: Sequence[Cause]
) -> list[Cause]:
    """Those of customers who may be scored."""
    if not current_causes:
        return []
    customers = pa.table({"customer_id": [cause.customer_id for cause in current_causes]})
    masks = barred(warehouse, settings, as_of, customers).values()
    return [
        cause
        for place, cause in enumerate(current_causes)
        if not any(mask[place] for mask in masks)
    ]


def _add(
    transaction: Transaction, allowed_causes: Sequence[Cause], *, as_of: date, now: datetime
) -> int:
    if not allowed_causes:
        return 0
    return transaction.change(
        _ADD,
        as_of=as_of,
        now=now,
        customers=[cause.customer_id for cause in allowed_causes],
        kinds=[cause.kind for cause in allowed_causes],
        since=[cause.since_at for cause in allowed_causes],
        sentences=[cause.sentence for cause in allowed_causes],
    )
