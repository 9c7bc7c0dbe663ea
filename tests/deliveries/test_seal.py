"""The archive of old is sealed file by file; what is damaged stays and is named."""

import hashlib
import os
import stat
from pathlib import Path

import pytest

from retention_ml.deliveries import archive
from retention_ml.deliveries.seal import seal
from retention_ml.deliveries.sealing.stored_file import StoredFile
from retention_ml.errors import SettingsError
from retention_ml.keys import Keyring
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse


def _plain(settings: Settings, content: bytes, name: str = "") -> StoredFile:
    """A file as an older version archived it."""
    sha256 = name or hashlib.sha256(content).hexdigest()
    path = archive.path_of(settings.home, sha256)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return StoredFile(path, sha256, Keyring.of(settings))


def _read(content: StoredFile) -> bytes:
    with content.open() as stream:
        return stream.read()


def test_plain_files_are_sealed_once(warehouse: Warehouse, settings: Settings) -> None:
    files = [_plain(settings, b"id,b\nC0001,%d\n" % n) for n in range(5)]
    receipt = seal(warehouse, settings=settings)
    assert (receipt.read, receipt.written, receipt.duplicates) == (5, 5, 0)
    assert [_read(file) for file in files] == [b"id,b\nC0001,%d\n" % n for n in range(5)]
    assert {stat.S_IMODE(file.path.stat().st_mode) for file in files} == {0o600}
    sealed = [file.path.read_bytes() for file in files]
    assert not any(b"C0001" in content for content in sealed)
    again = seal(warehouse, settings=settings)
    assert (again.read, again.written, again.duplicates) == (5, 0, 5)
    assert [file.path.read_bytes() for file in files] == sealed


def test_damaged_files_stay_as_they_are_and_are_named(
    warehouse: Warehouse, settings: Settings
) -> None:
    good, bad = _plain(settings, b"a,b\n1,2\n"), _plain(settings, b"a,b\n3,4\n", "ab" * 32)
    receipt = seal(warehouse, settings=settings)
    assert (receipt.read, receipt.written, receipt.quarantined) == (2, 1, 1)
    assert receipt.details["damaged"] == ["ab" * 32]
    assert bad.path.read_bytes() == b"a,b\n3,4\n"
    assert (good.key_version, bad.key_version) == (1, None)


def test_after_a_rotation_everything_is_sealed_anew_and_the_old_copies_are_unreadable(
    warehouse: Warehouse, settings: Settings, tmp_path: Path
) -> None:
    _plain(settings, b"a,b\n1,2\n")
    seal(warehouse, settings=settings)
    old = next((settings.home / "landing").glob("??/*"))
    backup = tmp_path / "backup"
    backup.write_bytes(old.read_bytes())
    Keyring.of(settings).rotate("archive")
    receipt = seal(warehouse, settings=settings)
    assert (receipt.written, receipt.duplicates) == (1, 0)
    ring = Keyring.of(settings).drop("archive", 1)
    assert _read(StoredFile(old, old.name, ring)) == b"a,b\n1,2\n"
    with pytest.raises(SettingsError, match="no version 1"):
        StoredFile(backup, old.name, ring).open()


def test_what_was_sealed_with_a_dropped_key_is_counted_and_stays(
    warehouse: Warehouse, settings: Settings
) -> None:
    file = _plain(settings, b"a,b\n1,2\n")
    seal(warehouse, settings=settings)
    before = file.path.read_bytes()
    Keyring.of(settings).rotate("archive").drop("archive", 1)
    receipt = seal(warehouse, settings=settings)
    assert (receipt.quarantined, receipt.details["without_key"]) == (1, 1)
    assert file.path.read_bytes() == before


def test_done_is_emptied_of_what_the_archive_holds_unless_it_is_to_be_kept(
    warehouse: Warehouse, settings: Settings, tmp_path: Path
) -> None:
    folders = [settings.home / "inbox/shop" / name for name in ("done", "history/done", "refused")]
    for folder in folders:
        folder.mkdir(parents=True)
        (folder / "a.csv").write_bytes(b"a,b\n1,2\n")
        (folder / "other.csv").write_bytes(b"a,b\n5,6\n")
    archive.store(folders[0] / "a.csv", settings)
    keeping = settings.model_copy(
        update={"archive": settings.archive.model_copy(update={"keep_done": True})}
    )
    assert seal(warehouse, settings=keeping).details["done_deleted"] == 0
    assert seal(warehouse, settings=settings).details["done_deleted"] == 2
    assert [sorted(os.listdir(folder)) for folder in folders] == [
        ["history", "other.csv"] if folder.name == "shop" else ["other.csv"]
        for folder in folders[:2]
    ] + [["a.csv", "other.csv"]]


def test_drafts_of_killed_processes_are_deleted_after_a_day(
    warehouse: Warehouse, settings: Settings
) -> None:
    content = _plain(settings, b"a,b\n1,2\n")
    drafts = [settings.home / "landing/.delivery.1", content.path.with_name(".x.2")]
    live = settings.home / "landing/.delivery.3"
    for path in (*drafts, live):
        path.write_bytes(b"rest")
    for path in drafts:
        os.utime(path, (1_700_000_000, 1_700_000_000))
    receipt = seal(warehouse, settings=settings)
    assert (receipt.read, receipt.details["drafts_deleted"]) == (1, 2)
    assert live.exists()
    assert not any(path.exists() for path in drafts)


def test_without_its_keys_nothing_is_sealed(warehouse: Warehouse, settings: Settings) -> None:
    _plain(settings, b"a,b\n1,2\n")
    seal(warehouse, settings=settings)
    plain = _plain(settings, b"a,b\n3,4\n")
    (settings.home / "keys.json").unlink()
    with pytest.raises(SettingsError, match="was filled with keys"):
        seal(warehouse, settings=settings)
    assert plain.path.read_bytes() == b"a,b\n3,4\n"
