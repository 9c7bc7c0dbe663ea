"""Scoring of a large day, by processor time: `python -m benchmarks.scoring --rows 100000`.

The day of a small shop, whose customers are drawn again and again and changed a little, with the
ensemble that was trained on them. Every line is customers per second of CPU, of this process and of
the server apart; LightGBM by itself does its part on the same rows in the same run.
"""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
from rich.console import Console
from rich.table import Table

from benchmarks import peers
from benchmarks.alone import Step, alone
from benchmarks.place import place
from benchmarks.readers import LOCK_MS_MAX, Looks, reading
from benchmarks.shop import fill
from retention_ml import clock
from retention_ml.features import store
from retention_ml.features.build import build
from retention_ml.models.training.train import train
from retention_ml.outcomes.trial.trials import trial_between
from retention_ml.quality.suites import run_on
from retention_ml.scores import arms, served
from retention_ml.scores.publish import publish
from retention_ml.scores.score import score
from retention_ml.scores.wording.evidence import usual_values
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse

_LEARN = {
    "TRAINING__CANDIDATES": "recency,ensemble",
    "TRAINING__CUTOFF_COUNT": "6",
    "TRAINING__BOOTSTRAP_DRAWS": "100",
    "COMPUTE__THREADS": "1",
}
_SUITE = "scores.customer_daily"
_LIGHTGBM_ROWS, _EXPLAINED_ROWS = 5_000, 500  # taken to hold for all


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """CPU seconds of a stage in this process and in the server, and wall time."""

    what: str
    rows: int
    client_s: float
    server_s: float
    wall_s: float

    @property
    def rows_per_cpu_second(self) -> float:
        """Customers per second of CPU of both."""
        return self.rows / max(self.client_s + self.server_s, 1e-9)


def measure_at(rows: int, *, customers: int = 9_000, days: int = 400) -> list[Spent]:
    """Measure on so many customers; print and return the lines."""
    with place() as where, where.warehouse("shop") as warehouse:
        settings = where.settings(**_LEARN)
        day = fill(where, warehouse, settings, customers=customers, days=days)
        trained = train(warehouse, settings=settings, as_of=day, trial_between=trial_between)
        if trained.details["verdict"] != "promote":
            raise SystemExit(f"There is no champion to score with: {trained.details['reason']}")
        build(warehouse, settings=settings, as_of=day)
        enlarge(warehouse, day, rows)
        read = alone(_read, warehouse.url, day, server=where.server)
        parts = alone(_parts, warehouse.url, settings, day)
        scored = alone(_score, warehouse.url, settings, day, server=where.server)
        snapshot_id = scored.details["snapshot_id"]
        written = alone(
            peers.copy_of_rows,
            warehouse.url,
            _SUITE,
            snapshot_id,
            server=where.server,
        )
        published = alone(_publish, warehouse.url, settings, snapshot_id, server=where.server)
    spent = [
        _of_step("features are read and compared with their digest", read),
        *(Spent(what=what, rows=rows, **each) for what, each in parts.details["spent"].items()),
        _of_step("the door `score`, a process of its own", scored),
        _of_step("the door `publish` with its imports, a process of its own", published),
    ]
    _show(spent, written, published)
    return spent


def enlarge(warehouse: Warehouse, day: date, rows: int) -> None:
    """Put so many customers in place of those of a built day, each like one of them."""
    features, _ = store.read_day(warehouse, day)
    draw = np.random.default_rng(1)
    drawn = features.take(pa.array(np.resize(np.arange(features.num_rows), rows)))
    columns: dict[str, Any] = {
        "as_of": drawn["as_of"],
        "customer_id": pa.array([f"C{number:07d}" for number in range(rows)]),
    }
    for name in store.FEATURE_NAMES:
        values = drawn[name].to_numpy()
        is_whole = bool((values == np.round(values))[~np.isnan(values)].all())
        if not name.startswith("is_") and "share" not in name:
            values = values * draw.uniform(0.7, 1.4, rows)
        values = np.round(values) if is_whole else values
        columns[name] = pa.array(values, mask=np.isnan(values))
    enlarged = pa.table(columns)
    with warehouse.transaction() as transaction:
        store.replace_day(transaction, day, enlarged)
        [newest] = transaction.execute(
            "SELECT * FROM features.builds WHERE as_of = :day ORDER BY build_id DESC LIMIT 1",
            day=day,
        )
        record = newest._asdict() | {
            "features_digest": store.digest(enlarged),
            "customers_count": rows,
            "built_at": clock.now(),
        }
        del record["build_id"]
        transaction.insert_row("features.builds", record)
    with warehouse.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(f"VACUUM ANALYZE {store.TABLE}")


def _parts(url: str, settings: Settings, day: date) -> tuple[int, dict[str, Any]]:
    """The parts of scoring on features in memory, the first call of a process and the second."""
    warehouse = Warehouse(url)
    bundle = served.champion(warehouse, settings, day).bundle
    spent: dict[str, dict[str, float]] = {}

    def spend(what: str, work: Callable[[], Any]) -> Any:
        wall, cpu = time.perf_counter(), time.process_time()
        done = work()
        spent[what] = {
            "client_s": time.process_time() - cpu,
            "server_s": 0.0,
            "wall_s": time.perf_counter() - wall,
        }
        return done

    table, _ = store.read_day(warehouse, day)
    for which in ("first", "second"):
        spend(f"predict by all members, {which} call", lambda: bundle.predict(table))
        spend(f"exact contributions, {which} call", lambda: bundle.contributions(table))
    minor_units = settings.calendar.minor_units
    spend(
        "contributions and reasons in words",
        lambda: arms.reasons_in_words(bundle, table, usual_values(table, minor_units), minor_units),
    )
    predict = peers.lightgbm_alone(bundle, table.slice(0, _LIGHTGBM_ROWS))
    for how, rows in (("raw_score", _LIGHTGBM_ROWS), ("pred_contrib", _EXPLAINED_ROWS)):
        what = f"LightGBM alone: {how}, trees only"
        spend(what, lambda rows=rows, how=how: predict(rows, **{how: True}))
        spent[what] = {name: each * len(table) / rows for name, each in spent[what].items()}
    return table.num_rows, {"spent": spent}


def _read(url: str, day: date) -> tuple[int, dict[str, Any]]:
    return store.read_day(Warehouse(url), day)[0].num_rows, {}


def _score(url: str, settings: Settings, day: date) -> tuple[int, dict[str, Any]]:
    receipt = score(Warehouse(url), settings=settings, as_of=day)
    return receipt.read, {"snapshot_id": receipt.details["snapshot_id"]}


def _publish(url: str, settings: Settings, snapshot_id: int) -> tuple[int, dict[str, Any]]:
    """Publish, and how long somebody waited meanwhile who reads without pause."""
    warehouse, looks = Warehouse(url), Looks()
    one = warehouse.read(f"SELECT * FROM {_SUITE} LIMIT 1")
    run_on(one, _SUITE, settings.expectations)  # imported: workers of Airflow are forked with it
    with reading(url, looks):
        receipt = publish(warehouse, settings=settings, snapshot_id=snapshot_id)
    return receipt.read, {"seconds": receipt.seconds, "looks": asdict(looks)}


def _of_step(what: str, step: Step) -> Spent:
    return Spent(
        what=what,
        rows=step.customers,
        client_s=step.cpu_seconds,
        server_s=step.server_cpu_seconds,
        wall_s=step.seconds,
    )


def _show(spent: list[Spent], written: Step, published: Step) -> None:
    table = Table(title=f"Scoring of {spent[0].rows:,} customers", title_justify="left", box=None)
    table.add_column("what", overflow="fold")
    for name in ("CPU s", "server CPU s", "wall s", "customers per CPU-second"):
        table.add_column(name, justify="right")
    for each in spent:
        table.add_row(
            each.what,
            f"{each.client_s:.2f}",
            f"{each.server_s:.2f}",
            f"{each.wall_s:.2f}",
            f"{each.rows_per_cpu_second:,.0f}",
        )
    looks = published.details["looks"]
    console = Console(width=150, highlight=False)
    console.print(table)
    console.print(
        f"Binary COPY of the rows alone: {written.details['seconds']:.2f} s, into the table with its "
        f"key and checks {written.details['keyed_seconds']:.2f} s; publication took "
        f"{published.details['seconds']:.2f} s, most memory {published.megabytes:,} MB. Of "
        f"{len(looks['seconds']):,} looks of a reader meanwhile {looks['locked_count']:,} waited for "
        f"a lock longer than {LOCK_MS_MAX} ms; the slowest took {1000 * max(looks['seconds']):.0f} ms.\n"
    )
