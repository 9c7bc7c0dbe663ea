"""What `retention train` costs at size: `python -m benchmarks.training [--customers N] [--days N]`.

A simulated shop whose newest day is trained on; beyond 30,000 customers it is made of copies, each
under other numbers, so that costs are those of a large shop but metrics are not. The door is measured in a process of its own: wall
time, CPU of this process and of the database, the most memory that it held, and what of the time
each step took by its receipt. `--keep FOLDER` keeps the warehouse, and goes on with one that is
there: what a former training built is forgotten first.
"""

import argparse
import os
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from benchmarks.alone import alone
from benchmarks.lines import Line, show
from benchmarks.place import place
from benchmarks.shop import FIRST_DAY, fill, multiply
from retention_ml.clock import day_number
from retention_ml.features.roll_up import roll_up
from retention_ml.models.training.train import train
from retention_ml.outcomes.trial.trials import trial_between
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse

_INGESTED = 30_000  # more are copies of these, inside the database
_METRICS = ("roc_auc", "log_loss")


def main() -> None:
    """Measure and print the lines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=30_000)
    parser.add_argument("--days", type=int, default=540)
    parser.add_argument("--keep", type=Path, help="folder whose warehouse stays")
    options = parser.parse_args()
    measure(customers=options.customers, days=options.days, keep=options.keep)


def measure(*, customers: int, days: int = 540, keep: Path | None = None) -> list[Line]:
    """Measure on a simulated shop; print and return the lines."""
    with place(keep) as at, at.warehouse("shop") as warehouse:
        settings, day = at.settings(), FIRST_DAY + timedelta(days=days)
        if not warehouse.read("SELECT 1 AS one FROM curated.order_lines LIMIT 1").num_rows:
            copies = max(1, round(customers / _INGESTED))
            fill(at, warehouse, settings, customers=round(customers / copies), days=days)
            if copies > 1:
                multiply(warehouse, copies)
        roll_up(warehouse, settings=settings)
        _forget(warehouse)
        step = alone(_train, warehouse.url, settings, day, server=at.server)
        lines = [Line(what="train", rows=step.customers, seconds=step.seconds)]
        lines += [
            Line(what=f"– {what}", rows=step.customers, seconds=seconds)
            for what, seconds in _steps(warehouse).items()
        ]
        stored = warehouse.read(
            "SELECT sum(pg_total_relation_size(oid))::bigint AS bytes FROM pg_class WHERE oid IN "
            "(SELECT oid FROM pg_class WHERE relname IN ('customer_daily', 'customer_sampled') "
            "AND relnamespace = 'features'::regnamespace)"
        )["bytes"][0].as_py()
        note = (
            f"Load {os.getloadavg()[0]:.1f}. CPU {step.cpu_seconds:.0f} s here and {step.server_cpu_seconds:.0f} s "
            f"in the database; {step.megabytes:,} MB at most; {stored / 1e6:,.0f} MB of features "
            f"stored. {step.details['verdict']}: {_quality(warehouse)}."
        )
        show(f"Training on {customers:,} customers, {step.customers:,} active", lines, note)
    return lines


def _train(url: str, settings: Settings, day: date) -> tuple[int, dict[str, Any]]:
    warehouse = Warehouse(url)
    receipt = train(warehouse, settings=settings, as_of=day, trial_between=trial_between)
    active = warehouse.read(
        "SELECT count(DISTINCT customer_id) AS customers FROM features.customer_day "
        f"WHERE orders_count > 0 AND event_day >= {day_number(day)} - "
        f"{settings.churn.active_days}"
    )
    return active["customers"][0].as_py(), dict(receipt.details)


def _forget(warehouse: Warehouse) -> None:
    """As if nothing had been trained or built yet."""
    tables = warehouse.read(
        "SELECT schemaname || '.' || tablename AS name FROM pg_tables WHERE schemaname = 'models' "
        "OR (schemaname = 'features' AND tablename IN ('builds', 'customer_daily', "
        "'customer_sampled', 'sample_builds')) OR (schemaname, tablename) = ('ops', 'receipts')"
    )["name"].to_pylist()
    with warehouse.transaction() as transaction:
        transaction.execute(f"TRUNCATE {', '.join(tables)} CASCADE")


def _steps(warehouse: Warehouse) -> dict[str, float]:
    """Seconds by step, as the receipts of the doors have them."""
    steps: dict[str, float] = {}
    for row in warehouse.read(
        "SELECT door, seconds, details->>'candidate' AS name FROM ops.receipts ORDER BY receipt_id"
    ).to_pylist():
        what = row["door"] + (f" {row['name']}" if row["name"] else "")
        steps[what] = steps.get(what, 0.0) + row["seconds"]
    return steps


def _quality(warehouse: Warehouse) -> str:
    """Metrics of the candidates on the evaluation days, with their intervals."""
    rows = warehouse.read(
        "SELECT model_name, metric, value, lower, upper FROM models.evaluations "
        f"WHERE metric IN {_METRICS} ORDER BY model_name, metric"
    ).to_pylist()
    return "; ".join(
        f"{row['model_name']} {row['metric']} {row['value']:.4f} ({row['lower']:.4f} to "
        f"{row['upper']:.4f})"
        for row in rows
    )


if __name__ == "__main__":
    main()
