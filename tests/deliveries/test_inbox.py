"""What lies in the inbox and no run will ever ingest."""

import os
from pathlib import Path

import pytest

from retention_ml.deliveries.inbox import left_alone


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in (
        "my_shop/a.csv",
        "my_shop/history/b.csv",
        "my_shop/done/c.csv",
        "other/held/d.csv",
    ):
        drop(tmp_path, name)
    return tmp_path


def drop(folder: Path, name: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("x", encoding="utf-8")
    return path


def test_of_an_inbox_in_order_nothing_is_named(folder: Path) -> None:
    for name in (".hidden", "my_shop/.a", "my_shop/b.part", "my_shop/Thumbs.db", "old/done/e.csv"):
        drop(folder, name)
    (folder / "no_files_yet").mkdir()
    assert left_alone(folder, ["my_shop", "other"]) == {}
    assert left_alone(folder / "never", ["my_shop"]) == {}


def test_whatever_is_no_file_of_a_source_is_named_with_what_it_is(folder: Path) -> None:
    for name in ("e.csv", "myshop/f.csv", "myshop/history/g.csv", "x/h.csv", "my_shop/new/i.csv"):
        drop(folder, name)
    os.mkfifo(folder / "my_shop" / "pipe.csv")
    os.mkfifo(folder / "my_shop" / "history" / "pipe.csv")
    (folder / "my_shop" / "gone.csv").symlink_to(folder / "nowhere.csv")
    (folder / "my_shop" / "whole.csv").symlink_to(folder / "my_shop" / "a.csv")
    drop(folder, os.fsdecode(b"other/caf\xe9.csv"))
    assert left_alone(folder, ["my_shop", "other"]) == {
        "e.csv": "a file in no source's folder",
        "my_shop/gone.csv": "a link that leads nowhere",
        "my_shop/history/pipe.csv": "a named pipe",
        "my_shop/new": "a folder",
        "my_shop/pipe.csv": "a named pipe",
        "myshop": "a folder of no source, with 2 files; did you mean my_shop?",
        "other/caf?.csv": "a file whose name is no text",
        "x": "a folder of no source, with 1 file",
    }
