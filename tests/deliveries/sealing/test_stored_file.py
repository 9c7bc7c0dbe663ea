"""Every reader reads a sealed file of the archive as it reads the file that was delivered."""

import bz2
import gzip
import io
import lzma
import zipfile
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from retention_ml.deliveries import archive
from retention_ml.deliveries.description.feed import Feed
from retention_ml.deliveries.readers.readers import open_file
from retention_ml.deliveries.sealing.frames import FRAME_BYTES, DamagedArchive
from retention_ml.deliveries.sealing.stored_file import DeliveredFile, for_arrow, size_of
from retention_ml.errors import FileRefused
from retention_ml.settings import Settings
from tests.worlds.workbooks import write_workbook

_ROWS = [(f"C{n:05}", f"{n % 90}.50") for n in range(2_000)]
_CSV = "id,amount\n" + "".join(f"{a},{b}\n" for a, b in _ROWS)


def _zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("orders.csv", _CSV)
    return buffer.getvalue()


def _parquet(**options: Any) -> bytes:
    buffer = io.BytesIO()
    table = pa.table({"id": [a for a, _ in _ROWS], "amount": [b for _, b in _ROWS]})
    pq.write_table(table, buffer, row_group_size=700, **options)
    return buffer.getvalue()


def _workbook() -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "orders.xlsx"
        write_workbook(path, {"Orders": [["id", "amount"], *_ROWS]})
        return path.read_bytes()


_FILES: dict[str, tuple[str, Callable[[], bytes]]] = {
    "plain": ("csv", _CSV.encode),
    "gzip": ("csv", lambda: gzip.compress(_CSV.encode())),
    "bzip2": ("csv", lambda: bz2.compress(_CSV.encode())),
    "xz": ("csv", lambda: lzma.compress(_CSV.encode())),
    "zip": ("csv", _zipped),
    "json lines": ("jsonl", lambda: "".join(f'{{"id":"{a}","amount":{b}}}\n' for a, b in _ROWS).encode()),
    "json": ("json", lambda: ("[" + ",".join(f'{{"id":"{a}","amount":{b}}}' for a, b in _ROWS) + "]").encode()),
    "parquet": ("parquet", _parquet),
    "parquet with dictionaries": ("parquet", lambda: _parquet(use_dictionary=True, compression="zstd")),
    "workbook": ("xlsx", _workbook),
}  # fmt: skip


def _feed(format_: str) -> Feed:
    columns = {"customer_id": "id", "country": "amount"}
    return Feed.model_validate(
        {"files": ["*"], "format": format_, "table": "customers", "columns": columns}
    )


def _rows(file: DeliveredFile, feed: Feed) -> list[dict[str, Any]]:
    return [row for chunk in open_file(file, feed).chunks for row in chunk.rows.to_pylist()]


@pytest.mark.parametrize("kind", _FILES)
def test_a_sealed_file_is_read_like_the_delivered_one(tmp_path: Path, kind: str) -> None:
    format_, make = _FILES[kind]
    path = tmp_path / "orders"
    path.write_bytes(make())
    stored = archive.store(path, Settings(home=tmp_path / "home")).content
    assert stored.key_version == 1
    rows = _rows(path, _feed(format_))
    assert len(rows) == len(_ROWS)
    assert rows[7]["id"] == "C00007"
    assert _rows(stored, _feed(format_)) == rows
    assert size_of(stored) == size_of(path) == path.stat().st_size


@pytest.mark.parametrize("kind", _FILES)
def test_of_a_damaged_copy_no_row_is_read(tmp_path: Path, kind: str) -> None:
    format_, make = _FILES[kind]
    path = tmp_path / "orders"
    path.write_bytes(make())
    stored = archive.store(path, Settings(home=tmp_path / "home")).content
    sealed = bytearray(stored.path.read_bytes())
    sealed[-1] ^= 1
    stored.path.write_bytes(sealed)
    with pytest.raises(FileRefused, match=r"copy landing/.* is damaged") as refusal:
        _rows(stored, _feed(format_))
    assert refusal.value.reason_code == "damaged_archive"


def test_a_parquet_file_that_is_damaged_after_it_was_opened_ends_in_a_refusal(
    tmp_path: Path,
) -> None:
    path = tmp_path / "orders"
    table = pa.table({"id": pa.array(range(900_000)), "amount": pa.array(range(900_000))})
    pq.write_table(table, path, compression="none", use_dictionary=False)
    stored = archive.store(path, Settings(home=tmp_path / "home")).content
    sealed = bytearray(stored.path.read_bytes())
    assert len(sealed) > 4 * FRAME_BYTES
    opened = open_file(stored, _feed("parquet"))
    sealed[len(sealed) // 2] ^= 1
    stored.path.write_bytes(sealed)
    with pytest.raises(FileRefused, match="is damaged"):
        for _ in opened.chunks:
            pass


def test_a_file_is_sealed_while_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "orders"
    path.write_bytes(_parquet())
    settings = Settings(home=tmp_path / "home")
    stored = archive.store(path, settings).content
    stored.path.write_bytes(path.read_bytes())  # as an older version left it
    opened = open_file(stored, _feed("parquet"))
    archive.replace_content(stored, stored.pieces())
    assert stored.key_version == 1
    assert sum(chunk.rows.num_rows for chunk in opened.chunks) == len(_ROWS)


def test_a_plain_file_that_is_not_what_its_name_says_is_not_sealed(tmp_path: Path) -> None:
    path = tmp_path / "orders"
    path.write_bytes(_CSV.encode())
    stored = archive.store(path, Settings(home=tmp_path / "home")).content
    stored.path.write_bytes(_CSV.encode() + b"x")
    with pytest.raises(DamagedArchive, match="its SHA-256 is not its name"):
        archive.replace_content(stored, stored.pieces())
    assert stored.path.read_bytes() == _CSV.encode() + b"x"
    assert [other.name for other in stored.path.parent.iterdir()] == [stored.name]


def test_a_stored_file_is_only_read(tmp_path: Path) -> None:
    path = tmp_path / "orders"
    path.write_bytes(_CSV.encode())
    stored = archive.store(path, Settings(home=tmp_path / "home")).content
    with pytest.raises(ValueError, match="opened with 'rb', not with 'wb'"):
        stored.open("wb")
    assert for_arrow(stored).size() == path.stat().st_size
