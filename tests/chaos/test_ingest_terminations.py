"""What ends ingestion from outside: a termination, a restart, a cut connection, a lock that stays.

Each ends in time and in words, nothing is lost, and the same command takes everything.
"""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from retention_ml.curated.ingest import ingest
from retention_ml.errors import WarehouseError
from retention_ml.maintenance.invariants import violations
from retention_ml.settings import Settings
from retention_ml.stack import databases
from retention_ml.warehouse import Warehouse
from tests.chaos.counts import count
from tests.worlds.batches import with_source
from tests.worlds.networks import Proxy, proxy_to
from tests.worlds.small_platform import HEADER, SmallPlatform, orders_of, small_platform

pytestmark = pytest.mark.thorough

ENDED_SECONDS_MAX = 10.0
ROWS = 3_000
MANY = 1_000


@pytest.fixture
def settings(settings: Settings, tmp_path: Path) -> Settings:
    return with_source(settings, tmp_path)


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[SmallPlatform]:
    with small_platform(tmp_path) as made:
        yield made


def delivery(folder: Path, rows: int) -> Path:
    """A file of one line per order."""
    path = folder / "lines.csv"
    lines = [f"{n},p{n % 5},c{n % 99},2026-02-01 10:00:00,1,2.50" for n in range(rows)]
    path.write_text(HEADER + "\n".join(lines) + "\n", encoding="utf-8")
    return path


def sessions(warehouse: Warehouse) -> int:
    """Sessions of others at work in this database."""
    rows = warehouse.read(
        "SELECT count(*) AS others FROM pg_stat_activity WHERE datname = current_database() "
        "AND pid <> pg_backend_pid() AND state <> 'idle'"
    )
    return int(rows["others"][0].as_py())


@contextmanager
def behind_a_proxy(
    warehouse: Warehouse, commits_left: int, *, is_heard: bool
) -> Iterator[tuple[Warehouse, Proxy]]:
    """The warehouse by a way that is cut at a commit."""
    address = warehouse.connections.address
    assert address.port is not None
    with proxy_to(address.port) as proxy:
        proxy.commits_left, proxy.is_commit_heard = commits_left, is_heard
        behind = address.set(port=proxy.port).render_as_string(hide_password=False)
        with closing(Warehouse(behind)) as opened:
            yield opened, proxy


@pytest.mark.fault(
    "`kill -TERM` during ingestion",
    promises="P1 P2",
    row=3,
    counted="terminations during ingestion",
)
def test_terminated_at_any_moment_it_ends_soon_and_nothing_is_lost(
    warehouse: Warehouse, settings: Settings, tmp_path: Path
) -> None:
    file, draw = delivery(tmp_path, ROWS), random.Random(20260301)
    program = Path(sys.executable).with_name("retention")
    command = [str(program), "ingest", "--source", "shop", str(file)]
    environment = os.environ | {
        "RETENTION_HOME": str(settings.home),
        "RETENTION_WAREHOUSE_URL": warehouse.url,
        "RETENTION_SOURCES": str(settings.sources),
        "RETENTION_CALENDAR__CURRENCY": "EUR",
    }
    for _ in range(count("terminations during ingestion")):
        process = subprocess.Popen(
            command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        time.sleep(draw.uniform(1.0, 6.0))
        process.terminate()
        started = time.monotonic()
        _, words = process.communicate(timeout=60)
        assert time.monotonic() - started < ENDED_SECONDS_MAX
        assert process.returncode in (0, -signal.SIGTERM), words.decode()
        assert b"Traceback" not in words
        deadline = time.monotonic() + ENDED_SECONDS_MAX
        while sessions(warehouse) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert sessions(warehouse) == 0, "a transaction outlives its process"
        assert violations(warehouse) == []
    ingest(warehouse, settings=settings, source="shop", files=[file])
    assert orders_of(warehouse) == ROWS
    assert violations(warehouse) == []


@pytest.mark.fault(
    "Postgres stopped with `-m immediate` during ingestion",
    promises="P1 P2",
    row=10,
    counted="restarts of the database during ingestion",
)
def test_a_database_that_restarts_ends_ingestion_in_a_sentence_and_a_retry_takes_all(
    platform: SmallPlatform, tmp_path: Path
) -> None:
    draw, server = random.Random(20260301), databases.server(platform.settings.home)
    rows, sentences = 60, []
    for _ in range(count("restarts of the database during ingestion")):
        rows += ROWS
        file = delivery(tmp_path, rows)
        restart = threading.Timer(draw.uniform(0.1, 3.0), server.stop, ("immediate",))
        restart.start()
        try:
            ingest(platform.warehouse, settings=platform.settings, source="shop", files=[file])
        except WarehouseError as error:
            sentences.append(str(error))
        restart.join()
        server.start()
        assert violations(platform.warehouse) == []
        ingest(platform.warehouse, settings=platform.settings, source="shop", files=[file])
        assert orders_of(platform.warehouse) == rows
        assert violations(platform.warehouse) == []
    assert all("run the same command again" in sentence for sentence in sentences)


@pytest.mark.fault(
    "connection cut at a COMMIT, before the server has it or before its answer comes",
    promises="P1 P2",
    row=11,
    counted="connections cut at a commit",
)
def test_a_connection_cut_at_any_commit_loses_nothing_and_doubles_nothing(
    warehouse: Warehouse, settings: Settings, tmp_path: Path
) -> None:
    draw, rows, commits = random.Random(20260301), 0, MANY
    sentences: list[str] = []
    for _ in range(1 + count("connections cut at a commit")):
        rows += 60
        file = delivery(tmp_path, rows)
        place = commits if commits == MANY else draw.randint(1, commits)
        with behind_a_proxy(warehouse, place, is_heard=draw.random() < 0.5) as (behind, proxy):
            try:
                ingest(behind, settings=settings, source="shop", files=[file])
            except WarehouseError as error:
                sentences.append(str(error))
        if commits == MANY:  # the first counts how many there are
            commits = MANY - proxy.commits_left
            assert commits > 1
        else:
            assert proxy.commits_left <= 0, "no connection was cut"
        assert violations(warehouse) == []
        ingest(warehouse, settings=settings, source="shop", files=[file])
        assert orders_of(warehouse) == rows
        assert violations(warehouse) == []
    assert all("run the same command again" in sentence for sentence in sentences)


@pytest.mark.fault("a table locked by somebody else during ingestion", promises="P1 P2", row=13)
@pytest.mark.parametrize("table", ["raw.deliveries", "staging.order_lines", "curated.order_lines"])
def test_a_table_that_is_locked_is_not_waited_for_without_end(
    warehouse: Warehouse, settings: Settings, tmp_path: Path, table: str
) -> None:
    file = delivery(tmp_path, 60)
    impatient = Warehouse(f"{warehouse.url}?options=-c%20lock_timeout%3D500ms")
    try:
        with warehouse.transaction() as transaction:
            transaction.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
            started = time.monotonic()
            with pytest.raises(WarehouseError, match="run the same command again"):
                ingest(impatient, settings=settings, source="shop", files=[file])
            assert time.monotonic() - started < ENDED_SECONDS_MAX
        assert violations(warehouse) == []
        ingest(impatient, settings=settings, source="shop", files=[file])
        assert orders_of(warehouse) == 60
    finally:
        impatient.close()
