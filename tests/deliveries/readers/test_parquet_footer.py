"""Damaged and hostile footers and headers of parquet: refused by name, the process lives on."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from retention_ml.deliveries.readers import parquet_footer, parquet_reader
from retention_ml.deliveries.readers.parquet_footer import ColumnChunk, RowGroup, read_footer
from retention_ml.deliveries.readers.thrift import I32, I64, CompactReader, Damage
from retention_ml.errors import FileRefused
from retention_ml.settings import PROJECT
from tests.deliveries.readers.test_parquet_reader import READ_ALL, feed, read


def _written(**options: object) -> bytes:
    sink = pa.BufferOutputStream()
    table = pa.table({"a": [str(i) for i in range(1_500)]})
    pq.write_table(table, sink, use_dictionary=False, compression="none", **options)
    return bytes(sink.getvalue())


def _with_footer(footer: bytes) -> bytes:
    return b"PAR1" + footer + len(footer).to_bytes(4, "little") + b"PAR1"


def _replaced(old: bytes, new: bytes) -> bytes:
    content = _written()
    assert content.count(old) == 1
    return content.replace(old, new)


def _element(name: bytes, *, child_count: int) -> bytes:
    """An element of a schema: optional, a group if it has children, else a whole number."""
    kind = b"" if child_count else b"\x15\x02"
    children = bytes([0x15, 2 * child_count]) if child_count else b""
    head = b"\x25\x02" if kind else b"\x35\x02"
    return kind + head + b"\x18" + bytes([len(name)]) + name + children + b"\0"


def _deep(levels: int) -> bytes:
    elements = _element(b"a", child_count=1) * levels + _element(b"a", child_count=0)
    count = bytes([(levels + 1) & 127 | 128, (levels + 1) >> 7 & 127 | 128, (levels + 1) >> 14])
    return _with_footer(b"\x15\x02\x19\xfc" + count + elements + b"\x16\0\x19\x0c\0")


SHAPES: dict[str, Callable[[], bytes]] = {
    # Optional becomes a repetition that there is not: the histogram of levels does not fit.
    "a flipped bit over which Arrow ends the process": lambda: _replaced(
        b"\x25\x02\x18\x01a", b"\x25\x12\x18\x01a"
    ),
    "a name that is no text": lambda: _replaced(b"\x25\x02\x18\x01a", b"\x25\x02\x18\x01\xff"),
    "a schema without end": lambda: _deep(100_000),
    "structs without end": lambda: _with_footer(
        b"\x15\x02\x19\xfc\x80\x80\x80\x04" + b"\0" * (8 << 20)
    ),
    "a header of lists in lists": lambda: (
        lambda content: content[:4] + b"\x19" * 3_000 + content[3_004:]
    )(_written()),
    "a number where a header has a struct": lambda: (
        lambda content: content.replace(b"\x2c", b"\x25", 1)
    )(_written()),
    "no footer": lambda: b"PAR1" * 3,
    "fewer bytes than an end": lambda: b"PAR1",
    "a footer longer than the file": lambda: b"PAR1\xff\xff\xff\x00PAR1",
    "half of a file": lambda: _written()[:4_000],
    "an encrypted footer": lambda: _written()[:-4] + b"PARE",
}


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, list[str]], float]:
    """What a process of its own answers to all, and the memory it took in MiB."""
    folder = tmp_path_factory.mktemp("footers")
    paths = {shape: folder / f"{number}.parquet" for number, shape in enumerate(SHAPES)}
    for shape, path in paths.items():
        path.write_bytes(SHAPES[shape]())
    done = subprocess.run(
        [sys.executable, "-c", READ_ALL, *map(str, paths.values())],
        capture_output=True, text=True, check=False, cwd=PROJECT,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    each, memory = json.loads(done.stdout)
    return dict(zip(SHAPES, each, strict=True)), memory


@pytest.mark.fault("hostile parquet footers", promises="P1")
@pytest.mark.parametrize("shape", SHAPES)
def test_damage_is_refused_by_name_and_the_process_lives_on(
    answers: tuple[dict[str, list[str]], float], shape: str
) -> None:
    code, sentence = answers[0][shape]
    assert code == "unreadable_file", sentence
    assert "Deliver a complete, undamaged parquet file" in sentence
    assert sentence.isprintable()


def test_damage_takes_bounded_memory(answers: tuple[dict[str, list[str]], float]) -> None:
    assert answers[1] < 512


def test_a_footer_that_is_too_long_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.parquet"
    path.write_bytes(_written())
    monkeypatch.setattr(parquet_footer, "FOOTER_BYTES_MAX", 100)
    with pytest.raises(FileRefused, match=r"has a footer of \d+ bytes; at most 100"):
        read_footer(path, "x")


def _sharing(column_count: int) -> bytes:
    """Columns that all say that the same 20 bytes are theirs."""
    elements = _element(b"s", child_count=column_count) + column_count * _element(
        b"a", child_count=0
    )
    columns = b"\x3c\x76\x28\x26\x08\0\0" * column_count
    schema = b"\x29" + bytes([(column_count + 1) << 4 | 12]) + elements
    group = b"\x19" + bytes([column_count << 4 | 12]) + columns + b"\x26\x06\0"
    content = _with_footer(schema + b"\x29\x1c" + group + b"\0")
    return content[:4] + b"x" * 20 + content[4:]


def test_columns_that_share_their_bytes_are_refused(tmp_path: Path) -> None:
    """Else a small file could be read over and over."""
    path = tmp_path / "x.parquet"
    path.write_bytes(_sharing(1))
    assert read_footer(path, "x") == [RowGroup(3, (ColumnChunk(4, 20, has_dictionary=False),))]
    path.write_bytes(_sharing(9))
    with pytest.raises(FileRefused, match="its columns are longer than the file"):
        read_footer(path, "x")


def test_times_that_python_cannot_hold_refuse_the_file(tmp_path: Path) -> None:
    late = pa.array([[2**62]], pa.list_(pa.timestamp("us")))
    pq.write_table(pa.table({"a": late}), tmp_path / "x.parquet")
    with pytest.raises(FileRefused, match="cannot be read after row 0"):
        read(tmp_path / "x.parquet", "a")


def test_a_disk_that_refuses_is_told_as_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "x.parquet").write_bytes(_written())
    opened = parquet_reader.open_parquet(tmp_path / "x.parquet", feed("a"), "x")
    (tmp_path / "x.parquet").write_bytes(_written()[:100])
    with pytest.raises(FileRefused, match="cannot be read after row 0"):
        list(opened.chunks)


# Thrift


@pytest.mark.parametrize(
    "data",
    [
        b"\x15\x02\x05\x02\x02\0",  # field 1 twice
        b"\x16\x02\0",  # another kind of number
        b"\x15\xff\xff\xff\xff\x1f\0",  # more than 32 bits, of which others keep the lower
        b"\x05\x82\x80\x08\x02\0",  # field 65,537, which others read as 1
        b"\x1c\0\0",  # a struct where a number is expected
        b"\x1b\0\0",  # a map
        b"\x1d\0",  # no kind that there is
    ],
)
def test_what_others_would_read_otherwise_is_damage(data: bytes) -> None:
    with pytest.raises(Damage):
        CompactReader(data, 10).struct({1: I32})


def test_structs_are_read_by_their_shape() -> None:
    data = b"\x15\x03\x16\x04\x19\x2c\x15\x02\0\0\x18\x01x\x11\x12\x17" + b"\0" * 8 + b"\0"
    fields = CompactReader(data, 10).struct({1: I32, 2: I64, 3: [{1: I32}]})
    assert fields == {1: -2, 2: 2, 3: [{1: 1}, {}]}
