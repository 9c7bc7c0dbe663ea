"""Packed files: read by their content, or refused with what to do."""

import bz2
import gzip
import io
import lzma
import struct
import zipfile
from contextlib import suppress
from pathlib import Path

import pytest

from retention_ml.deliveries import archive, unpacking
from retention_ml.errors import FileRefused
from retention_ml.settings import Settings

TEXT = b"order,price\n1,2.00\n"


def zipped(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, data in files.items():
            packed.writestr(name, data)
    return stream.getvalue()


def read(path: Path, data: bytes, member: str | None = None) -> bytes:
    path.write_bytes(data)
    archived = archive.store(path, Settings(home=path.parent / "home"))
    return b"".join(unpacking.pieces(archived.content, archived.name, member))


@pytest.mark.parametrize(
    "packed",
    [
        TEXT,
        gzip.compress(TEXT[:12]) + gzip.compress(TEXT[12:]),
        bz2.compress(TEXT[:12]) + bz2.compress(TEXT[12:]),
        lzma.compress(TEXT[:12]) + lzma.compress(TEXT[12:]) + bytes(4),
        zipped({"export/orders.csv": TEXT}),
        zipped({"__MACOSX/._orders.csv": b"x", "orders.csv": TEXT, ".DS_Store": b"x"}),
    ],
)
def test_a_packed_file_is_read_as_its_content(tmp_path: Path, packed: bytes) -> None:
    assert read(tmp_path / "orders.csv", packed) == TEXT


def test_one_of_several_files_is_read_by_its_pattern(tmp_path: Path) -> None:
    packed = zipped({"a/orders-1.csv": TEXT, "a/customers.csv": b"id\n1\n"})
    path = tmp_path / "export.zip"
    assert read(path, packed, "orders*.csv") == TEXT
    assert read(path, packed, "a/customers.csv") == b"id\n1\n"
    for member in (None, "products*.csv"):
        with pytest.raises(
            FileRefused, match=r"2 files \(a/orders-1.csv, a/customers.csv\)"
        ) as caught:
            read(path, packed, member)
        assert caught.value.reason_code == "wrong_member"


def encrypted() -> bytes:
    data = bytearray(zipped({"orders.csv": TEXT}))
    for sign, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(sign) + offset] |= 1
    return bytes(data)


def unknown_compression() -> bytes:
    data = bytearray(zipped({"orders.csv": TEXT}))
    for sign, offset in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        place = data.index(sign) + offset
        data[place : place + 2] = struct.pack("<H", 9)
    return bytes(data)


def endless_directory() -> bytes:
    data = bytearray(zipped({"orders.csv": TEXT}))
    place = data.rindex(b"PK\x05\x06") + 12
    data[place : place + 4] = struct.pack("<L", 3 << 30)
    return bytes(data)


@pytest.mark.fault("zip, bzip2 and xz bombs, damaged and encrypted ones", promises="P1", row=19)
@pytest.mark.parametrize(
    ("packed", "words", "code"),
    [
        (zipped({"orders.csv": TEXT})[:-30], "damaged or cut off", "truncated_file"),
        (bz2.compress(TEXT * 99)[:-9], "bzip2 file that is cut off", "truncated_file"),
        (lzma.compress(TEXT * 99)[:-9], "xz file that is cut off", "truncated_file"),
        (zipped({"a.csv": gzip.compress(TEXT)}), "holds a gzip file.*Deliver it unpacked", "unreadable_file"),
        (gzip.compress(zipped({"a.csv": TEXT})), "holds a zip file", "unreadable_file"),
        (b"7z\xbc\xaf\x27\x1c" + bytes(40), "is a 7z file", "unreadable_file"),
        (encrypted(), "with a password", "unreadable_file"),
        (unknown_compression(), "compressed in a way that is not read", "unreadable_file"),
        (endless_directory(), "too many files", "zip_bomb"),
        (zipped({}), "unpacks to nothing", "empty_file"),
        (zipped({"xl/workbook.xml": b"<x/>"}), 'is a workbook.*format = "xlsx"', "unreadable_file"),
        (zipped({"mimetype": b"application/vnd.oasis.opendocument.text", "content.xml": b"x"}), "is a document", "unreadable_file"),
        (zipped({"orders.csv": bytes(80 << 20)}), "times its size", "zip_bomb"),
        (bz2.compress(bytes(80 << 20)), "times its size", "bzip2_bomb"),
        (lzma.compress(bytes(80 << 20)), "times its size", "xz_bomb"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_what_cannot_be_unpacked_is_refused_with_what_to_do(
    tmp_path: Path, packed: bytes, words: str, code: str
) -> None:
    with pytest.raises(FileRefused, match=words) as caught:
        read(tmp_path / "orders.csv", packed)
    assert caught.value.reason_code == code


def test_an_xz_file_may_not_ask_for_any_amount_of_memory(tmp_path: Path) -> None:
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 1 << 30}]
    packed = lzma.compress(TEXT, filters=filters)
    with pytest.raises(FileRefused, match="xz file that is damaged"):
        read(tmp_path / "orders.csv", packed)


@pytest.mark.parametrize("place", range(0, 160, 7))
def test_a_flipped_byte_of_a_zip_file_is_refused_or_changes_nothing(
    tmp_path: Path, place: int
) -> None:
    data = bytearray(zipped({"orders.csv": TEXT * 20}))
    data[place % len(data)] ^= 0xFF
    with suppress(FileRefused):
        assert read(tmp_path / "orders.csv", bytes(data)) in (TEXT * 20, bytes(data))
