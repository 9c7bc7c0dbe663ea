"""A simulated shop's orders in a warehouse, for the stages behind ingestion."""

from datetime import date, timedelta

from benchmarks.place import Place
from retention_ml.curated.ingest import ingest
from retention_ml.settings import Settings
from retention_ml.simulate import simulate
from retention_ml.warehouse import Warehouse

FIRST_DAY = date(2024, 1, 1)
_FEEDS = ("order_lines", "products", "customers")


def fill(
    where: Place, warehouse: Warehouse, settings: Settings, *, customers: int, days: int
) -> date:
    """Ingest a shop's orders without its click-stream; the day after its last."""
    folder = where.folder / "shop"
    simulate(customers=customers, days=days, seed=1, out=folder, first_day=FIRST_DAY)
    files = [path for path in sorted(folder.glob("*.csv")) if path.name.startswith(_FEEDS)]
    ingest(warehouse, settings=settings, source="simulated", files=files, history=True)
    return FIRST_DAY + timedelta(days=days)
