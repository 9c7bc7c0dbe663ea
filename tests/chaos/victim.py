"""What the processes that are killed do."""

import os
import signal
from pathlib import Path
from typing import Any

from retention_ml.curated import bulk_load
from retention_ml.curated.ingest import ingest
from retention_ml.deliveries.ledger import clearing
from retention_ml.quality.suites import _great_expectations
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.worlds.batches import File, at, put

_great_expectations()  # takes seconds: once, in the server that these processes are forked from


def bring_in(url: str, settings: dict[str, Any], file: str, failpoint: str) -> None:
    """Ingest a file, and die at the failpoint."""
    os.environ["RETENTION_FAILPOINT"] = failpoint
    ingest(Warehouse(url), settings=Settings(**settings), source="shop", files=[Path(file)])


def bring_in_as_large(url: str, settings: dict[str, Any], file: str, failpoint: str) -> None:
    """As `bring_in`, a few rows taken for many: indexes are made last, staging is emptied at once."""
    bulk_load.ROWS_MIN = clearing.EMPTIED_ROWS_MIN = 1
    bring_in(url, settings, file, failpoint)


def load_naively(url: str, first: str) -> None:
    """Write rows and ledger in two transactions, and die between them."""
    warehouse = Warehouse(url)
    row = {"order_id": "1", "product_id": "p", "event_at": at("2026-02-01")}
    put(warehouse, File(rows={"order_lines": [row]}))
    rows = (
        "INSERT INTO curated.order_lines SELECT order_id, product_id, occurrence, customer_id, "
        "event_at, kind, quantity, unit_price_cents, line_amount_cents, discount_cents, source, "
        "row_key, content_hash, delivery_id, line_number, event_at, event_at "
        "FROM staging.order_lines"
    )
    ledger = "UPDATE raw.deliveries SET status = 'accepted', accepted_count = 1"
    with warehouse.transaction() as transaction:
        transaction.change(rows if first == "rows" else ledger)
    os.kill(os.getpid(), signal.SIGKILL)
