"""A shop whose files run through all doors but the checks, for tests of what an order is."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from retention_ml import tables
from retention_ml.curated.curate import curate
from retention_ml.curated.known import known
from retention_ml.deliveries.land import land
from retention_ml.deliveries.replay import replay
from retention_ml.deliveries.stage import stage
from retention_ml.receipts import Receipt
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.worlds.batches import with_source

HEADER = "order,sku,customer,placed,qty,price,status"
LINES = """
title = "A shop that tells its orders again as they stand"
timezone = "UTC"
currency = "EUR"

[feeds.lines]
files = ["lines*.csv"]
table = "order_lines"
guests = true

[feeds.lines.columns]
order_id = "order"
product_id = "sku"
customer_id = "customer"
event_at = "placed"
quantity = "qty"
line_amount_cents = { product_of = ["qty", "price"], money = true }

[[feeds.lines.rules]]
when = { status = "^cancelled$" }
kind = "cancellation"
in_place = true

[[feeds.lines.rules]]
when = { qty = "^-" }
kind = "return"
"""


def line(order: str, sku: str = "TEA", **values: str) -> str:
    """A row of a file: one piece for 5.00, bought by `c1` on 2025-03-01."""
    row = {
        "order": order,
        "sku": sku,
        "customer": "c1",
        "placed": "2025-03-01 10:00:00",
        "qty": "1",
        "price": "5.00",
        "status": "open",
    }
    return ",".join((row | values).values())


@dataclass
class OrderShop:
    """Delivers files one after the other."""

    warehouse: Warehouse
    settings: Settings
    folder: Path
    names: list[str] = field(default_factory=list)

    def describe(self, text: str = LINES) -> "OrderShop":
        """Read everything from now on by this description."""
        self.settings = with_source(self.settings, self.folder, text)
        return self

    def deliver(
        self, *files: list[str], header: str = HEADER, history: bool = False, name: str = "lines"
    ) -> Receipt:
        """Deliver files as one batch."""
        paths = []
        for rows in files:
            self.names.append(f"{name}_{len(self.names)}.csv")
            paths.append(self.folder / self.names[-1])
            paths[-1].write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
        landed = land(
            self.warehouse, settings=self.settings, source="shop", files=paths, history=history
        )
        return self._finish(landed)

    def replay(self, reason: str | None = None) -> Receipt:
        """Read the rows in quarantine again."""
        return self._finish(
            replay(self.warehouse, settings=self.settings, source="shop", reason=reason)
        )

    def _finish(self, landed: Receipt) -> Receipt:
        batch_id = landed.details["batch_id"]
        stage(self.warehouse, settings=self.settings, batch_id=batch_id)
        with self.warehouse.transaction() as transaction:
            transaction.change(
                "UPDATE raw.batches SET status = 'checked' WHERE batch_id = :b", b=batch_id
            )
        return curate(self.warehouse, settings=self.settings, batch_id=batch_id)

    def lines(self, at: datetime | None = None) -> dict[tuple[str, str], int]:
        """What each order's current lines (or those known at an instant) amount to, by product."""
        amounts: Counter[tuple[str, str]] = Counter()
        for row in self._rows("order_lines", at):
            amounts[row["order_id"], row["product_id"]] += row["line_amount_cents"]
        return dict(amounts)

    def orders(self, at: datetime | None = None) -> dict[str, tuple[str | None, str]]:
        """Customer and kind of each order, now or as known at an instant."""
        return {
            row["order_id"]: (row["customer_id"], row["kind"]) for row in self._rows("orders", at)
        }

    def quarantined(self) -> list[tuple[int, str]]:
        """Line number and reason of the rows that wait in quarantine."""
        with self.warehouse.transaction() as transaction:
            rows = transaction.execute(
                "SELECT line_number, reason_code FROM quarantine.rows WHERE replayed_in IS NULL "
                "ORDER BY delivery_id, line_number"
            )
        return [(row.line_number, row.reason_code) for row in rows]

    def newest_load(self) -> datetime:
        """When the newest rows were loaded."""
        loaded = self.warehouse.read("SELECT max(loaded_at) AS at FROM curated.order_lines")
        newest: datetime = loaded["at"][0].as_py()
        return newest

    def _rows(self, table: str, at: datetime | None) -> list[dict[str, Any]]:
        rows = tables.CANONICAL[table].ibis_table("curated", tables.LINEAGE)
        current = known(rows, at) if at else rows.filter(rows.superseded_at.isnull())
        return list(self.warehouse.read(current).to_pylist())
