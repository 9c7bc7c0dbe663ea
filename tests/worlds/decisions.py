"""A scored shop whose customers may be contacted: permissions, actions and published scores."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from retention_ml.actions.assignment.assign import assign
from retention_ml.receipts import Receipt
from retention_ml.settings import Settings
from retention_ml.statistics.arrays import sigmoid
from retention_ml.warehouse import Warehouse
from tests.worlds.outcomes import FIRST, STAMP, Shop
from tests.worlds.shops import fill
from tests.worlds.totals import total_again

DAY = FIRST + timedelta(days=100)

MAIL = """title = "Come back"
kind = "email"
channel = "email"
template = "come_back"
subject = "We miss you"
unsubscribe_url = "https://shop.test/u?m={message_id}"
cost = 0.02
[rule]
tiers = ["medium", "high", "critical"]
"""
COUPON = """title = "Ten percent"
kind = "coupon"
channel = "email"
template = "ten"
subject = "10 % off"
unsubscribe_url = "https://shop.test/u?m={message_id}"
coupons = "ten"
cost = 0.02
discount_share = 0.1
quota_per_day = 40
[rule]
tiers = ["high", "critical"]
value_min = 5.0
"""
LIST = """title = "For the CRM"
kind = "email"
channel = "file"
cost = 0.05
[rule]
tiers = ["critical"]
"""


def write_actions(folder: Path, codes: int = 1_000) -> Path:
    """A folder of three actions."""
    (folder / "templates").mkdir(parents=True, exist_ok=True)
    (folder / "coupons").mkdir(exist_ok=True)
    for name, text in {"mail": MAIL, "coupon": COUPON, "list": LIST}.items():
        (folder / f"{name}.toml").write_text(text)
    (folder / "templates" / "come_back.txt").write_text("Hello!\n{{ unsubscribe_url }}\n")
    (folder / "templates" / "ten.txt").write_text("{{ coupon_code }}\n{{ unsubscribe_url }}\n")
    lines = "".join(f"TEN{number:05d}\n" for number in range(codes))
    (folder / "coupons" / "ten.txt").write_text(lines)
    return folder


def described(warehouse: Warehouse, settings: Settings, customers: int) -> Shop:
    """The shop of a warehouse into which it was written before."""
    shop = object.__new__(Shop)
    shop.warehouse, shop.settings, shop.customers = warehouse, settings, customers
    shop.names = [f"c{number:05d}" for number in range(customers)]
    shop.truth = sigmoid(np.random.default_rng(1).normal(0, 1.6, customers))
    return shop


@dataclass
class DecisionShop:
    """A shop with scores on `DAY`, and on the day before, when its holdout was drawn."""

    warehouse: Warehouse
    settings: Settings
    folder: Path
    customers: int = 600
    is_built: bool = False
    shop: Shop = field(init=False)

    def __post_init__(self) -> None:
        write_actions(self.folder)
        self.settings = self.settings.model_copy(update={"actions_folder": self.folder})
        self.set(actions={"enabled": True, "approval": "never", "explore_share": 0.3})
        if self.is_built:
            self.shop = described(self.warehouse, self.settings, self.customers)
            return
        self.shop = Shop(self.warehouse, self.settings, customers=self.customers)
        self.permit(self.shop.names)
        before = DAY - timedelta(days=1)
        self.publish(before)
        self.assign(before)  # draws the holdout, from the next day on
        self.publish(DAY)

    def set(self, **sections: dict[str, Any]) -> None:
        """Change keys of sections of the settings."""
        self.settings = self.settings.model_copy(
            update={
                name: getattr(self.settings, name).model_copy(update=keys)
                for name, keys in sections.items()
            }
        )

    def publish(self, day: date, *, model_name: str = "plain") -> int:
        """Scores of a day, with tiers by probability and values; features as they are read."""
        number = self.shop.publish(day, self.shop.truth, model_name=model_name)
        with self.warehouse.transaction() as transaction:
            transaction.execute(
                "UPDATE scores.customer_daily SET expected_value_at_risk_cents = "
                "CAST(churn_probability * 20000 AS bigint) + hashtext(customer_id) % 1000 + 1000, "
                "risk_tier = CASE WHEN churn_probability > 0.8 THEN 'critical' "
                "WHEN churn_probability > 0.6 THEN 'high' WHEN churn_probability > 0.35 "
                "THEN 'medium' ELSE 'low' END WHERE snapshot_id = :id",
                id=number,
            )
            total_again(transaction)
            transaction.execute(
                "UPDATE features.customer_daily SET recency_days = abs(hashtext(customer_id) % 90), "
                "revenue_per_order_mean_cents = 4000 WHERE as_of = :day",
                day=day,
            )
        return number

    def permit(
        self,
        who: Sequence[str],
        *,
        kind: str = "granted",
        when: datetime | None = None,
        address: bool = True,
        channel: str = "email",
    ) -> None:
        """Write statements about marketing, by e-mail unless another channel is named."""
        n = len(who)
        fill(
            self.warehouse,
            "contact_permissions",
            pa.table(
                {
                    "customer_id": list(who),
                    "channel": [channel] * n,
                    "purpose": ["marketing"] * n,
                    "kind": [kind] * n,
                    "event_at": pa.array([when or self.shop.moment(1)] * n, STAMP),
                    "address": [f"{one}@shop.test" if address else None for one in who],
                }
            ),
        )

    def assign(self, day: date = DAY, *, today: date | None = None, **options: Any) -> Receipt:
        """The door, on a day that is today unless another one is."""
        return assign(
            self.warehouse, settings=self.settings, as_of=day, today=today or day, **options
        )

    def rows(self, sql: str) -> list[dict[str, Any]]:
        """The rows of a query."""
        return self.warehouse.read(sql).to_pylist()
