"""kill -9 while an archive of old is sealed: every file is plain or sealed, and the next run ends."""

import hashlib
import multiprocessing
import os
import random
import signal
from multiprocessing.context import ForkServerContext
from pathlib import Path

import pytest

from retention_ml.deliveries import archive
from retention_ml.deliveries.seal import seal
from retention_ml.deliveries.sealing.stored_file import StoredFile
from retention_ml.keys import Keyring
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.chaos.counts import rounds

FILES, FILE_BYTES = 24, 3 << 20


@pytest.fixture(scope="module")
def processes() -> ForkServerContext:
    """Processes of their own that find everything imported."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.chaos.test_seal_kills"])
    return context


def _work(url: str, home: str, failpoint: str) -> None:
    os.environ["RETENTION_FAILPOINT"] = failpoint
    seal(Warehouse(url), settings=Settings(home=Path(home)))


def _run(
    processes: ForkServerContext,
    warehouse: Warehouse,
    home: Path,
    *,
    failpoint: str = "",
    kill_after: float | None = None,
) -> int:
    process = processes.Process(target=_work, args=(warehouse.url, str(home), failpoint))
    process.start()
    process.join(60 if kill_after is None else kill_after)
    if process.is_alive():
        process.kill()
        process.join(60)
    assert process.exitcode is not None
    return process.exitcode


def _fill(home: Path) -> dict[str, bytes]:
    """Plain files by their SHA-256, in the archive and in `done/`."""
    contents = {}
    (home / "inbox/shop/done").mkdir(parents=True)
    for number in range(FILES):
        content = random.Random(number).randbytes(FILE_BYTES + number)
        sha256 = hashlib.sha256(content).hexdigest()
        path = archive.path_of(home, sha256)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        (home / "inbox/shop/done" / f"{number}.csv").write_bytes(content)
        contents[sha256] = content
    return contents


def _contents(home: Path) -> dict[str, bytes]:
    """All files of the archive as they are read; that they are whole."""
    ring = Keyring.of(Settings(home=home))
    files = [
        StoredFile(path, path.name, ring)
        for path in (home / "landing").glob("??/*")
        if not path.name.startswith(".")
    ]
    assert all(file.is_whole() for file in files)
    return {file.sha256: b"".join(file.pieces()) for file in files}


def _assert_done(warehouse: Warehouse, home: Path) -> None:
    receipt = seal(warehouse, settings=Settings(home=home))
    assert (receipt.written, receipt.duplicates) == (0, FILES)
    assert os.listdir(home / "inbox/shop/done") == []


def test_killed_before_a_file_is_renamed_it_is_plain_and_the_next_run_seals_all(
    processes: ForkServerContext, warehouse: Warehouse, tmp_path: Path
) -> None:
    contents = _fill(tmp_path)
    ended = _run(processes, warehouse, tmp_path, failpoint="seal.before_rename")
    assert ended == -signal.SIGKILL
    assert _contents(tmp_path) == contents
    assert _run(processes, warehouse, tmp_path) == 0
    assert _contents(tmp_path) == contents
    _assert_done(warehouse, tmp_path)


@pytest.mark.fault(
    "kill -9 while the archive is sealed", promises="P1 P7", counted="kills in sealing the archive"
)
@pytest.mark.slow
def test_killed_at_random_moments_no_file_is_lost_or_half_sealed(
    processes: ForkServerContext, warehouse: Warehouse, tmp_path: Path
) -> None:
    contents = _fill(tmp_path)
    Keyring.of(Settings(home=tmp_path))
    draw = random.Random(20261130)
    deaths = 0
    for number in rounds("kills in sealing the archive", 1):
        if number and number % 5 == 0:  # there is something to do again
            Keyring.of(Settings(home=tmp_path)).rotate("archive")
        after = draw.uniform(0.05, 0.6)
        deaths += _run(processes, warehouse, tmp_path, kill_after=after) == -signal.SIGKILL
        assert _contents(tmp_path) == contents
    assert deaths > 0
    assert _run(processes, warehouse, tmp_path) == 0
    assert _contents(tmp_path) == contents
    _assert_done(warehouse, tmp_path)
