"""A file appears complete or not at all."""

import os
import stat
from pathlib import Path
from threading import Barrier, Thread

import pytest

from retention_ml import atomic_files


def test_a_new_file_and_its_folders_appear(tmp_path: Path) -> None:
    path = tmp_path / "reports" / "quality" / "index.html"
    atomic_files.write_text(path, "– new\n")
    assert path.read_text(encoding="utf-8") == "– new\n"
    assert os.listdir(path.parent) == ["index.html"]


def test_a_crash_before_the_rename_leaves_the_old_file_and_no_draft(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "index.html"
    path.write_text("old", encoding="utf-8")

    def fail(*_: object) -> Path:
        raise OSError("the disk is gone")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", fail)
        with pytest.raises(OSError, match="the disk is gone"):
            atomic_files.write_text(path, "new")
    assert path.read_text(encoding="utf-8") == "old"
    assert os.listdir(tmp_path) == ["index.html"]


def test_a_block_that_fails_halfway_leaves_the_old_file_and_no_draft(tmp_path: Path) -> None:
    path = tmp_path / "table.parquet"
    path.write_bytes(b"old")
    with pytest.raises(ValueError, match="halfway"), atomic_files.replacing(path) as draft:  # noqa: PT012
        draft.write_bytes(b"ne")
        raise ValueError("halfway")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["table.parquet"]


def test_a_reader_sees_the_old_file_until_the_block_ends(tmp_path: Path) -> None:
    path = tmp_path / "table.parquet"
    path.write_bytes(b"old")
    with atomic_files.replacing(path) as draft:
        draft.write_bytes(b"new")
        assert draft.parent == path.parent
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"


def test_two_writers_do_not_meet_in_one_draft(tmp_path: Path) -> None:
    path = tmp_path / "ports.json"
    both_wrote = Barrier(2, timeout=30)

    def write(text: str) -> None:
        with atomic_files.replacing(path) as draft:
            draft.write_text(text, encoding="utf-8")
            both_wrote.wait()

    writers = [Thread(target=write, args=(letter * 1000,)) for letter in "ab"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert path.read_text(encoding="utf-8") in ("a" * 1000, "b" * 1000)
    assert os.listdir(tmp_path) == ["ports.json"]


def test_a_secret_is_never_readable_by_others(tmp_path: Path) -> None:
    path = tmp_path / "secrets.json"
    path.write_text("old", encoding="utf-8")
    atomic_files.write_text(path, "{}", mode=0o600)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_below_a_folder_of_the_owner_alone_everything_is(tmp_path: Path) -> None:
    umask = os.umask(0)
    try:
        for mode in (0o700, 0o755):
            home = tmp_path / f"{mode:o}"
            home.mkdir(mode=mode)
            atomic_files.write_text(home / "reports" / "quality" / "index.html", "rows")
    finally:
        os.umask(umask)
    modes = {
        path.relative_to(tmp_path).as_posix(): stat.S_IMODE(path.stat().st_mode)
        for path in tmp_path.rglob("*")
    }
    assert modes == {
        "700": 0o700, "700/reports": 0o700, "700/reports/quality": 0o700,
        "700/reports/quality/index.html": 0o600,
        "755": 0o755, "755/reports": 0o777, "755/reports/quality": 0o777,
        "755/reports/quality/index.html": 0o666,
    }  # fmt: skip


def test_durable_bytes_are_on_the_disk_before_they_have_their_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "outbox" / "delta.csv"
    synced: list[tuple[bool, bool]] = []

    def sync(descriptor: int) -> None:
        is_folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        synced.append((is_folder, path.exists()))

    monkeypatch.setattr(os, "fsync", sync)
    atomic_files.write_durable(path, b"whole")
    assert path.read_bytes() == b"whole"
    assert synced == [(False, False), (True, True)]
