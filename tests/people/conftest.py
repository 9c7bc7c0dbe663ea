"""A small shop whose files were taken in, once with pseudonyms and once with numbers."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from retention_ml.curated.curate import curate
from retention_ml.deliveries.land import land
from retention_ml.deliveries.stage import stage
from retention_ml.receipts import Receipt
from retention_ml.settings import Settings, load
from retention_ml.simulate import simulate
from retention_ml.simulate.shop import TIMEZONE
from retention_ml.warehouse import Warehouse
from tests.worlds.databases import NewWarehouse

CUSTOMERS, DAYS = 120, 90


@dataclass(frozen=True)
class Shop:
    """A warehouse, its settings, and the numbers that its files hold."""

    warehouse: Warehouse
    settings: Settings
    files: tuple[Path, ...]
    numbers: tuple[str, ...]

    def values(self, sql: str) -> list[object]:
        """The first column of a query."""
        with self.warehouse.transaction() as transaction:
            return [row[0] for row in transaction.execute(sql)]


def settings_of(home: Path, *, pseudonyms: bool) -> Settings:
    return load(
        {
            "RETENTION_HOME": str(home),
            "RETENTION_CALENDAR__TIMEZONE": TIMEZONE,
            "RETENTION_PRIVACY__PSEUDONYMS": str(pseudonyms).lower(),
        }
    )


def take_in(
    warehouse: Warehouse, settings: Settings, files: tuple[Path, ...], source: str = "simulated"
) -> Receipt:
    """Files through all doors but the checks, which take seconds to import; the receipt of `stage`."""
    landed = land(warehouse, settings=settings, source=source, files=files, history=True)
    batch_id = landed.details["batch_id"]
    staged = stage(warehouse, settings=settings, batch_id=batch_id)
    with warehouse.transaction() as transaction:
        transaction.execute(
            "UPDATE raw.batches SET status = 'checked' WHERE batch_id = :b", b=batch_id
        )
    curate(warehouse, settings=settings, batch_id=batch_id)
    return staged


@pytest.fixture(scope="session")
def shop_files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ...]:
    folder = tmp_path_factory.mktemp("people") / "shop"
    simulate(customers=CUSTOMERS, days=DAYS, seed=3, out=folder, defect_share=0)
    return tuple(sorted(folder.glob("*.csv")))


def numbers_in(files: tuple[Path, ...]) -> tuple[str, ...]:
    """Every customer number of the files."""
    numbers: set[str] = set()
    for path in files:
        with path.open(encoding="utf-8", newline="") as lines:
            numbers |= {row.get("customer_id", "") for row in csv.DictReader(lines)}
    return tuple(sorted(numbers - {""}))


@pytest.fixture
def shop(
    new_warehouse: NewWarehouse, shop_files: tuple[Path, ...], tmp_path: Path
) -> Iterator[Shop]:
    """The shop with pseudonyms."""
    settings = settings_of(tmp_path / "home", pseudonyms=True)
    with new_warehouse() as warehouse:
        take_in(warehouse, settings, shop_files)
        yield Shop(warehouse, settings, shop_files, numbers_in(shop_files))


@pytest.fixture
def shop_with_numbers(
    new_warehouse: NewWarehouse, shop_files: tuple[Path, ...], tmp_path: Path
) -> Iterator[Shop]:
    """The same shop with customer numbers."""
    settings = settings_of(tmp_path / "numbers", pseudonyms=False)
    with new_warehouse() as warehouse:
        take_in(warehouse, settings, shop_files)
        yield Shop(warehouse, settings, shop_files, numbers_in(shop_files))
