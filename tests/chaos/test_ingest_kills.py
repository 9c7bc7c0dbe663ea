"""kill -9 during ingestion, at every failpoint and at random moments.

Whatever the moment: the invariants hold at once, and the same call again ends where an
undisturbed run ends. A naive loader beside it shows that the invariants can fail.
"""

import multiprocessing
import os
import random
import signal
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

import pytest

from retention_ml import tables
from retention_ml.curated.ingest import ingest
from retention_ml.failpoints import FAILPOINTS
from retention_ml.maintenance.invariants import violations
from retention_ml.settings import Settings, load
from retention_ml.warehouse import Warehouse
from tests.chaos.counts import rounds
from tests.worlds.batches import with_source
from tests.worlds.databases import NewWarehouse

pytestmark = pytest.mark.suites

STAGES = ("land.", "stage.", "check.", "curate.")
MINE = [name for name in FAILPOINTS if name.startswith(STAGES)]
DEATHS = [
    (place, number)
    for place in MINE
    for number in rounds(
        "kills in each phase of ingestion",
        sum(other.split(".")[0] == place.split(".")[0] for other in MINE),
    )
]
HEADER = "order,product,customer,time,quantity,price\n"


def test_every_stage_of_ingestion_has_a_failpoint() -> None:
    assert {name.split(".")[0] + "." for name in MINE} == set(STAGES)


@pytest.fixture(scope="module")
def processes() -> ForkServerContext:
    """Processes of their own that find everything imported: a kill costs no start-up."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.chaos.victim"])
    return context


@pytest.fixture
def settings(settings: Settings, tmp_path: Path) -> Settings:
    return with_source(settings, tmp_path)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two deliveries: the second repeats, corrects, adds, and has rows that are none."""
    first = [f"{n},p{n % 5},c{n % 9},2026-02-01 10:00:00,1,2.50" for n in range(60)]
    second = first[:20] + [line.replace(",1,2.50", ",3,2.50") for line in first[20:40]]
    second += [f"{n},p1,c1,2026-02-02 10:00:00,1,2.50" for n in range(100, 140)] + ["x", "1,2,3"]
    folder = tmp_path_factory.mktemp("inbox")
    paths = [folder / "lines_1.csv", folder / "lines_2.csv"]
    for path, rows in zip(paths, (first, second), strict=True):
        path.write_text(HEADER + "\n".join(rows) + "\n", encoding="utf-8")
    return paths


def run(
    processes: ForkServerContext,
    warehouse: Warehouse,
    settings: Settings,
    file: Path,
    *,
    failpoint: str = "",
    kill_after: float | None = None,
) -> int:
    """Ingest a file in a process of its own; how it ended."""
    from tests.chaos.victim import bring_in

    process = processes.Process(
        target=bring_in, args=(warehouse.url, settings.model_dump(), str(file), failpoint)
    )
    process.start()
    process.join(60 if kill_after is None else kill_after)
    if process.is_alive():
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        process.join(60)
    assert process.exitcode is not None
    return process.exitcode


def state(warehouse: Warehouse) -> dict[str, list[Any]]:
    """All that must not depend on when something happened: no ids, no times of loading."""
    contents: dict[str, list[Any]] = {}
    with warehouse.transaction() as transaction:
        for name, entry in tables.CANONICAL.items():
            columns = ", ".join(column.name for column in entry)
            rows = transaction.execute(
                f"SELECT {columns}, line_number, superseded_at IS NULL FROM curated.{name}"
            )
            contents[name] = sorted((tuple(row) for row in rows), key=repr)
        for name, sql in {
            "quarantine": "SELECT line_number, raw_text, reason_code FROM quarantine.rows",
            "deliveries": "SELECT file_name, status, delivered_count, accepted_count, "
            "quarantined_count, duplicate_count, corrected_count FROM raw.deliveries",
            "batches": "SELECT status FROM raw.batches",
        }.items():
            contents[name] = sorted((tuple(row) for row in transaction.execute(sql)), key=repr)
    return contents


@pytest.fixture(scope="module")
def undisturbed(
    new_warehouse: NewWarehouse,
    files: list[Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, list[Any]]:
    """The state after both files were ingested without any fault."""
    folder = tmp_path_factory.mktemp("undisturbed")
    settings = with_source(load({"RETENTION_HOME": str(folder / "home")}), folder)
    with new_warehouse() as warehouse:
        for file in files:
            ingest(warehouse, settings=settings, source="shop", files=[file])
        return state(warehouse)


def test_the_undisturbed_run_has_all_fates(undisturbed: dict[str, list[Any]]) -> None:
    assert undisturbed["deliveries"] == [
        ("lines_1.csv", "accepted", 60, 60, 0, 0, 0),
        ("lines_2.csv", "accepted", 82, 60, 2, 20, 20),
    ]


@pytest.mark.fault(
    "kill -9 in each phase of ingestion",
    promises="P1 P2",
    row=1,
    counted="kills in each phase of ingestion",
)
@pytest.mark.thorough
@pytest.mark.parametrize(("failpoint", "number"), DEATHS)
def test_killed_at_a_failpoint_nothing_is_lost_or_doubled_and_a_retry_completes(
    processes: ForkServerContext,
    warehouse: Warehouse,
    settings: Settings,
    files: list[Path],
    undisturbed: dict[str, list[Any]],
    failpoint: str,
    number: int,
) -> None:
    ingest(warehouse, settings=settings, source="shop", files=[files[0]])
    ended = run(processes, warehouse, settings, files[1], failpoint=failpoint)
    assert ended == -signal.SIGKILL, f"{failpoint} was not reached"
    assert violations(warehouse) == []
    assert run(processes, warehouse, settings, files[1]) == 0
    assert violations(warehouse) == []
    after = state(warehouse)
    if failpoint == "curate.after_commit":  # all was done: the retry finds the file repeated
        after["deliveries"].remove(("lines_2.csv", "repeated", 0, 0, 0, 0, 0))
        after["batches"].pop()
    assert after == undisturbed


@pytest.mark.parametrize("failpoint", ["curate.before_indexes", "curate.before_commit"])
def test_killed_during_a_first_load_the_indexes_are_there_and_a_retry_completes(
    processes: ForkServerContext,
    warehouse: Warehouse,
    settings: Settings,
    files: list[Path],
    undisturbed: dict[str, list[Any]],
    failpoint: str,
) -> None:
    from tests.chaos.victim import bring_in_as_large

    indexes = "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'curated' ORDER BY 1"
    before = warehouse.read(indexes)
    assert before.num_rows > 30
    for failure in (failpoint, ""):
        process = processes.Process(
            target=bring_in_as_large,
            args=(warehouse.url, settings.model_dump(), str(files[0]), failure),
        )
        process.start()
        process.join(60)
        assert process.exitcode == (-signal.SIGKILL if failure else 0)
        assert warehouse.read(indexes).equals(before)
        assert violations(warehouse) == []
    assert run(processes, warehouse, settings, files[1]) == 0
    assert state(warehouse) == undisturbed


@pytest.mark.fault(
    "kill -9 at random during ingestion",
    promises="P1 P2",
    row=1,
    counted="kills at random during ingestion",
)
@pytest.mark.slow
def test_killed_at_random_moments_nothing_is_lost_or_doubled(
    processes: ForkServerContext,
    warehouse: Warehouse,
    settings: Settings,
    files: list[Path],
    undisturbed: dict[str, list[Any]],
) -> None:
    draw = random.Random(20260301)
    for file in files:
        for _ in rounds("kills at random during ingestion", len(files)):
            ended = run(processes, warehouse, settings, file, kill_after=draw.uniform(0, 1.5))
            assert ended in (0, -signal.SIGKILL)
            assert violations(warehouse) == []
        assert run(processes, warehouse, settings, file) == 0
    after = state(warehouse)
    after["deliveries"] = [row for row in after["deliveries"] if row[1] != "repeated"]
    assert {k: v for k, v in after.items() if k != "batches"} == {
        k: v for k, v in undisturbed.items() if k != "batches"
    }


@pytest.mark.parametrize("first", ["rows", "ledger"])
def test_a_naive_loader_that_dies_between_rows_and_ledger_is_caught(
    processes: ForkServerContext, warehouse: Warehouse, first: str
) -> None:
    from tests.chaos.victim import load_naively

    process = processes.Process(target=load_naively, args=(warehouse.url, first))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    assert [violation.invariant.promise for violation in violations(warehouse)] == ["P1"]
