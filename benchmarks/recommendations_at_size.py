"""The lists of a day at size: `python -m benchmarks.recommendations_at_size [--customers N]`.

A simulated shop, and Complete Journey with its 60,000 products: fit, recommend, publish and pair,
each in a process of its own, with CPU and the most memory it held. `--keep FOLDER` keeps the warehouses, and
goes on with those that are there.
"""

import argparse
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from benchmarks.alone import alone
from benchmarks.data import complete_journey
from benchmarks.lines import Line, show
from benchmarks.place import place
from benchmarks.shop import FIRST_DAY, fill, widen
from retention_ml.curated.ingest import ingest
from retention_ml.features.build import build
from retention_ml.recommendations.fitting.fit import fit
from retention_ml.recommendations.pairs.pair_products import pair_products
from retention_ml.recommendations.publish_lists import publish_lists
from retention_ml.recommendations.recommend import recommend
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse

_JOURNEY_DAY = date(2017, 12, 4)
_NOTE = (
    "“Fit” proves a ranker on a past day and fits it anew; it and “pair” are due once in "
    "`fit_every_days`, “recommend” and “publish” every day. The features of the day are there."
)


def main() -> None:
    """Measure both shops and print the lines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=100_000, help="of the simulated shop")
    parser.add_argument("--days", type=int, default=365, help="of the simulated shop")
    parser.add_argument("--products", type=int, help="so many instead of the simulator's")
    parser.add_argument("--keep", type=Path, help="folder whose warehouses stay")
    parser.add_argument("--only", choices=("simulated", "complete_journey"))
    options = parser.parse_args()
    if options.only != "complete_journey":
        measure(
            customers=options.customers,
            days=options.days,
            products=options.products,
            keep=options.keep,
        )
    if options.only != "simulated":
        measure_journey(options.keep)


def measure(
    *,
    customers: int = 100_000,
    days: int = 365,
    products: int | None = None,
    keep: Path | None = None,
    name: str = "shop",
) -> list[Line]:
    """Measure on a simulated shop; print and return the lines."""
    with place(keep) as at, at.warehouse(name) as warehouse:
        settings = at.settings()
        day = FIRST_DAY + timedelta(days=days)
        if not _is_filled(warehouse):
            fill(at, warehouse, settings, customers=customers, days=days)
            if products:
                widen(warehouse, products)
        return _measured(
            f"Lists of a simulated shop of {customers:,} customers",
            warehouse, settings, day,
        )  # fmt: skip


def measure_journey(keep: Path | None = None) -> list[Line]:
    """Measure on Complete Journey; print and return the lines."""
    with place(keep) as at, at.warehouse("journey") as warehouse:
        data = complete_journey()
        settings = at.settings(CALENDAR__TIMEZONE=data.timezone, CHURN__HORIZON_DAYS="28")
        if not _is_filled(warehouse):
            ingest(warehouse, settings=settings, source=data.source, files=data.files, history=True)
        return _measured(f"Lists of {data.title}", warehouse, settings, _JOURNEY_DAY)


def _measured(title: str, warehouse: Warehouse, settings: Settings, day: date) -> list[Line]:
    with warehouse.transaction() as transaction:
        # As if nothing had been made yet: a kept warehouse holds what the last run made.
        for table in ("published", "audits", "filtered", "exclusions", "product_daily"):
            transaction.execute(f"DELETE FROM recommendations.{table}")
        transaction.execute("TRUNCATE recommendations.customer_daily")
        for table in ("snapshots", "fits", "bundles", "product_pairs", "pair_counts"):
            transaction.execute(f"DELETE FROM recommendations.{table}")
    build(warehouse, settings=settings, as_of=day)
    fitted = alone(_fit, warehouse.url, settings, day)
    with warehouse.transaction() as transaction:
        # By the ranker whether it proved itself or not: it is what costs.
        transaction.execute("UPDATE recommendations.fits SET is_in_force = true")
    made = alone(_recommend, warehouse.url, settings, day)
    published = alone(_publish, warehouse.url, settings, made.details["snapshot_id"])
    paired = alone(_pair, warehouse.url, settings, day)
    steps = {"fit": fitted, "recommend": made, "publish": published, "pair": paired}
    lines = [
        Line(what=what, rows=step.customers or made.customers, seconds=step.seconds)
        for what, step in steps.items()
    ]
    every_day = made.seconds + published.seconds
    lines.append(Line(what="recommend and publish", rows=made.customers, seconds=every_day))
    costs = "; ".join(
        f"{what}: {step.cpu_seconds:.0f} CPU s, {step.megabytes:,} MB"
        for what, step in steps.items()
    )
    show(
        f"{title}: {made.customers:,} active, {made.details['rows']:,} rows by "
        f"{made.details['method']}",
        lines,
        f"{_NOTE} {costs}.",
    )
    return lines


def _fit(url: str, settings: Settings, day: date) -> tuple[int, dict[str, Any]]:
    return 0, fit(Warehouse(url), settings=settings, as_of=day).details


def _recommend(url: str, settings: Settings, day: date) -> tuple[int, dict[str, Any]]:
    receipt = recommend(Warehouse(url), settings=settings, as_of=day)
    return receipt.read, receipt.details


def _publish(url: str, settings: Settings, snapshot_id: int) -> tuple[int, dict[str, Any]]:
    receipt = publish_lists(Warehouse(url), settings=settings, snapshot_id=snapshot_id)
    return receipt.read, receipt.details


def _pair(url: str, settings: Settings, day: date) -> tuple[int, dict[str, Any]]:
    return 0, pair_products(Warehouse(url), settings=settings, as_of=day).details


def _is_filled(warehouse: Warehouse) -> bool:
    return bool(warehouse.read("SELECT 1 AS one FROM curated.order_lines LIMIT 1").num_rows)


if __name__ == "__main__":
    main()
