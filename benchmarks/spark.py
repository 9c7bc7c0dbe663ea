"""Spark beside this process: equal results, and what a customer costs on either.

`python -m benchmarks.spark [--customers N]`, in an environment with PySpark (`make spark-test` makes
one): a simulated shop, and Online Retail II where its files are there. Features of a day, a
sample for a training, labels, predictions with reasons. CPU seconds are those of all processes:
Java and the executors are included.
"""

import argparse
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
from rich.console import Console
from rich.table import Table

from benchmarks.alone import cpu_seconds
from benchmarks.data import online_retail
from benchmarks.large_shop import CACHE, large_shop
from benchmarks.place import Place, place
from retention_ml.clock import day_number
from retention_ml.curated.ingest import ingest
from retention_ml.features import store
from retention_ml.features.build import build
from retention_ml.features.engines import compute
from retention_ml.features.freshness import newest_rollup_id
from retention_ml.features.roll_up import roll_up
from retention_ml.features.samples.compute import compute_samples
from retention_ml.labels.maturity import labels_of
from retention_ml.limits import limits_of
from retention_ml.scores import served
from retention_ml.scores.score import score
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse

_SHARE = 0.3
_BEFORE_DAYS = 120  # the day of samples and labels: its outcome is over
_ENGINES = ("duckdb", "spark")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shop:
    title: str
    source: str
    files: tuple[Path, ...]
    as_of: date


def main() -> None:
    """Measure, and print a table; ends with an error where results differ."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=20_000)
    parser.add_argument("--cache", type=Path, default=CACHE)
    options = parser.parse_args()
    simulated = large_shop(options.cache, customers=options.customers)
    shops = [
        _Shop(
            title=f"{options.customers:,} simulated customers",
            source="simulated",
            files=simulated.files,
            as_of=simulated.as_of,
        )
    ]
    real = online_retail()
    if real:
        shops.append(
            _Shop(
                title=real.title,
                source=real.source,
                files=real.files,
                as_of=date(2011, 10, 1),
            )
        )
    table = Table(box=None, pad_edge=False)
    for name in ("shop", "stage", "rows"):
        table.add_column(name, justify="right" if name == "rows" else "left")
    for engine in _ENGINES:
        table.add_column(f"{engine}: wall s", justify="right")
        table.add_column("CPU µs a row", justify="right")
    with place() as at:
        for number, shop in enumerate(shops):
            with at.warehouse(f"shop_{number}") as warehouse:
                for row in _measure(at, warehouse, shop):
                    table.add_row(*row)
    Console(width=150, highlight=False).print(table)


def _measure(at: Place, warehouse: Warehouse, shop: _Shop) -> list[list[str]]:
    settings = at.settings(CHURN__ACTIVE_DAYS="365")
    ingest(warehouse, settings=settings, source=shop.source, files=shop.files, history=True)
    roll_up(warehouse, settings=settings)
    earlier = shop.as_of - timedelta(days=_BEFORE_DAYS)
    for day in (earlier, shop.as_of):
        build(warehouse, settings=settings, as_of=day)
    stages: dict[str, Callable[[Settings], pa.Table]] = {
        "features": lambda on: _features(warehouse, on, shop.as_of),
        "sample": lambda on: _sample(warehouse, on, earlier),
        "labels": lambda on: labels_of(
            warehouse, settings=on, days=[earlier], known_as_of=shop.as_of
        ),
        "predictions and reasons": lambda on: _predictions(warehouse, on, shop.as_of),
        "scores": lambda on: _scores(warehouse, on, shop.as_of),
    }
    rows = []
    for stage, work in stages.items():
        cells: list[str] = []
        results = []
        for engine in _ENGINES:
            on = _on(settings, engine)
            work(on)  # begins the session, and what else is made once per process
            started, cpu = time.perf_counter(), cpu_seconds(os.getpid())
            result = work(on)
            seconds, cpu = time.perf_counter() - started, cpu_seconds(os.getpid()) - cpu
            results.append(result)
            cells += [f"{seconds:.2f}", f"{cpu * 1e6 / result.num_rows:,.0f}"]
        if not results[0].equals(results[1]):
            raise SystemExit(f"{shop.title}, {stage}: the results differ.")
        rows.append([shop.title, stage, f"{results[0].num_rows:,}", *cells])
    return rows


def _on(settings: Settings, engine: str) -> Settings:
    scoring = "spark" if engine == "spark" else "local"
    return settings.model_copy(
        update={
            "features": settings.features.model_copy(update={"engine": engine}),
            "scoring": settings.scoring.model_copy(update={"engine": scoring}),
        }
    )


def _features(warehouse: Warehouse, on: Settings, day: date) -> pa.Table:
    rows = compute(
        warehouse,
        engine=on.features.engine,
        days=[day_number(day)],
        active_days=on.churn.active_days,
        newest_rollup_id=newest_rollup_id(warehouse),
        limits=limits_of(on),
        spark=on.spark,
    )
    return rows.sort_by("customer_id").combine_chunks()


def _sample(warehouse: Warehouse, on: Settings, day: date) -> pa.Table:
    [sample] = compute_samples(
        warehouse,
        engine=on.features.engine,
        shares={day_number(day): _SHARE},
        active_days=on.churn.active_days,
        newest_rollup_id=newest_rollup_id(warehouse),
        limits=limits_of(on),
        spark=on.spark,
    )
    rows = sample.rows
    return rows.select(sorted(rows.column_names)).sort_by("customer_id").combine_chunks()


def _predictions(warehouse: Warehouse, on: Settings, day: date) -> pa.Table:
    features, _ = store.read_day(warehouse, day)
    bundle = served.on_engine(served.starter(on), on).bundle
    added, _ = bundle.contributions(features)
    columns = {f"reason_{number}": values for number, values in enumerate(added.T)}
    return pa.table({"probability": bundle.predict(features), **columns})


def _scores(warehouse: Warehouse, on: Settings, day: date) -> pa.Table:
    receipt = score(warehouse, settings=on, as_of=day)
    digest: Any = receipt.details["scores_digest"]
    return pa.table({"digest": [digest] * receipt.read})


if __name__ == "__main__":
    main()
