"""A platform small enough to be backed up by every test: a Postgres of its own, a delivered file."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from retention_ml.curated.ingest import ingest
from retention_ml.settings import Settings, load
from retention_ml.stack import address, databases
from retention_ml.warehouse import Warehouse
from tests.worlds.batches import with_source

HEADER = "order,product,customer,time,quantity,price\n"


@dataclass(frozen=True, slots=True)
class SmallPlatform:
    """Its settings, its open warehouse, and the folder of its backups."""

    settings: Settings
    warehouse: Warehouse
    shelf: Path

    def deliver(self, name: str, orders: range) -> None:
        """Take a file of one line per order in."""
        file = self.settings.home.parent / f"lines_{name}.csv"
        lines = [f"{n},p{n % 5},c{n % 9},2026-02-01 10:00:00,1,2.50" for n in orders]
        file.write_text(HEADER + "\n".join(lines) + "\n", encoding="utf-8")
        ingest(self.warehouse, settings=self.settings, source="shop", files=[file])


@contextmanager
def small_platform(folder: Path, *, wal: bool = False) -> Iterator[SmallPlatform]:
    """A home below `folder` with sixty delivered orders; its Postgres is stopped in the end."""
    shelf = folder / "shelf"
    settings = load(
        {
            "RETENTION_HOME": str(folder / "home"),
            "RETENTION_BACKUPS__FOLDER": str(shelf),
            "RETENTION_BACKUPS__WAL": str(wal).lower(),
        }
    )
    settings = with_source(settings, folder)
    try:
        with closing(address.warehouse(settings)) as warehouse:
            platform = SmallPlatform(settings, warehouse, shelf)
            platform.deliver("first", range(60))
            yield platform
    finally:
        databases.server(settings.home).stop("immediate")


@contextmanager
def opened(home: Path) -> Iterator[Warehouse]:
    """The warehouse of a home whose Postgres runs; it is stopped in the end."""
    try:
        with closing(Warehouse(databases.address(home, "retention"))) as warehouse:
            yield warehouse
    finally:
        databases.server(home).stop("immediate")


def orders_of(warehouse: Warehouse) -> int:
    """How many orders are known."""
    rows = warehouse.read("SELECT count(DISTINCT order_id) AS orders FROM curated.order_lines")
    return int(rows["orders"][0].as_py())
