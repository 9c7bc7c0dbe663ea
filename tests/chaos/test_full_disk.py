"""A disk that fills up during ingestion: a sentence, nothing lost, and with room all is taken."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from retention_ml.cli import app
from retention_ml.maintenance.invariants import violations
from retention_ml.schema.migrate import migrate
from retention_ml.stack.postgres import EmbeddedPostgres
from retention_ml.warehouse import Warehouse
from tests.chaos.counts import count
from tests.worlds.batches import SOURCE

pytestmark = pytest.mark.thorough

ROUNDS = count("amounts of room on a disk that fills up")
ROWS = 4_000


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """Makes a disk of so many MiB."""
    mounted: list[Path] = []

    def make(megabytes: int) -> Path:
        place = tmp_path / f"disk_{len(mounted)}"
        place.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(place)]
        if shutil.which("mount") is None or subprocess.run(command, capture_output=True).returncode:
            pytest.skip("Only root may mount a small disk here.")
        mounted.append(place)
        return place

    yield make
    for place in mounted:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def _fill(disk: Path, *, free_bytes: int) -> Path:
    """A file that leaves so much room."""
    filler = disk / "filler"
    filler.unlink(missing_ok=True)
    room = shutil.disk_usage(disk).free - free_bytes
    with filler.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(room, 1))
    return filler


@pytest.fixture
def delivery(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Result]:
    """A command that ingests one file of a shop."""
    sources = tmp_path / "sources"
    sources.mkdir()
    (sources / "shop.toml").write_text(SOURCE, encoding="utf-8")
    rows = [f"{n},p{n % 5},c{n % 99},2026-02-01 10:00:00,1,2.50" for n in range(ROWS)]
    path = tmp_path / "lines.csv"
    header = "order,product,customer,time,quantity,price"
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    monkeypatch.setenv("RETENTION_SOURCES", str(sources))

    def run() -> Result:
        done = CliRunner().invoke(app, ["ingest", "--source", "shop", str(path)])
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return done

    return run


def _accepted(warehouse: Warehouse) -> list[tuple[str, int]]:
    rows = warehouse.read(
        "SELECT status, accepted_count FROM raw.deliveries WHERE status <> 'repeated'"
    )
    return [(row["status"], row["accepted_count"]) for row in rows.to_pylist()]


@pytest.mark.fault(
    "disk of the archive fills up",
    promises="P1 P2",
    row=12,
    counted="amounts of room on a disk that fills up",
)
@pytest.mark.parametrize("number", range(ROUNDS))
def test_a_full_home_ends_ingestion_in_a_sentence_and_with_room_the_same_command_takes_all(
    number: int,
    small_disk: Callable[[int], Path],
    delivery: Callable[[], Result],
    warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    disk = small_disk(4)
    monkeypatch.setenv("RETENTION_HOME", str(disk / "home"))
    monkeypatch.setenv("RETENTION_WAREHOUSE_URL", warehouse.url)
    # Room for nothing, half of the file, the file (170 KB) without its report, a part of that, …
    free_bytes = number * 260_000 // ROUNDS
    filler = _fill(disk, free_bytes=free_bytes)
    done = delivery()
    if done.exit_code:
        assert done.exit_code == 1, done.output
        assert "The disk is full" in done.stderr
        assert "Free space" in done.stderr
    else:
        assert free_bytes > 170_000, done.output  # it was enough for the file and its report
    assert violations(warehouse) == []
    filler.unlink()
    assert delivery().exit_code == 0
    assert violations(warehouse) == []
    assert _accepted(warehouse) == [("accepted", ROWS)]
    assert not [path for path in (disk / "home/landing").iterdir() if path.name.startswith(".")]


@pytest.mark.fault("disk of the database fills up", promises="P1 P2", row=12)
def test_a_full_disk_of_the_database_ends_in_a_sentence_and_with_room_all_is_taken(
    small_disk: Callable[[int], Path],
    delivery: Callable[[], Result],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    disk = small_disk(200)
    server = EmbeddedPostgres(disk / "postgres")
    server.start()
    try:
        with closing(Warehouse(server.url())) as warehouse:
            migrate(warehouse)
            monkeypatch.setenv("RETENTION_HOME", str(tmp_path / "home"))
            monkeypatch.setenv("RETENTION_WAREHOUSE_URL", warehouse.url)
            filler = _fill(disk, free_bytes=0)
            done = delivery()
            assert done.exit_code == 1, done.output
            assert "disk of the warehouse's server is full" in done.stderr
            filler.unlink()
            assert violations(warehouse) == []
            assert delivery().exit_code == 0
            assert violations(warehouse) == []
            assert _accepted(warehouse) == [("accepted", ROWS)]
    finally:
        server.stop("immediate")
