"""A small shop whose customers look before they buy, and five who are none."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np

from retention_ml.warehouse import Warehouse
from tests.worlds.shops import delivery, fill

BEGINS = date(2025, 1, 1)
DAY = date(2025, 7, 1)
BOT, BRUSHER, BRUSHER_TOO, RETURNER, RESELLER = "x-bot", "x-fake", "x-fake2", "x-back", "x-sells"
STRANGERS = {
    BOT: "bot",
    BRUSHER: "brusher",
    BRUSHER_TOO: "brusher",
    RETURNER: "returner",
    RESELLER: "reseller",
}
PUSHED = "p-pushed"

Rows = dict[str, list[dict[str, Any]]]


def abnormal_shop(
    warehouse: Warehouse,
    *,
    customers: int = 60,
    with_events: bool = True,
    with_strangers: bool = True,
    history: bool = True,
) -> None:
    """Half a year of orders and visits, written straight into `curated`."""
    rows: Rows = {"orders": [], "order_lines": [], "events": [], "feedback": []}
    draw = np.random.default_rng(5)
    for number in range(customers):
        _ordinary(rows, f"c{number:03d}", draw)
    if with_strangers:
        _strangers(rows)
    identity = delivery(warehouse, history=history)
    for table, content in rows.items():
        if content and (with_events or table != "events"):
            fill(warehouse, table, content, delivery_id=identity)
    products = sorted({line["product_id"] for line in rows["order_lines"]})
    fill(
        warehouse,
        "products",
        [{"product_id": each, "name": each, "category": "shelf"} for each in products],
        available_at=_at(0),
    )


def _ordinary(rows: Rows, customer: str, draw: np.random.Generator) -> None:
    at = float(draw.uniform(0, 30))
    while at < 180:
        _visit(rows, customer, at - 0.01, int(draw.integers(2, 5)))
        lines = [
            (f"p{draw.integers(20):02d}", int(draw.integers(1, 4)))
            for _ in range(draw.integers(1, 4))
        ]
        _order(rows, customer, at, lines)
        at += float(draw.exponential(18)) + 1


def _strangers(rows: Rows) -> None:
    for number in range(12):
        _visit(rows, BOT, 100 + number, 40)
    _order(rows, BOT, 112, [("p01", 1)])
    for brusher in (BRUSHER, BRUSHER_TOO):
        for number in range(8):
            _order(rows, brusher, 120 + number / 4, [(PUSHED, 1)])
            rows["feedback"].append(
                {
                    "feedback_id": f"f-{brusher}-{number}",
                    "customer_id": brusher,
                    "event_at": _at(123 + number / 4),
                    "kind": "review",
                    "rating_share": 1.0,
                    "product_id": PUSHED,
                }
            )
    for number in range(10):
        at = 60 + 10 * number
        _visit(rows, RETURNER, at - 0.01, 3)
        lines = [(f"p{number:02d}", 1), (f"p{number + 5:02d}", 2)]
        _order(rows, RETURNER, at, lines)
        _order(rows, RETURNER, at + 5, [(name, -count) for name, count in lines])
    for number in range(8):
        at = 50 + 15 * number
        _visit(rows, RESELLER, at - 0.01, 3)
        _order(rows, RESELLER, at, [(f"p{each:02d}", 40) for each in range(4)])


def _visit(rows: Rows, customer: str, at: float, views: int) -> None:
    rows["events"].extend(
        {
            "customer_id": customer,
            "event_at": _at(at + number / 8_640),
            "event_type": "view",
            "product_id": f"p{number % 20:02d}",
        }
        for number in range(views)
    )


def _order(rows: Rows, customer: str, at: float, lines: list[tuple[str, int]]) -> None:
    came_back = lines[0][1] < 0
    order = f"o{len(rows['orders']):05d}"
    rows["orders"].append(
        {
            "order_id": order,
            "customer_id": customer,
            "event_at": _at(at),
            "kind": "return" if came_back else "purchase",
        }
    )
    rows["order_lines"].extend(
        {
            "order_id": order,
            "product_id": product,
            "occurrence": number,
            "customer_id": customer,
            "event_at": _at(at),
            "kind": "return" if came_back else "sale",
            "quantity": quantity,
            "line_amount_cents": 1_000 * quantity,
        }
        for number, (product, quantity) in _numbered(lines)
    )


def _numbered(lines: list[tuple[str, int]]) -> Iterator[tuple[int, tuple[str, int]]]:
    return enumerate(lines, 1)


def _at(days: float) -> datetime:
    start = datetime(BEGINS.year, BEGINS.month, BEGINS.day, tzinfo=UTC)
    return start + timedelta(seconds=int(max(0.0, days) * 86_400))
