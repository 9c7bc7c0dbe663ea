"""Who was forgotten leaves the pages and the WAL of Postgres, and a restored backup forgets them too."""

import shutil
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from retention_ml.curated.ingest import ingest
from retention_ml.errors import SettingsError
from retention_ml.maintenance.erasure.forget import forget
from retention_ml.maintenance.erasure.prove import prove
from retention_ml.maintenance.invariants import violations
from retention_ml.stack import databases
from retention_ml.stack.backups.back_up import back_up
from retention_ml.stack.backups.restore import restore
from retention_ml.stack.postgres import binaries
from retention_ml.warehouse import Warehouse
from tests.worlds.small_platform import HEADER, opened, small_platform

NUMBER = "PERSON00000017"


def _dumped(backup: Path) -> str:
    """All that a backup holds of the warehouse, as SQL."""
    folder = backup / "databases" / "retention"
    written = subprocess.run(
        [str(binaries() / "pg_restore"), "--file=-", str(folder)], capture_output=True, check=True
    )
    text = written.stdout.decode("utf-8", "replace")
    assert "COPY curated.order_lines" in text
    return text


@pytest.mark.fault("a backup from before, restored; a dump made after", promises="P7", row=40)
def test_storage_and_restored_backups_forget_too(tmp_path: Path) -> None:
    file = tmp_path / "lines_second.csv"
    lines = [
        f"{order},p1,{NUMBER if order % 2 else 'c1'},2026-02-01 10:00:00,1,2.50\n"
        for order in range(100, 140)
    ]
    file.write_text(HEADER + "".join(lines), encoding="utf-8")
    restored = tmp_path / "restored"
    with small_platform(tmp_path) as platform:
        settings = platform.settings
        ingest(platform.warehouse, settings=settings, source="shop", files=[file])
        name = back_up(platform.warehouse, settings=settings).details["name"]
        before = prove(platform.warehouse, settings=settings, numbers=[NUMBER]).details["hits"]
        assert any(place.startswith("postgres/data/pg_wal/") for place in before)
        with closing(Warehouse(databases.server(settings.home).url("retention"))) as server:
            receipt = forget(platform.warehouse, settings=settings, numbers=[NUMBER], server=server)
        assert receipt.details["is_wal_cleared"]
        proof = prove(platform.warehouse, settings=settings, numbers=[NUMBER])
        assert proof.details["hits"] == {}
        after = back_up(platform.warehouse, settings=settings).details["name"]
        assert NUMBER in _dumped(platform.shelf / name)  # so that looking finds
        assert NUMBER not in _dumped(platform.shelf / after)
        keys = settings.home / "keys.json"
        messages: list[str] = []
        restore(platform.shelf / name, restored, say=messages.append)
        assert any("forget --again" in message for message in messages)
        shutil.copy2(keys, restored)
    settings = settings.model_copy(update={"home": restored})
    with opened(restored) as warehouse:
        file.write_text(file.read_text("utf-8") + "\n", encoding="utf-8")
        with pytest.raises(SettingsError, match="forget --again"):
            ingest(warehouse, settings=settings, source="shop", files=[file])
        with closing(Warehouse(databases.server(restored).url("retention"))) as server:
            assert forget(warehouse, settings=settings, server=server).written == 1
        assert prove(warehouse, settings=settings, numbers=[NUMBER]).details["hits"] == {}
        ingest(warehouse, settings=settings, source="shop", files=[file])
        assert prove(warehouse, settings=settings, numbers=[NUMBER]).details["hits"] == {}
        assert violations(warehouse) == []
