"""The right to publish a day, and what was published for the day before it."""

from dataclasses import dataclass
from datetime import date

import pyarrow as pa

from retention_ml.scores import snapshot
from retention_ml.warehouse import Transaction, Warehouse

_TYPES = (pa.string(), pa.string(), pa.date32())


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The right to publish a day: only the newest fencing token (`epoch`) may.

    With the snapshot published for the day before (None for the first) and the newest decision
    about the champion.
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
        base_snapshot_id = published_before(transaction, as_of)
        decision = transaction.execute(
            "SELECT max(promotion_id) FROM models.promotions WHERE alias = 'champion'"
        )[0][0]
    return Lease(epoch=int(epoch), base_snapshot_id=base_snapshot_id, promotion_id=decision)


def published_before(transaction: Transaction, as_of: date) -> int | None:
    """The snapshot published for the day before, None for the first."""
    rows = transaction.execute(
        "SELECT snapshot_id FROM scores.published WHERE as_of < :as_of ORDER BY as_of DESC LIMIT 1",
        as_of=as_of,
    )
    return int(rows[0][0]) if rows else None


def base_tiers(warehouse: Warehouse, snapshot_id: int | None) -> pa.Table:
    """`customer_id`, `risk_tier` and `tier_since` of the snapshot published before; empty without."""
    columns = ("customer_id", "risk_tier", "tier_since")
    if snapshot_id is None:
        return pa.table(
            {name: pa.array([], kind) for name, kind in zip(columns, _TYPES, strict=True)}
        )
    table = snapshot.CUSTOMER_DAILY
    return warehouse.read(table.filter(table.snapshot_id == snapshot_id).select(*columns))
