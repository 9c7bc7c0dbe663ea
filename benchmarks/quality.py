"""Prediction quality on real shops: every candidate with its 95 % intervals, out of time.

`python -m benchmarks.quality [NAME…]` with names such as cdnow; all by default.
"""

import argparse
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks import data
from benchmarks.data import DataSet
from benchmarks.place import Place, place
from retention_ml.curated.ingest import ingest
from retention_ml.errors import HeldBack
from retention_ml.models.train import train
from retention_ml.reports import read
from retention_ml.warehouse import Warehouse

_METRICS = {"roc_auc": "ROC AUC", "pr_auc": "PR AUC", "brier": "Brier", "lift_at_10": "lift 10 %"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """Who counts as active, over how long, and the day at which a model is trained."""

    as_of: date
    active_days: int
    horizon_days: int
    cutoff_every_days: int = 14

    def __str__(self) -> str:
        return f"{self.as_of}, active {self.active_days} days, horizon {self.horizon_days} days"


TASKS = {
    "online_retail_ii": (
        Task(as_of=date(2011, 3, 10), active_days=90, horizon_days=30),
        Task(as_of=date(2011, 3, 10), active_days=180, horizon_days=90),
    ),
    "complete_journey": (Task(as_of=date(2017, 12, 4), active_days=90, horizon_days=28),),
    # 546 days in all: a year to be active in, a quarter to learn from, a quarter to be judged on.
    "cdnow": (Task(as_of=date(1998, 7, 2), active_days=365, horizon_days=90, cutoff_every_days=7),),
}


def main() -> None:
    """Ingest each data set into a database of its own, train for each task, print the candidates."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(TASKS))
    names = parser.parse_args().names or list(TASKS)
    unknown = sorted(set(names) - set(TASKS))
    if unknown:
        parser.error(f"{unknown[0]!r} is no data set; expected {', '.join(TASKS)}")
    console = Console(width=150, highlight=False)
    known = {
        "online_retail_ii": data.online_retail,
        "complete_journey": data.complete_journey,
        "cdnow": data.cdnow,
    }
    with place() as where:
        for name in names:
            found = known[name]()
            if found is None:
                console.print(f"{name}: RETENTION_DATA_DIR does not hold it; left out.\n")
                continue
            with where.warehouse(name) as warehouse:
                _judge(console, where, warehouse, found)


def _judge(console: Console, where: Place, warehouse: Warehouse, found: DataSet) -> None:
    shop = {"CALENDAR__TIMEZONE": found.timezone}
    ingest(
        warehouse,
        settings=where.settings(**shop),
        source=found.source,
        files=found.files,
        history=True,
    )
    for task in TASKS[found.source]:
        settings = where.settings(
            **shop,
            CHURN__ACTIVE_DAYS=str(task.active_days),
            CHURN__HORIZON_DAYS=str(task.horizon_days),
            TRAINING__CUTOFF_EVERY_DAYS=str(task.cutoff_every_days),
        )
        started = time.perf_counter()
        try:
            receipt = train(warehouse, settings=settings, as_of=task.as_of)
        except HeldBack as refusal:
            console.print(f"[bold]{found.title}[/bold], {task}: not trained.\n{refusal}\n")
            continue
        seconds = time.perf_counter() - started
        training_id = receipt.details["training_id"]
        rows = read.training_comparison(warehouse, training_id)
        console.print(_table(f"{found.title}, {task} ({seconds:.0f} s)", rows))
        console.print(f"{receipt.details['verdict']}: {receipt.details['reason']}\n")


def _table(title: str, rows: list[dict[str, Any]]) -> Table:
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for name in ("model", "judged on", *_METRICS.values(), "ROC AUC − recency rule"):
        table.add_column(name)
    for row in rows:
        table.add_row(
            f"{'► ' if row['is_selected'] else '  '}{row['model']}",
            f"{row['customers_count']:,}",
            *(_interval(row, metric, ".3f") for metric in _METRICS),
            _interval(row, "roc_auc_minus_recency", "+.3f"),
        )
    return table


def _interval(row: Mapping[str, Any], metric: str, style: str) -> str:
    value, lower, upper = (row[f"{metric}{end}"] for end in ("", "_lower", "_upper"))
    if value is None:
        return "–"
    if lower is None or upper is None:
        return f"{value:{style}}"
    return f"{value:{style}} {lower:{style}}…{upper:{style}}"


if __name__ == "__main__":
    main()
