"""Trying a description on a file: what is no file, and what holds no row, is told."""

import gzip
from pathlib import Path

import pytest

from retention_ml.deliveries.inspect import check
from retention_ml.errors import FileRefused
from retention_ml.settings import Settings
from tests.worlds.feeds import HEADER, line, write


def test_what_is_no_file_is_told_before_what_its_name_should_be(
    shop_settings: Settings, tmp_path: Path
) -> None:
    with pytest.raises(FileRefused, match=r"There is no file no_such\.csv"):
        check(tmp_path / "no_such.csv", settings=shop_settings, source="shop")
    with pytest.raises(FileRefused, match="is a directory; expected a regular file"):
        check(tmp_path, settings=shop_settings, source="shop")
    with pytest.raises(FileRefused, match=r"orders\.csv belongs to no feed of shop"):
        check(write(tmp_path / "orders.csv", [line()]), settings=shop_settings, source="shop")


def test_a_header_alone_is_remarked_upon(shop_settings: Settings, tmp_path: Path) -> None:
    found = check(write(tmp_path / "lines.csv", []), settings=shop_settings, source="shop")
    assert (found.rows, found.accepted) == (0, 0)
    assert str(found.remark).startswith("lines.csv has a header and no rows")
    full = check(write(tmp_path / "lines.csv", [line()]), settings=shop_settings, source="shop")
    assert full.remark is None


def test_a_cut_gzip_file_is_refused_with_its_size(shop_settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "lines.csv"
    path.write_bytes(gzip.compress((HEADER + "\n" + line()).encode())[:-9])
    with pytest.raises(FileRefused, match=rf"cut off after {path.stat().st_size} bytes"):
        check(path, settings=shop_settings, source="shop")
