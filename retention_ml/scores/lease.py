"""The right to publish a day, and what was published for the day before it."""

from dataclasses import dataclass
from datetime import date

from retention_ml.scores import snapshot
from retention_ml.warehouse import Warehouse


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The right to publish a day.

    Parameters
    ----------
    epoch : int
        The fencing token of the day; only the newest may publish.
    base_snapshot_id : int or None
        The snapshot published for the day before, None for the first.
    promotion_id : int or None
        The newest decision about the champion.
    """

    epoch: int
    base_snapshot_id: int | None
    promotion_id: int | None


def acquire_lease(warehouse: Warehouse, as_of: date) -> Lease:
    """Raise the day's fence: from now on no run that began earlier can publish it."""
    with warehouse.transaction() as transaction:
        epoch = transaction.execute(
            "INSERT INTO ops.fences AS fence (name, epoch) VALUES (:name, 1) "
            "ON CONFLICT (name) DO UPDATE SET epoch = fence.epoch + 1 RETURNING epoch",
            name=f"scores:{as_of}",
        )[0][0]
        base = transaction.execute(
            "SELECT snapshot_id FROM scores.published WHERE as_of < :as_of "
            "ORDER BY as_of DESC LIMIT 1",
            as_of=as_of,
        )
        decision = transaction.execute(
            "SELECT max(promotion_id) FROM models.promotions WHERE alias = 'champion'"
        )[0][0]
    return Lease(
        epoch=int(epoch),
        base_snapshot_id=int(base[0][0]) if base else None,
        promotion_id=decision,
    )


def base_tiers(warehouse: Warehouse, snapshot_id: int | None) -> dict[str, tuple[str, date]]:
    """Tier and `tier_since` by customer, of the snapshot published before."""
    if snapshot_id is None:
        return {}
    table = snapshot.CUSTOMER_DAILY
    base = warehouse.read(
        table.filter(table.snapshot_id == snapshot_id).select(
            "customer_id", "risk_tier", "tier_since"
        )
    ).to_pydict()
    return {
        customer: (tier, since)
        for customer, tier, since in zip(
            base["customer_id"], base["risk_tier"], base["tier_since"], strict=True
        )
    }
