"""A small shop's description and ways to run its files through the pipeline."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from retention_ml.deliveries import pipeline
from retention_ml.deliveries.casting.currency import NO_RATES, Rates
from retention_ml.deliveries.description.loading import load_source
from retention_ml.deliveries.engine import Engine
from retention_ml.deliveries.readers import readers
from retention_ml.limits import Limits

LANDED = datetime(2026, 3, 1, 12, tzinfo=UTC)

SHOP = """
title = "A shop"
timezone = "Europe/London"
currency = "GBP"

[feeds.lines]
files = ["lines*.csv"]
table = "order_lines"

[feeds.lines.columns]
order_id = "order"
product_id = "product"
customer_id = "customer"
event_at = { column = "at", format = "%Y-%m-%d %H:%M:%S" }
quantity = "quantity"
unit_price_cents = { column = "price", money = true }
line_amount_cents = { product_of = ["quantity", "price"], money = true }

[[feeds.lines.rules]]
when = { order = "^T" }
quarantine = "test_order"
because = "Orders that begin with T are tests."

[[feeds.lines.rules]]
when = { product_id = ["POST"] }
kind = "charge"

[[feeds.lines.rules]]
when = { order_id = "^C" }
kind = "cancellation"

[[feeds.lines.rules]]
when = { order_id = "^R", quantity = "< 0" }
kind = "return"

[feeds.products]
files = ["products*.csv"]
table = "products"
columns = { product_id = "product", name = "name" }

[feeds.events]
files = ["events*.csv"]
table = "events"
guests = true
columns = { customer_id = "who", event_at = "at", event_type = "what", product_id = { column = "product", optional = true } }

[feeds.ratings]
files = ["ratings*.jsonl"]
format = "jsonl"
table = "feedback"

[feeds.ratings.columns]
feedback_id = "id"
customer_id = "who"
event_at = { column = "at", format = "epoch_ms" }
kind = { constant = "review" }
rating_share = { column = "stars", scale = [1, 5] }
comment = "text.body"
"""

HEADER = "order,product,customer,at,quantity,price"
GOOD = ("1001", "p1", "c1", "2026-01-05 10:00:00", "2", "1.50")


def line(**changes: str) -> str:
    """A good order line with some fields changed."""
    names = HEADER.split(",")
    return ",".join(changes.get(name, value) for name, value in zip(names, GOOD, strict=True))


@dataclass
class Cast:
    """The result of the pipeline for a file."""

    rows: list[dict[str, object]]
    reasons: dict[int, str]
    delivered: int
    details: dict[int, str | None]


def cast_file(path: Path, folder: Path, name: str = "shop", rates: Rates = NO_RATES) -> Cast:
    """Read, cast and key one file without a database."""
    source = load_source(folder, name)
    feed = source.match(path)
    delivery = pipeline.Input(
        7, LANDED, lambda: readers.open_file(path, source.feeds[feed]).chunks, name=path.name
    )
    rows: list[dict[str, object]] = []
    reasons: dict[int, str] = {}
    details: dict[int, str | None] = {}
    delivered = 0
    with Engine(Limits(threads=2)) as engine:
        for group in pipeline.cast(engine, source, feed, [delivery], (), rates=rates):
            if group.accepted:
                keyed = pipeline.key(engine, source, feed, group, {7: delivery})
                rows += keyed.to_pylist()
            reasons.update({reject.line_number: str(reject.reason) for _, reject in group.rejects})
            details.update({reject.line_number: reject.detail for _, reject in group.rejects})
            assert len({reject.line_number for _, reject in group.rejects}) == len(group.rejects)
            delivered += sum(group.delivered.values())
    return Cast(rows, reasons, delivered, details)


def write(path: Path, lines: Sequence[str], header: str = HEADER) -> Path:
    """A CSV file of these lines."""
    path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return path
