"""What a day costs with a short and a long history: `python -m benchmarks.history [--months 9 18 36]`.

The same customers over so many months, as in `large_shop`; the starter model scores. After the first
day all doors run for the next, in one process: seconds of CPU of each, of process and server.
"""

import argparse
import json
import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.alone import alone, cpu_seconds
from benchmarks.at_size import settings_of_day
from benchmarks.large_shop import CACHE, LargeShop, days_of, large_shop
from benchmarks.place import place
from retention_ml.abnormal.detect import detect
from retention_ml.actions.assignment.assign import assign
from retention_ml.curated.ingest import ingest
from retention_ml.features.build import build
from retention_ml.features.roll_up import roll_up
from retention_ml.profiles.profile import profile
from retention_ml.profiles.publish_profiles import publish_profiles
from retention_ml.profiles.value.fit_value import fit_value
from retention_ml.recommendations.fitting.fit import fit as fit_ranker
from retention_ml.recommendations.publish_lists import publish_lists
from retention_ml.recommendations.recommend import recommend
from retention_ml.scores.publish import publish
from retention_ml.scores.score import score
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse

Spent = dict[str, dict[str, float]]


def main() -> None:
    """Measure each length of history and print the doors of a day."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=20_000)
    parser.add_argument("--months", type=int, nargs="+", default=[9, 18, 36])
    parser.add_argument("--json", type=Path, help="also write the doors to this file")
    parser.add_argument(
        "--cache",
        type=Path,
        default=CACHE,
        help="where the files of the shop are",
    )
    options = parser.parse_args()
    rows = []
    for months in options.months:
        shop = large_shop(options.cache, customers=options.customers, days=days_of(months))
        rows += measure(shop, months)
    _show(rows, options.customers)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")


def measure(shop: LargeShop, months: int) -> list[dict[str, Any]]:
    """The doors of the day after a shop's history, a row each and one for all."""
    with place() as at, at.warehouse("shop") as warehouse:
        settings = settings_of_day(at)
        arguments = (warehouse.url, settings, shop)
        alone(_first_day, *arguments)
        step = alone(_next_day, *arguments, at.server.pid)
    spent: Spent = step.details["spent"]
    day = {
        what: sum(each[what] for each in spent.values())
        for what in ("wall_s", "cpu_s", "server_cpu_s")
    }
    return [
        {"months": months, "customers": step.customers, "door": door, **each}
        for door, each in {**spent, "day": day}.items()
    ]


def _first_day(url: str, settings: Settings, shop: LargeShop) -> tuple[int, dict[str, Any]]:
    warehouse = Warehouse(url)
    ingest(warehouse, settings=settings, source="simulated", files=shop.files, history=True)
    doors = _doors(warehouse, settings, shop.as_of)
    doors["detect"]()
    fit_value(warehouse, settings=settings, as_of=shop.as_of)
    fit_ranker(warehouse, settings=settings, as_of=shop.as_of)
    for name, door in doors.items():
        if name != "detect":
            door()
    return 0, {}


def _next_day(
    url: str, settings: Settings, shop: LargeShop, server: int
) -> tuple[int, dict[str, Any]]:
    warehouse, day = Warehouse(url), shop.as_of + timedelta(days=1)
    files = shop.files_of_next_day
    spent: Spent = {}

    def ingest_files() -> object:
        return ingest(warehouse, settings=settings, source="simulated", files=files, history=True)

    for name, door in {"ingest": ingest_files, **_doors(warehouse, settings, day)}.items():
        wall, cpu, server_cpu = time.perf_counter(), time.process_time(), cpu_seconds(server)
        door()
        spent[name] = {
            "wall_s": time.perf_counter() - wall,
            "cpu_s": time.process_time() - cpu,
            "server_cpu_s": cpu_seconds(server) - server_cpu,
        }
    scored = warehouse.read(
        "SELECT scored_count FROM scores.snapshots ORDER BY snapshot_id DESC LIMIT 1"
    )
    return int(scored["scored_count"][0].as_py()), {"spent": spent}


def _doors(warehouse: Warehouse, settings: Settings, day: date) -> dict[str, Callable[[], object]]:
    """What runs on a day after its files were ingested, in its order."""
    with_day: dict[str, Any] = {"settings": settings, "as_of": day}

    def score_and_publish() -> None:
        scored = score(warehouse, **with_day)
        snapshot_id = scored.details["snapshot_id"]
        publish(warehouse, settings=settings, snapshot_id=snapshot_id)

    def profile_and_publish() -> None:
        made = profile(warehouse, **with_day)
        publish_profiles(warehouse, settings=settings, snapshot_id=made.details["snapshot_id"])

    def recommend_and_publish() -> None:
        made = recommend(warehouse, **with_day)
        publish_lists(warehouse, settings=settings, snapshot_id=made.details["snapshot_id"])

    return {
        "roll_up": lambda: roll_up(warehouse, settings=settings),
        "detect": lambda: detect(warehouse, **with_day),
        "build": lambda: build(warehouse, **with_day),
        "score": score_and_publish,
        "profile": profile_and_publish,
        "recommend": recommend_and_publish,
        "assign": lambda: assign(warehouse, **with_day, today=day),
    }


def _show(rows: list[dict[str, Any]], customers: int) -> None:
    table = Table(title=f"A day of a shop with {customers:,} customers", box=None)
    table.add_column("door")
    months = list(dict.fromkeys(row["months"] for row in rows))
    for each in months:
        [scored] = {row["customers"] for row in rows if row["months"] == each}
        table.add_column(f"{each} months, {scored:,} active\nCPU s (server)", justify="right")
    for door in dict.fromkeys(row["door"] for row in rows):
        cells = [
            f"{row['cpu_s'] + row['server_cpu_s']:.2f} ({row['server_cpu_s']:.2f})"
            for row in rows
            if row["door"] == door
        ]
        table.add_row(door, *cells)
    Console(width=150, highlight=False).print(table)


if __name__ == "__main__":
    main()
