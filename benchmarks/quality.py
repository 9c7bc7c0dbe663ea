"""Prediction quality on real shops: four backtests, tables with intervals, and `docs/quality.md`.

`python -m benchmarks.quality [TASK…]`; all tasks by default, and only then the document is written
anew. With `--keep FOLDER` what was ingested, built and fitted stays there for the next time.
"""

import argparse
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks import data
from benchmarks.data import DataSet
from benchmarks.place import Place, place
from benchmarks.quality_document import interval, write
from retention_ml.curated.ingest import ingest
from retention_ml.models.backtest.run import Files, backtest
from retention_ml.settings import PROJECT
from retention_ml.warehouse import Warehouse

_SHOWN = {
    "roc_auc": "ROC AUC",
    "log_loss": "log loss",
    "brier": "Brier",
    "ece": "ECE",
    "lift_at_10_of_best": "lift 10 %, of possible",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A data set, the days to stand on, and who counts as churned there."""

    name: str
    source: str
    days: tuple[date, ...]
    active_days: int
    horizon_days: int


def _spread(first: date, last: date, count: int) -> tuple[date, ...]:
    """That many days from first to last, as evenly as days allow."""
    span = (last - first).days
    return tuple(first + timedelta(days=round(span * n / (count - 1))) for n in range(count))


_RETAIL_DAYS = _spread(date(2010, 12, 1), date(2011, 3, 10), 7)
TASKS = {
    task.name: task
    for task in (
        Task(
            name="online_retail_ii_90d",
            source="online_retail_ii",
            days=_RETAIL_DAYS,
            active_days=180,
            horizon_days=90,
        ),
        Task(
            name="online_retail_ii_30d",
            source="online_retail_ii",
            days=_RETAIL_DAYS,
            active_days=90,
            horizon_days=30,
        ),
        Task(
            name="cdnow_90d",
            source="cdnow",
            days=(date(1997, 10, 3), date(1997, 12, 2), date(1998, 1, 31), date(1998, 4, 1)),
            active_days=365,
            horizon_days=90,
        ),
        Task(
            name="complete_journey_28d",
            source="complete_journey",
            days=_spread(date(2017, 8, 14), date(2017, 12, 4), 5),
            active_days=90,
            horizon_days=28,
        ),
    )
}
_DATA = {
    "online_retail_ii": data.online_retail,
    "complete_journey": data.complete_journey,
    "cdnow": data.cdnow,
}


def main() -> None:
    """Run the tasks, print their tables, and write the document from all of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="TASK", help=", ".join(TASKS))
    parser.add_argument("--keep", type=Path, help="a folder for server, features and fits")
    parser.add_argument("--models", help="names with commas; default champion and baselines")
    parser.add_argument("--out", type=Path, default=PROJECT / "build" / "quality")
    options = parser.parse_args()
    names = options.names or list(TASKS)
    unknown = sorted(set(names) - set(TASKS))
    if unknown:
        parser.error(f"{unknown[0]!r} is no task; expected {', '.join(TASKS)}")
    models = options.models.split(",") if options.models else None
    console = Console(width=150, highlight=False)
    done: set[str] = set()
    with place(options.keep) as where:
        for name in names:
            data_set = _DATA[TASKS[name].source]()
            if data_set is None:
                console.print(f"{name}: RETENTION_DATA_DIR does not hold its data; left out.\n")
                continue
            with where.warehouse(TASKS[name].source) as warehouse:
                _run(console, where, warehouse, TASKS[name], data_set, options.out, models)
            done.add(name)
    if done == set(TASKS) and models is None:
        written = write(options.out, list(TASKS))
        console.print(f"{written.relative_to(PROJECT)} is written anew.")


def _run(
    console: Console,
    where: Place,
    warehouse: Warehouse,
    task: Task,
    data_set: DataSet,
    out: Path,
    models: Sequence[str] | None,
) -> None:
    settings = where.settings(
        CALENDAR__TIMEZONE=data_set.timezone,
        CHURN__ACTIVE_DAYS=str(task.active_days),
        CHURN__HORIZON_DAYS=str(task.horizon_days),
    )
    console.print(f"[bold]{data_set.title}[/bold]: {task.name}")
    started = time.perf_counter()
    ingest(warehouse, settings=settings, source=data_set.source, files=data_set.files, history=True)
    ingested = time.perf_counter() - started
    report = out / f"{task.name}.json"
    with console.status("…") as status:
        receipt = backtest(
            warehouse,
            settings=settings,
            days=task.days,
            files=Files(
                report=report,
                predictions=report.with_suffix(".parquet"),
                html=report.with_suffix(".html"),
            ),
            models=models,
            say=lambda done, steps, what: status.update(f"{done} of {steps}: {what}"),
        )
    console.print(
        f"{receipt.read:,} predictions on {len(task.days)} days; ingestion {ingested:.0f} s, "
        f"backtest {receipt.seconds:.0f} s ({receipt.details['fitted']} fits, "
        f"{receipt.details['kept']} kept from before); {report.with_suffix('.html')}"
    )
    for table in _tables(json.loads(report.read_text(encoding="utf-8"))):
        console.print(table, "")


def _tables(document: Mapping[str, Any]) -> list[Table]:
    means = _table("Means over the days", ("model", *_SHOWN.values()))
    for name, model in document["models"].items():
        means.add_row(name, *(interval(model["metrics"][metric], ".3f") for metric in _SHOWN))
    paired = _table(
        f"{document['reference']} minus the other, paired", ("model", *list(_SHOWN.values())[:4])
    )
    for name, figures in document["differences"].items():
        paired.add_row(name, *(interval(figures[metric], "+.4f") for metric in list(_SHOWN)[:4]))
    return [means, paired]


def _table(title: str, columns: Sequence[str]) -> Table:
    made = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for name in columns:
        made.add_column(name)
    return made


if __name__ == "__main__":
    main()
