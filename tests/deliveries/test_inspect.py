"""Trying a description on a file: no file and no row are reported."""

import gzip
from pathlib import Path

import pytest

from retention_ml.deliveries.inspect import check
from retention_ml.errors import FileRefused
from retention_ml.settings import Settings
from tests.worlds.feeds import HEADER, line, write


def test_a_missing_file_is_reported_before_its_name_is_matched(
    shop_settings: Settings, tmp_path: Path
) -> None:
    with pytest.raises(FileRefused, match=r"There is no file no_such\.csv"):
        check(tmp_path / "no_such.csv", settings=shop_settings, source="shop")
    with pytest.raises(FileRefused, match="is a directory; expected a regular file"):
        check(tmp_path, settings=shop_settings, source="shop")
    with pytest.raises(FileRefused, match=r"orders\.csv belongs to no feed of shop"):
        check(write(tmp_path / "orders.csv", [line()]), settings=shop_settings, source="shop")


def test_a_header_without_rows_gives_a_remark(shop_settings: Settings, tmp_path: Path) -> None:
    inspection = check(write(tmp_path / "lines.csv", []), settings=shop_settings, source="shop")
    assert (inspection.rows, inspection.accepted) == (0, 0)
    assert str(inspection.remark).startswith("lines.csv has a header and no rows")
    full = check(write(tmp_path / "lines.csv", [line()]), settings=shop_settings, source="shop")
    assert full.remark is None


def test_a_cut_gzip_file_is_refused_with_its_size(shop_settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "lines.csv"
    path.write_bytes(gzip.compress((HEADER + "\n" + line()).encode())[:-9])
    with pytest.raises(FileRefused, match=rf"cut off after {path.stat().st_size} bytes"):
        check(path, settings=shop_settings, source="shop")
