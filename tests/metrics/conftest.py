"""A shop whose ledgers have something to say, and figures pushed as Airflow does."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from retention_ml.receipts import DecisionReceipt, Receipt
from retention_ml.settings import Settings, load
from retention_ml.warehouse import Warehouse
from tests.metrics import prometheus
from tests.worlds.databases import NewWarehouse
from tests.worlds.published_shop import published_shop

RECEIPTS = (
    ("stage", {"read": 1_000, "written": 950, "quarantined": 30, "left_out": 5, "duplicates": 15}),
    ("stage", {"read": 500, "written": 500}),
    ("curate", {"read": 1_450, "written": 1_450}),
)
ADDRESS = "anna@shop.example"


def record(warehouse: Warehouse) -> None:
    """Receipts, deliveries of two batches, a refused file and alerts."""
    for door, counts in RECEIPTS:
        receipt = Receipt(door=door, as_of=date(2026, 3, 1), seconds=2.5, **counts)
        warehouse.record(receipt, "test")
    decided = DecisionReceipt(door="decide", seconds=0.5, sentence=f"Of c00001, {ADDRESS}.")
    warehouse.record(decided, "test")
    with warehouse.transaction() as transaction:
        for number, counts in enumerate(((90, 5, 5), (180, 20, 0)), 1):
            batch_id = transaction.execute(
                "INSERT INTO raw.batches (source, is_history, status, created_at) "
                "VALUES ('shop', false, 'curated', '2026-03-01') RETURNING batch_id"
            )[0][0]
            transaction.execute(
                "INSERT INTO raw.deliveries (batch_id, source, feed, file_name, file_sha256, "
                "size_bytes, mapping_sha256, is_history, status, delivered_count, accepted_count, "
                "quarantined_count, duplicate_count, landed_at, loaded_at) VALUES (:batch, 'shop', "
                "'lines', :name, :name, 1, 'm', false, 'accepted', :delivered, :accepted, "
                ":quarantined, :duplicates, '2026-03-01', '2026-03-01')",
                batch=batch_id,
                name=f"{ADDRESS}_{number}.csv",
                delivered=sum(counts),
                accepted=counts[0],
                quarantined=counts[1],
                duplicates=counts[2],
            )
        transaction.execute(
            "INSERT INTO raw.deliveries (batch_id, source, feed, file_name, file_sha256, "
            "size_bytes, mapping_sha256, is_history, status, reason_code, reason, landed_at) "
            "VALUES (:batch, 'shop', 'lines', 'broken.csv', 'b', 1, 'm', false, 'refused', "
            "'unreadable_file', 'It is no CSV.', '2026-03-02')",
            batch=batch_id,
        )


@pytest.fixture(scope="package")
def figures_settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The shipped settings with a home of these tests."""
    return load({"RETENTION_HOME": str(tmp_path_factory.mktemp("home"))})


@pytest.fixture(scope="package")
def shop(new_warehouse: NewWarehouse, figures_settings: Settings) -> Iterator[Warehouse]:
    """Published scores and full ledgers; tests only look."""
    with new_warehouse() as warehouse:
        published_shop(warehouse, figures_settings, customers=120)
        record(warehouse)
        yield warehouse


@pytest.fixture(scope="session")
def debian(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where Debian's package is unpacked."""
    return tmp_path_factory.mktemp("debian")


@pytest.fixture(scope="session")
def promtool(debian: Path) -> Path:
    """The program that checks rules and texts."""
    return prometheus.program("promtool", debian)
