"""A simulated shop's orders in a warehouse, for the stages behind ingestion."""

from datetime import date, timedelta

from benchmarks.place import Place
from retention_ml import tables
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


def multiply(warehouse: Warehouse, copies: int) -> None:
    """Let every customer be there so many times, with orders and lines under other numbers.

    Copied inside the database, which is much faster than ingesting them. What each buys, and so
    every feature, is that of the first; only how many they are is another.
    """
    for table in ("customers", "orders", "order_lines"):
        columns = [
            *(column.name for column in tables.CANONICAL[table]),
            *(column.name for column in tables.LINEAGE),
        ]
        copied = {
            "customer_id": "customer_id || '-' || copy",
            "order_id": "order_id || '-' || copy",
            "row_key": "decode(md5(encode(row_key, 'hex') || copy), 'hex')",
        }
        with warehouse.transaction() as transaction:
            transaction.execute(
                f"INSERT INTO curated.{table} ({', '.join(columns)}) "
                f"SELECT {', '.join(copied.get(name, name) for name in columns)} "
                f"FROM curated.{table} CROSS JOIN generate_series(2, {copies:d}) AS copy"
            )
            transaction.execute(f"ANALYZE curated.{table}")
