"""A sample of a ready description, ingested as a shop would, and what the platform made of it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from retention_ml.curated.ingest import ingest
from retention_ml.receipts import Receipt
from retention_ml.settings import PROJECT, Settings
from retention_ml.warehouse import Warehouse

READY = PROJECT / "retention_ml" / "deliveries" / "ready"
SAMPLES = Path(__file__).parent / "samples"


@dataclass(frozen=True)
class Books:
    """What the warehouse holds now: current rows, and what was quarantined."""

    warehouse: Warehouse
    receipt: Receipt

    def totals(self) -> dict[str, int]:
        """What was paid less what went back, in minor units, per order."""
        totals: dict[str, int] = {}
        for row in self.rows("order_lines"):
            totals[row["order_id"]] = totals.get(row["order_id"], 0) + row["line_amount_cents"]
        return totals

    def orders(self) -> dict[str, tuple[str, str | None, str]]:
        """Kind, customer and UTC time of each order."""
        return {
            row["order_id"]: (row["kind"], row["customer_id"], _text(row["event_at"]))
            for row in self.rows("orders")
        }

    def lines(self, order_id: str) -> set[tuple[str | None, str, int, int]]:
        """Product, kind, quantity and amount of the lines of an order."""
        return {
            (row["product_id"], row["kind"], row["quantity"], row["line_amount_cents"])
            for row in self.rows("order_lines")
            if row["order_id"] == order_id
        }

    def events(self) -> list[tuple[str, str, str | None, str | None]]:
        """UTC time, type, customer and product of the events, in order of time."""
        return sorted(
            (_text(row["event_at"]), row["event_type"], row["customer_id"], row["product_id"])
            for row in self.rows("events")
        )

    def quarantine(self) -> dict[str, int]:
        """Rows in quarantine by reason."""
        rows = self.warehouse.read(
            "SELECT reason_code, count(*) AS n FROM quarantine.rows GROUP BY reason_code"
        )
        return dict(zip(*rows.to_pydict().values(), strict=True))

    def rows(self, table: str) -> list[dict[str, Any]]:
        """The current rows of a curated table."""
        query = f"SELECT * FROM curated.{table} WHERE superseded_at IS NULL"
        rows: list[dict[str, Any]] = self.warehouse.read(query).to_pylist()
        return rows


def _text(instant: Any) -> str:
    return str(instant.strftime("%Y-%m-%d %H:%M:%S"))


Ingest = Callable[..., Books]


@pytest.fixture
def ingest_sample(warehouse: Warehouse, settings: Settings) -> Ingest:
    """Ingests the sample of a ready description, or files that a test made."""

    def run(source: str, *files: Path, sources: Path = READY) -> Books:
        receipt = ingest(
            warehouse,
            settings=settings.model_copy(update={"sources": sources}),
            source=source,
            files=files or sorted((SAMPLES / source).iterdir()),
        )
        assert receipt.details["refused"] == receipt.details["held"] == []
        return Books(warehouse, receipt)

    return run
