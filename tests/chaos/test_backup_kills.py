"""kill -9 while a backup is taken or restored: what looks whole is whole, the same call ends it."""

import multiprocessing
from collections.abc import Callable, Iterator
from multiprocessing.context import ForkServerContext
from pathlib import Path

import pytest

from retention_ml.errors import UsageError
from retention_ml.failpoints import FAILPOINTS
from retention_ml.stack import databases
from retention_ml.stack.backups import shelf
from retention_ml.stack.backups.back_up import back_up
from retention_ml.stack.backups.manifest import Manifest
from retention_ml.stack.backups.restore import restore
from retention_ml.stack.backups.verify import verify
from tests.chaos import keeper
from tests.worlds.small_platform import SmallPlatform, opened, orders_of, small_platform

pytestmark = pytest.mark.thorough

KILLED = -9
TAKING = [name for name in FAILPOINTS if name.startswith("back_up.")]
RESTORING = [name for name in FAILPOINTS if name.startswith("restore.")]


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallPlatform]:
    with small_platform(tmp_path_factory.mktemp("platform")) as made:
        yield made


@pytest.fixture(scope="module")
def processes() -> ForkServerContext:
    """Processes of their own that find everything imported: a kill costs no start-up."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.chaos.keeper"])
    return context


def killed(processes: ForkServerContext, work: Callable[..., None], *arguments: object) -> None:
    process = processes.Process(target=work, args=arguments)
    process.start()
    process.join()
    assert process.exitcode == KILLED


@pytest.mark.fault("kill -9 of a backup and of a restore", promises="P6", row=16)
@pytest.mark.parametrize("failpoint", TAKING)
def test_a_backup_that_was_killed_is_whole_or_none(
    platform: SmallPlatform, processes: ForkServerContext, failpoint: str
) -> None:
    before = set(shelf.names(platform.shelf)) if platform.shelf.exists() else set()
    killed(processes, keeper.take, platform.settings.model_dump(), failpoint)
    left = set(shelf.names(platform.shelf)) - before
    assert len(left) == (failpoint == "back_up.after_rename")
    for name in left:
        assert Manifest.read(platform.shelf / name).damage(platform.shelf / name) == []
    back_up(platform.warehouse, settings=platform.settings)
    assert list(platform.shelf.glob(f"{shelf.DRAFT}*")) == []
    verify(platform.warehouse, settings=platform.settings, is_drill=False)
    rows = platform.warehouse.read("SELECT name FROM ops.backups WHERE verified_at IS NOT NULL")
    assert set(rows["name"].to_pylist()) == set(shelf.names(platform.shelf))


@pytest.mark.parametrize("failpoint", RESTORING)
def test_a_home_that_was_half_restored_is_begun_again(
    platform: SmallPlatform, processes: ForkServerContext, tmp_path: Path, failpoint: str
) -> None:
    receipt = back_up(platform.warehouse, settings=platform.settings)
    backup, home = platform.shelf / str(receipt.details["name"]), tmp_path / "home"
    killed(processes, keeper.bring_back, str(backup), str(home), failpoint)
    try:
        result = restore(backup, home, say=lambda _: None)
        assert result["rows_count"] == Manifest.read(backup).rows_count
        with opened(home) as warehouse:
            assert orders_of(warehouse) == 60
        with pytest.raises(UsageError, match="is not empty"):
            restore(backup, home, say=lambda _: None)
    finally:
        databases.server(home).stop("immediate")
