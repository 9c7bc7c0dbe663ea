"""Back to a moment: what was deleted after it is there again."""

from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from retention_ml import clock
from retention_ml.errors import NotReady, UsageError
from retention_ml.settings import load
from retention_ml.stack import databases
from retention_ml.stack.backups import shelf
from retention_ml.stack.backups.back_up import back_up, back_up_cluster_if_due
from retention_ml.stack.backups.prune import prune
from retention_ml.stack.backups.restore import restore
from retention_ml.stack.backups.verify import verify
from tests.worlds.small_platform import SmallPlatform, opened, orders_of, small_platform


def moment(platform: SmallPlatform) -> datetime:
    at = platform.warehouse.read("SELECT clock_timestamp() AS at")["at"][0].as_py()
    assert isinstance(at, datetime)
    return at


def test_a_moment_between_a_delivery_and_a_mistake_is_reached(tmp_path: Path) -> None:
    with small_platform(tmp_path, wal=True) as platform:
        receipt = back_up_cluster_if_due(platform.warehouse, settings=platform.settings)
        base = platform.shelf / str(receipt.details["name"])
        with pytest.raises(NotReady, match="is not a week old"):
            back_up_cluster_if_due(platform.warehouse, settings=platform.settings)
        assert verify(platform.warehouse, settings=platform.settings, is_drill=False)
        platform.deliver("second", range(60, 100))
        before = moment(platform)
        with platform.warehouse.transaction() as transaction:
            transaction.execute("TRUNCATE curated.order_lines")
        with closing(admin(platform)) as owner, owner.transaction() as transaction:
            transaction.execute("SELECT pg_switch_wal()")
        databases.server(platform.settings.home).stop("fast")

        home = tmp_path / "back"
        result = restore(base, home, until=before, say=lambda _: None)
        with opened(home) as warehouse:
            assert orders_of(warehouse) == 100
        assert result["missing_files"] == ["lines_second.csv"], "it came after the base"
        with pytest.raises(UsageError, match="after the moment asked for"):
            restore(base, tmp_path / "no", until=before - timedelta(days=1), say=lambda _: None)

        last = tmp_path / "last"
        restore(base, last, say=lambda _: None)
        with opened(last) as warehouse:
            assert orders_of(warehouse) == 0, "all of the archived WAL was replayed"


def admin(platform: SmallPlatform):  # type: ignore[no-untyped-def]
    from retention_ml.warehouse import Warehouse

    return Warehouse(databases.server(platform.settings.home).url())


def test_wal_older_than_the_oldest_base_is_removed(tmp_path: Path) -> None:
    with small_platform(tmp_path, wal=True) as platform:
        wal = shelf.wal_of(platform.shelf)
        with closing(admin(platform)) as owner:
            for _ in range(3):
                with owner.transaction() as transaction:
                    transaction.execute("SELECT pg_switch_wal(), txid_current()")
            back_up(platform.warehouse, settings=platform.settings, kind="base")
        before = {path.name for path in wal.iterdir()}
        prune(platform.warehouse, settings=platform.settings)
        after = {path.name for path in wal.iterdir()}
        assert after < before
        restore(shelf.find(platform.shelf, ""), tmp_path / "again", say=lambda _: None)
        with opened(tmp_path / "again") as warehouse:
            assert orders_of(warehouse) == 60


def test_wal_is_not_archived_without_a_folder() -> None:
    from retention_ml.errors import SettingsError

    with pytest.raises(SettingsError, match="wal needs a folder"):
        load({"RETENTION_BACKUPS__WAL": "true"})


def test_a_dump_is_one_moment(platform: SmallPlatform, tmp_path: Path) -> None:
    back_up(platform.warehouse, settings=platform.settings)
    with pytest.raises(UsageError, match="is a dump, which is one moment"):
        restore(
            shelf.find(platform.shelf, ""), tmp_path / "no", until=clock.now(), say=lambda _: None
        )
