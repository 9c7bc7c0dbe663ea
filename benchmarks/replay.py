"""Half a year of weeks through Airflow: trainings, trials, promotions and what the ledger tells.

`python -m benchmarks.replay SHOP --home FOLDER`: a stack of its own below FOLDER, the shop's
history, then a backfill of one day a week in order, each through the whole chain. Weeks that are
published are not run again, so that it goes on where it was stopped.
"""

import argparse
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from rich.console import Console
from rich.table import Table

from retention_ml.curated.ingest import ingest
from retention_ml.errors import StackError
from retention_ml.settings import Settings, load
from retention_ml.simulate import simulate
from retention_ml.stack import address, demo, demo_report, local
from retention_ml.stack.airflow_api import AirflowApi
from retention_ml.warehouse import Warehouse

_PATIENCE = 120

_LEDGER = (
    "SELECT decided_at, alias, verdict, model_version, decided_by, "
    "coalesce(evidence ->> 'as_of', '') AS as_of, reason FROM models.promotions "
    "ORDER BY promotion_id"
)
_TRAININGS = (
    "SELECT as_of, selected_model, model_version, verdict, reason FROM models.trainings "
    "WHERE status = 'selected' ORDER BY as_of"
)
_LOOKS = (
    "SELECT look.as_of, trial.champion_version, trial.challenger_version, "
    "look.scored_days_count AS days, look.customers_count AS customers, look.mean_difference, "
    "look.lower, look.upper, look.e_better, look.e_worse, look.verdict FROM outcomes.trial_looks "
    "AS look JOIN outcomes.trials AS trial USING (trial_id) ORDER BY look.trial_id, look.as_of"
)
_TRIALS = (
    "SELECT trial_id, champion_version, challenger_version, began_on, status, ended_on, reason "
    "FROM outcomes.trials ORDER BY trial_id"
)
_ALERTS = "SELECT as_of, kind, subject, severity, sentence FROM ops.alerts ORDER BY alert_id"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """A history to import, its settings and the first of the weekly days."""

    source: str
    settings: Mapping[str, str]
    begins_on: date


SHOPS = {
    "online_retail_ii": Shop(
        source="online_retail_ii",
        settings={
            "CALENDAR__TIMEZONE": "Europe/London",
            "CALENDAR__CURRENCY": "GBP",
            "CHURN__ACTIVE_DAYS": "90",
            "CHURN__HORIZON_DAYS": "30",
        },
        begins_on=date(2010, 12, 13),
    ),
    "simulated": Shop(source="simulated", settings={}, begins_on=date(2025, 1, 6)),
}


def main() -> int:
    """Run or go on with a replay and print its story."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shop", choices=sorted(SHOPS))
    parser.add_argument("--home", type=Path, required=True, help="kept; goes on from there")
    parser.add_argument("--weeks", type=int, default=26)
    parser.add_argument("--customers", type=int, default=4_000, help="of the simulated shop")
    arguments = parser.parse_args()
    shop = SHOPS[arguments.shop]
    for name, value in shop.settings.items():
        os.environ.setdefault(f"RETENTION_{name}", value)
    os.environ["RETENTION_HOME"] = str(arguments.home.resolve())
    console = Console(width=200, highlight=False)
    settings = load()
    local.up(settings, console.print)
    settings = address.complete(settings)
    warehouse = address.warehouse(settings)
    try:
        files = _files(arguments.shop, arguments.home, arguments.customers)
        console.print(
            str(ingest(warehouse, settings=settings, source=shop.source, files=files, history=True))
        )
        _replay(settings, warehouse, shop, arguments.weeks, console)
        for title, sql in (
            ("Trainings", _TRAININGS),
            ("Trials", _TRIALS),
            ("Looks", _LOOKS),
            ("Decisions", _LEDGER),
            ("Alerts", _ALERTS),
        ):
            _show(console, title, warehouse, sql)
    finally:
        warehouse.close()
        local.down(settings)
    return 0


def _files(name: str, home: Path, customers: int) -> list[Path]:
    if name == "simulated":
        folder = home / "shop"
        if not folder.is_dir():
            simulate(customers=customers, days=730, seed=11, out=folder, first_day=date(2024, 1, 1))
        return sorted(folder.glob("*.csv"))
    data = os.environ.get("RETENTION_DATA_DIR")
    if not data:
        sys.exit("RETENTION_DATA_DIR names no folder of real data; set it, or replay `simulated`.")
    return sorted((Path(data) / name).glob("*.csv.gz"))


def _replay(
    settings: Settings, warehouse: Warehouse, shop: Shop, weeks: int, console: Console
) -> None:
    airflow = demo.connect(settings)
    demo.wait_for_dags(airflow)
    published = demo_report.published_days(warehouse)
    for day in (shop.begins_on + timedelta(weeks=week) for week in range(weeks)):
        if day in published:
            continue
        console.print(f"[bold]{day}")
        earlier = {run["dag_run_id"] for dag_id in demo.CHAIN for run in airflow.runs(dag_id, day)}
        _backfill(airflow, day, settings.calendar.timezone)
        demo.follow(airflow, day, console.print, earlier)


def _backfill(airflow: AirflowApi, day: date, timezone: str) -> None:
    """Start the day's backfill; Airflow takes one at a time and is a while to see that one ended."""
    for _ in range(_PATIENCE):
        try:
            return airflow.backfill(demo.CHAIN[0], day, day, timezone)
        except StackError as error:
            if "already a running backfill" not in str(error):
                raise
            time.sleep(1)
    raise StackError(f"The backfill before {day} does not end. Look at {airflow.url}.")


def _show(console: Console, title: str, warehouse: Warehouse, sql: str) -> None:
    with warehouse.transaction() as transaction:
        rows = transaction.execute(sql)
    table = Table(title=title, title_justify="left")
    for name in rows[0]._fields if rows else ("nothing",):
        table.add_column(name)
    for row in rows:
        table.add_row(*(f"{cell:.5g}" if isinstance(cell, float) else str(cell) for cell in row))
    console.print(table)


if __name__ == "__main__":
    sys.exit(main())
