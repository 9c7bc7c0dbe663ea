"""Which backups stay, and that an interrupted removal leaves none that looks whole."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from retention_ml.errors import UsageError
from retention_ml.stack.backups import shelf
from retention_ml.stack.backups.manifest import Manifest
from retention_ml.stack.backups.prune import prune
from tests.worlds.small_platform import SmallPlatform

LAST = datetime(2026, 3, 31, 3, tzinfo=UTC)


def put(folder: Path, taken_at: datetime) -> str:
    name = f"{taken_at:%Y%m%dT%H%M%SZ}-dump"
    (folder / name).mkdir(parents=True)
    manifest = Manifest(
        name=name, kind="dump", taken_at=taken_at, postgres="18.0", migration="0001", databases={},
        files={},
    )  # fmt: skip
    manifest.write(folder / name)
    return name


def test_the_last_of_days_weeks_and_months_stay(platform: SmallPlatform, tmp_path: Path) -> None:
    for days in range(100):
        put(tmp_path, LAST - timedelta(days=days))
    (tmp_path / f"{shelf.DRAFT}left").mkdir()
    receipt = prune(platform.warehouse, settings=platform.settings, folder=tmp_path)
    stay = shelf.names(tmp_path)
    assert stay[-7:] == [f"202603{day}T030000Z-dump" for day in range(25, 32)]
    assert {f"2026{day}T030000Z-dump" for day in ("0322", "0315", "0228", "0131")} <= set(stay)
    assert "20251231T030000Z-dump" in stay
    assert (receipt.read, receipt.written, receipt.left_out) == (100, 100 - len(stay), len(stay))
    assert list(tmp_path.glob(".*")) == []
    again = prune(platform.warehouse, settings=platform.settings, folder=tmp_path)
    assert (again.read, again.written) == (len(stay), 0)


def test_one_that_is_asked_for_and_not_there_is_answered_with_those_there_are(
    tmp_path: Path,
) -> None:
    with pytest.raises(UsageError, match="There is no backup in"):
        shelf.find(tmp_path, "")
    name = put(tmp_path, LAST)
    assert shelf.find(tmp_path, "").name == name
    with pytest.raises(UsageError, match=f"There is no backup other in .* There are: {name}"):
        shelf.find(tmp_path, "other")
