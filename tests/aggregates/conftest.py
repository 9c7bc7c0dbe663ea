"""A shop with published weeks, for counts that anybody may see."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pytest

from retention_ml.aggregates.kinds import TIERS, Kind
from retention_ml.aggregates.publish_aggregates import publish_aggregates
from retention_ml.receipts import Receipt
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.worlds.outcomes import Shop, weeks

MONDAYS = weeks(6)
SIZES = {"critical": 60, "high": 80, "medium": 100, "low": 160}
EXACT = 40.0
"""So large an epsilon that no count is off: with a probability of 1e-17."""


@dataclass
class PublicShop:
    """Customers whose tiers are in the order of their names, and what is published of them."""

    warehouse: Warehouse
    settings: Settings
    shop: Shop = field(init=False)

    def __post_init__(self) -> None:
        self.shop = Shop(self.warehouse, self.settings, customers=sum(SIZES.values()), days=10)

    def set(self, **values: Any) -> None:
        """Change settings of `[privacy]`, without asking whether a month can be paid."""
        changed = self.settings.privacy.model_copy(update=values)
        self.settings = self.settings.model_copy(update={"privacy": changed})

    def score(self, day: date, sizes: Sequence[int] = tuple(SIZES.values())) -> int:
        """Publish scores of a day with so many customers in each tier; the snapshot."""
        snapshot_id = self.shop.publish(day, np.full(self.shop.customers, 0.5), some=sum(sizes))
        edges = np.cumsum(sizes)
        with self.warehouse.transaction() as transaction:
            for tier, last, size in zip(TIERS, edges, sizes, strict=True):
                transaction.execute(
                    "UPDATE scores.customer_daily SET risk_tier = :tier "
                    "WHERE snapshot_id = :id AND customer_id = ANY (:names)",
                    tier=tier,
                    id=snapshot_id,
                    names=self.shop.names[last - size : last],
                )
        return snapshot_id

    def profile(self, day: date, first_orders: Sequence[date | None]) -> None:
        """Publish profiles of a day: the first order of each customer, in the order of the names."""
        at = datetime(2026, 1, 1, tzinfo=UTC)
        manifest = {
            "as_of": day, "status": "published", "epoch": 1, "new_days": 30,
            "loyal_purchase_days": 4, "lapsed_days": 90, "slipping_intervals": 2.5,
            "cohort_period_days": 30, "minor_units": 100, "customers_count": len(first_orders),
            "buyers_count": len(first_orders), "profiles_digest": "p", "library_version": "0",
            "run_id": "test", "built_at": at, "published_at": at,
        }  # fmt: skip
        with self.warehouse.transaction() as transaction:
            row = transaction.insert_row("profiles.snapshots", manifest, returning="snapshot_id")
            assert row is not None
            for name, first_on in zip(self.shop.names, first_orders, strict=False):
                transaction.insert_row(
                    "profiles.customer_daily",
                    {
                        "snapshot_id": row.snapshot_id, "as_of": day, "customer_id": name,
                        "lifecycle_stage": "repeat", "stage_since": day,
                        "acquired_on": first_on or day, "first_order_on": first_on,
                    },
                )  # fmt: skip
            transaction.insert_row(
                "profiles.published",
                {"as_of": day, "snapshot_id": row.snapshot_id, "epoch": 1, "published_at": at},
            )

    def publish(self, day: date, kind: Kind = Kind.RISK_TIERS) -> Receipt:
        return publish_aggregates(self.warehouse, settings=self.settings, as_of=day, kind=kind)

    def rows(self, sql: str) -> list[dict[str, Any]]:
        return self.warehouse.read(sql).to_pylist()

    def counts(self) -> dict[str, int | None]:
        """The published counts of the newest week by tier."""
        rows = self.rows(
            "SELECT risk_tier, customers_count FROM reports.public_risk_tiers "
            "WHERE week_on = (SELECT max(week_on) FROM reports.public_risk_tiers) ORDER BY tier_rank"
        )
        return {row["risk_tier"]: row["customers_count"] for row in rows}

    def spent(self) -> float:
        """Epsilon of all releases together."""
        return float(
            self.rows("SELECT coalesce(sum(epsilon), 0) AS e FROM privacy.releases")[0]["e"]
        )


@pytest.fixture
def public_shop(warehouse: Warehouse, settings: Settings) -> PublicShop:
    """The shop with a scored Monday, and public aggregates on."""
    world = PublicShop(warehouse, settings)
    world.set(public_aggregates=True)
    world.score(MONDAYS[0])
    return world
