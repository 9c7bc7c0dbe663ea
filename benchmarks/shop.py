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


def widen(warehouse: Warehouse, products: int) -> int:
    """Let every product come in variants, so that there are about so many; how many there are.

    Each customer buys one variant of a product, drawn by a digest of both, the first ones more
    often. Categories, brands and what goes together stay.
    """
    columns = [
        *(column.name for column in tables.CANONICAL["products"]),
        *(column.name for column in tables.LINEAGE),
    ]
    copied = {
        "product_id": "product_id || '-' || variant",
        "row_key": "decode(md5(encode(row_key, 'hex') || variant), 'hex')",
    }
    with warehouse.transaction() as transaction:
        [[count]] = transaction.execute("SELECT count(*) FROM curated.products")
        variants = max(products // count, 1)
        transaction.execute(
            "UPDATE curated.order_lines SET product_id = product_id || '-' || floor(:variants * power("
            "CAST(CAST('x' || left(md5(customer_id || product_id), 8) AS bit(32)) AS bigint) "
            "/ 4294967296.0, 2)) WHERE kind <> 'charge' AND customer_id IS NOT NULL",
            variants=variants,
        )
        transaction.execute(
            f"INSERT INTO curated.products ({', '.join(columns)}) "
            f"SELECT {', '.join(copied.get(name, name) for name in columns)} "
            f"FROM curated.products CROSS JOIN generate_series(0, {variants - 1:d}) AS variant"
        )
        transaction.execute("ANALYZE curated.order_lines, curated.products")
    return int(count * (variants + 1))
