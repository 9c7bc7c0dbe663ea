"""A shop whose published day is today, with feeds that events can be sent to."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from retention_ml import clock
from retention_ml.features import build
from retention_ml.live.api.service import Service
from retention_ml.live.events import Event
from retention_ml.live.tokens import READ, WRITE, make_token
from retention_ml.live.worker import Worker
from retention_ml.scores.publish import publish
from retention_ml.scores.score import score
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.worlds.batches import with_source
from tests.worlds.shops import fill

SOURCE = """\
title = "A shop for tests"
timezone = "UTC"
currency = "EUR"

[feeds.lines]
files = ["lines*.csv"]
table = "order_lines"
repeated_keys = "number"

[feeds.lines.columns]
order_id = "order"
product_id = "product"
customer_id = "customer"
event_at = "time"
quantity = "quantity"
unit_price_cents = { column = "price", money = true }
line_amount_cents = { product_of = ["quantity", "price"], money = true }

[feeds.clicks]
files = ["clicks-*.jsonl"]
format = "jsonl"
table = "events"

[feeds.clicks.columns]
customer_id = "customer"
event_at = "time"
event_type = "what"
product_id = "product"

[feeds.feedback]
files = ["feedback_*.csv"]
table = "feedback"

[feeds.feedback.columns]
feedback_id = "id"
customer_id = "customer"
event_at = "time"
kind = "kind"
comment = "comment"

[feeds.book]
files = ["book*.xlsx"]
format = "xlsx"
table = "products"

[feeds.book.columns]
product_id = "product"
name = "name"
"""
CUSTOMERS = 60


@dataclass
class LiveShop:
    """Its warehouse and settings, the service in this process, and a worker."""

    warehouse: Warehouse
    settings: Settings
    service: Service
    worker: Worker
    token: str
    today: date

    @property
    def tomorrow(self) -> date:
        return self.today + timedelta(days=1)

    @property
    def authorization(self) -> str:
        return f"Bearer {self.token}"

    def send(self, feed: str, records: Sequence[dict[str, Any]], *, name: str = "k") -> Any:
        """Send records under keys that follow from `name`, and their place."""
        events = [Event(place=n, key=f"{name}-{n}", record=r) for n, r in enumerate(records)]
        return self.service.take_events(self.authorization, "shop", feed, body_of(events))

    def clicks(self, customers: Sequence[int], what: str = "view") -> list[dict[str, Any]]:
        """One event each, a minute ago."""
        at = now() - timedelta(minutes=1)
        return [
            {
                "customer": f"c{n:03d}",
                "time": f"{at:%Y-%m-%d %H:%M:%S}",
                "what": what,
                "product": "p1",
            }
            for n in customers
        ]

    def order(self, customer: str, *, name: str = "order") -> None:
        """An order placed now, sent and worked off."""
        line = {
            "order": f"{name}-{customer}",
            "product": "p1",
            "customer": customer,
            "time": f"{now():%Y-%m-%d %H:%M:%S}",
            "quantity": 1,
            "price": "9.00",
        }
        self.send("lines", [line], name=f"{name}-{customer}")
        self.worker.work()

    def daily_run(self, day: date) -> None:
        """Score and publish a day."""
        receipt = score(self.warehouse, settings=self.settings, as_of=day)
        publish(
            self.warehouse,
            settings=self.settings,
            snapshot_id=int(receipt.details["snapshot_id"]),
        )

    def rows(self, sql: str) -> list[dict[str, Any]]:
        return list(self.warehouse.read(sql).to_pylist())


def now() -> datetime:
    """The real time: what was landed is compared with it."""
    return clock.now()


def body_of(events: Sequence[Event]) -> bytes:
    """The body of a request."""
    lines = (json.dumps({"key": event.key, "record": event.record}) for event in events)
    return "".join(f"{line}\n" for line in lines).encode()


def live_shop(warehouse: Warehouse, settings: Settings, folder: Path) -> LiveShop:
    """Sixty customers with orders of the last weeks, scored by the starter for today."""
    shop = opened(warehouse, settings, folder, now().date())
    draw = np.random.default_rng(5)
    orders = []
    lines = []
    for customer in range(CUSTOMERS):
        for number, age in enumerate(sorted(draw.integers(2, 85, draw.integers(1, 7)).tolist())):
            at = datetime.combine(shop.today, time(10), tzinfo=UTC) - timedelta(days=age)
            order = {
                "order_id": f"o{customer}-{number}",
                "customer_id": f"c{customer:03d}",
                "event_at": at,
            }
            orders.append(order)
            lines.append(
                order | {"product_id": f"p{draw.integers(0, 9)}", "line_amount_cents": 900}
            )
    fill(warehouse, "orders", orders)
    fill(warehouse, "order_lines", lines)
    build.build(warehouse, settings=shop.settings, as_of=shop.today)
    shop.daily_run(shop.today)
    return shop


def opened(warehouse: Warehouse, settings: Settings, folder: Path, today: date) -> LiveShop:
    """The shop of a warehouse in which today is published, or is going to be."""
    settings = with_source(settings, folder, SOURCE)
    return LiveShop(
        warehouse,
        settings,
        Service(warehouse, settings),
        Worker(warehouse, settings),
        make_token(warehouse, name=folder.name, scopes=[WRITE, READ], source="shop", days=1),
        today,
    )
