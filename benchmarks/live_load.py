"""Events and reads at a rate: `python -m benchmarks.live_load [--customers N] [--rate N] [--seconds N]`.

A shop scored by the starter for today, `retention serve` with its worker, a sender and readers of one
machine. Seconds from the receipt of an event to the commit of its customer's score come from the log
of the service, those of reads from the readers.
"""

import argparse
import http.client
import json
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from rich.console import Console
from rich.table import Table

from benchmarks.place import place
from retention_ml import clock
from retention_ml.curated.ingest import ingest
from retention_ml.features.build import build
from retention_ml.live.tokens import READ, WRITE, make_token
from retention_ml.scores.publish import publish
from retention_ml.scores.score import score
from retention_ml.settings import Settings
from retention_ml.simulate import simulate
from retention_ml.stack.postgres import free_port
from retention_ml.warehouse import Warehouse

_BATCHES_EACH_SECOND = 2
_FEEDS = ("order_lines", "products", "customers")
_WAITING = "SELECT count(*) FROM live.events LEFT JOIN live.batches USING (live_batch_id) WHERE refreshed_at IS NULL"
_DELAYS = (
    "SELECT percentile_cont(ARRAY[0.5, 0.95, 0.99, 1.0]) WITHIN GROUP "
    "(ORDER BY extract(epoch FROM refreshed_at - received_at)) AS seconds, count(*) AS events_count "
    "FROM live.events JOIN live.batches USING (live_batch_id) WHERE received_at >= :since"
)


def main() -> None:
    """Fill a shop, put load on the service, print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=5_000)
    parser.add_argument("--days", type=int, default=200, help="of history")
    parser.add_argument("--rate", type=float, default=20, help="events a second")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--readers", type=int, default=2, help="that ask one after the other")
    parser.add_argument("--reads", type=float, default=50, help="of each reader, a second at most")
    options = parser.parse_args()
    with place() as where, where.warehouse("shop") as warehouse:
        changes = {
            "LIVE__PORT": str(free_port()), "LIVE__ENABLED": "true", "WAREHOUSE_URL": warehouse.url,
            "LIVE__EVENTS_PER_SECOND": "100000", "LIVE__READS_PER_SECOND": "100000",
        }  # fmt: skip
        settings = where.settings(**changes)
        _fill(where.folder / "shop", warehouse, settings, options.customers, options.days)
        token = make_token(warehouse, name="load", scopes=[WRITE, READ], source=None, days=1)
        environment = {f"RETENTION_{name}": value for name, value in changes.items()}
        environment["RETENTION_HOME"] = str(settings.home)
        environment["RETENTION_PRIVACY__PSEUDONYMS"] = "false"
        with _serving(environment, settings) as service:
            _until_answers(settings.live.port)
            _send(settings.live.port, token, options.customers, 5, "warm")
            _until_scored(warehouse)
            before = _usage(service)
            since = clock.now()
            reads = _load(settings.live.port, token, options)
            waited = _until_scored(warehouse)
            after = _usage(service)
        with warehouse.transaction() as transaction:
            [delays] = transaction.execute(_DELAYS, since=since)
    _report(options, delays, reads, waited, before, after)


def _fill(
    folder: Path, warehouse: Warehouse, settings: Settings, customers: int, days: int
) -> None:
    """Orders until yesterday, scored by the starter and published for today."""
    today = clock.now().date()
    simulate(
        customers=customers, days=days, seed=1, out=folder, first_day=today - timedelta(days=days)
    )
    files = [path for path in sorted(folder.glob("*.csv")) if path.name.startswith(_FEEDS)]
    ingest(warehouse, settings=settings, source="simulated", files=files, history=True)
    build(warehouse, settings=settings, as_of=today)
    scored = score(warehouse, settings=settings, as_of=today)
    publish(warehouse, settings=settings, snapshot_id=scored.details["snapshot_id"])


@contextmanager
def _serving(environment: dict[str, str], settings: Settings) -> Iterator[psutil.Process]:
    command = [str(Path(sys.executable).with_name("retention")), "serve"]
    log = (settings.home / "serve.log").open("wb")
    with (
        log,
        subprocess.Popen(
            command, env={**os.environ, **environment}, stdout=log, stderr=log
        ) as process,
    ):
        try:
            yield psutil.Process(process.pid)
        finally:
            process.terminate()
            process.wait(30)


def _until_answers(port: int) -> None:
    for _ in range(600):
        try:
            if (
                _ask(http.client.HTTPConnection("127.0.0.1", port, timeout=10), "GET", "/health")[0]
                == 200
            ):
                return
        except OSError:
            time.sleep(0.2)
    raise SystemExit("The service does not answer.")


def _until_scored(warehouse: Warehouse) -> float:
    """Wait until no event waits for its score; seconds."""
    started = time.perf_counter()
    while True:
        with warehouse.transaction() as transaction:
            [[count]] = transaction.execute(_WAITING)
        if not count:
            return time.perf_counter() - started
        if time.perf_counter() - started > 600:
            raise SystemExit(f"{count} events have waited for ten minutes.")
        time.sleep(0.2)


def _load(port: int, token: str, options: argparse.Namespace) -> list[float]:
    """Send events at the rate, read beside it; seconds of each read."""
    reads: list[float] = []
    is_over = threading.Event()
    readers = [
        threading.Thread(target=_read, args=(port, token, options, is_over, reads, number))
        for number in range(options.readers)
    ]
    for reader in readers:
        reader.start()
    started = time.perf_counter()
    each = max(1, round(options.rate / _BATCHES_EACH_SECOND))
    number = 0
    while time.perf_counter() - started < options.seconds:
        _send(port, token, options.customers, each, str(number))
        number += 1
        time.sleep(max(0.0, started + number * each / options.rate - time.perf_counter()))
    is_over.set()
    for reader in readers:
        reader.join()
    return reads


def _send(port: int, token: str, customers: int, count: int, name: str) -> None:
    draw = random.Random(name)
    at = f"{clock.now():%Y-%m-%d %H:%M:%S}"
    lines = [
        {
            "key": f"{name}-{place}",
            "record": {
                "customer_id": f"C{draw.randint(1, customers):07d}",
                "event_at": at,
                "event_type": draw.choice(("view", "view", "cart")),
                "product_id": f"P{draw.randint(10_000, 10_599)}",
                "session_id": name,
                "detail": None,
            },
        }
        for place in range(count)
    ]
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    body = "".join(f"{json.dumps(line)}\n" for line in lines)
    path = "/v1/events?source=simulated&feed=events"
    status, answer = _ask(connection, "POST", path, token, body)
    if status != 202:
        raise SystemExit(f"Events were not taken: {status} {answer[:300]!r}")


def _read(
    port: int,
    token: str,
    options: argparse.Namespace,
    is_over: threading.Event,
    reads: list[float],
    number: int,
) -> None:
    draw = random.Random(number)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    while not is_over.is_set():
        path = f"/v1/customers/C{draw.randint(1, options.customers):07d}/risk"
        started = time.perf_counter()
        _ask(connection, "GET", path, token)
        seconds = time.perf_counter() - started
        reads.append(seconds)
        is_over.wait(max(0.0, 1 / options.reads - seconds))


def _ask(
    connection: http.client.HTTPConnection,
    method: str,
    path: str,
    token: str | None = None,
    body: str | None = None,
) -> tuple[int, bytes]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    return answer.status, answer.read()


def _usage(service: psutil.Process) -> dict[str, tuple[float, float]]:
    """Megabytes and CPU seconds of service and worker."""
    usage: dict[str, tuple[float, float]] = {}
    for process in (service, *service.children(recursive=True)):
        name = "service" if process == service else "worker"
        times = process.cpu_times()
        usage[name] = (process.memory_info().rss / 1e6, times.user + times.system)
    return usage


def _report(
    options: argparse.Namespace,
    delays: Any,
    reads: list[float],
    waited: float,
    before: dict[str, tuple[float, float]],
    after: dict[str, tuple[float, float]],
) -> None:
    table = Table(
        title=f"{options.customers:,} customers, {options.rate:g} events a second for "
        f"{options.seconds:g} s, {options.readers} readers",
        title_justify="left",
        box=None,
    )
    for heading in ("seconds", "p50", "p95", "p99", "most", "count"):
        table.add_column(heading, justify="left" if heading == "seconds" else "right")
    table.add_row(
        "event → fresh score",
        *(f"{each:.2f}" for each in delays.seconds),
        f"{delays.events_count:,}",
    )
    quantiles = np.percentile(reads, [50, 95, 99, 100]) if reads else [float("nan")] * 4
    table.add_row("read", *(f"{each:.4f}" for each in quantiles), f"{len(reads):,}")
    console = Console()
    console.print(table)
    for name, (megabytes, cpu_seconds) in after.items():
        console.print(
            f"{name}: {before[name][0]:.0f} MB before, {megabytes:.0f} MB after, "
            f"{cpu_seconds - before[name][1]:.1f} CPU s"
        )
    console.print(f"All were scored {waited:.1f} s after the last event.")
    console.print("Load of the machine: {:.1f}, {:.1f}, {:.1f}".format(*os.getloadavg()))


if __name__ == "__main__":
    main()
