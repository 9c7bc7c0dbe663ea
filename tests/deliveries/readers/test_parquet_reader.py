"""Parquet files that ask for far more memory than they are long, and ordinary ones beside them."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from retention_ml.deliveries.readers import (
    chunks,
    parquet_footer,
    parquet_pages,
    parquet_reader,
    readers,
)
from retention_ml.errors import FileRefused
from retention_ml.settings import PROJECT

MIB = 1 << 20
MEMORY_MIB_MAX = 512


def feed(*columns: str, decimal: str = ".") -> Any:
    return SimpleNamespace(
        file_columns=columns, required_columns=columns, lookup=(), format="parquet", each=None,
        decimal=decimal,
    )  # fmt: skip


def read(path: Path, *columns: str) -> pa.Table:
    opened = parquet_reader.open_parquet(path, feed(*columns), path.name)
    return pa.concat_tables([chunk.rows for chunk in opened.chunks])


def _repeated(rows: int, values: list[str]) -> pa.DictionaryArray:
    indices = pa.array((np.arange(rows) % len(values)).astype(np.int32))
    return pa.DictionaryArray.from_arrays(indices, pa.array(values))


def _write(
    path: Path, column: pa.Array, *, times: int = 1, rows: int | None = None, **options: Any
) -> None:
    table = pa.table({"a": column})
    options = {"compression": "zstd", "dictionary_pagesize_limit": 8 * MIB} | options
    with pq.ParquetWriter(path, table.schema, store_schema=False, **options) as writer:
        for _ in range(times):
            writer.write_table(table, row_group_size=rows)


LONG = ["x" * (2 * MIB)]
RANDOM = np.random.default_rng(5).bytes(2 << 10).hex()
SHAPES: dict[str, tuple[Callable[[Path], None], str]] = {
    "a long value repeated": (
        lambda path: _write(path, _repeated(20_000, LONG)),
        r"unpacks to more than 41,943,\d+,\d+ bytes, .* times its size",
    ),
    "a long value among short ones": (
        lambda path: _write(path, _repeated(200_000, [*map(str, range(99)), *LONG])),
        "unpacks to more than 4,19",
    ),
    "a long value repeated in a list": (
        lambda path: _write(
            path, pa.ListArray.from_arrays(pa.array([0, 20_000]), _repeated(20_000, LONG))
        ),
        "unpacks to more than 41,943",
    ),
    "a long value in the last row group only": (
        lambda path: _write(
            path,
            pa.concat_arrays([_repeated(50_000, ["y"] * 3), _repeated(20_000, LONG)]),
            rows=50_000,
        ),
        "times its size",
    ),
    "a page of one value": (
        lambda path: _write(path, pa.array(["z" * (80 * MIB)]), use_dictionary=False),
        r"unpacks to more than 83,88\d,\d+ bytes, .* times its size",
    ),
    "many compressed pages": (
        lambda path: _write(
            path, pa.array(["z" * MIB] * 80), use_dictionary=False, data_page_size=MIB,
            write_batch_size=1,
        ),
        r"unpacks to more than 83,88\d,\d+ bytes, .* times its size",
    ),
    "pages of more than memory": (
        lambda path: _write(
            path, pa.array([RANDOM * 256] * 100), use_dictionary=False, data_page_size=1 << 30
        ),
        r"has pages of 104,85\d,\d+ bytes together in row group 1; at most 100,663,296",
    ),
    "a dictionary of more than memory": (
        lambda path: _write(
            path, pa.array([f"{i:02d}{RANDOM}" * 256 for i in range(50)]),
            dictionary_pagesize_limit=1 << 30,
        ),
        r"has pages of 104,9\d\d,\d+ bytes together in row group 1; at most 100,663,296",
    ),
    "a number repeated without end": (
        lambda path: _write(path, pa.array(np.zeros(MIB, np.int64)), times=90),
        "times its size",
    ),
    "nothing repeated without end": (
        lambda path: _write(path, pa.nulls(MIB, pa.string()), times=150),
        "times its size",
    ),
    "a list without end": (
        lambda path: _write(path, pa.array([np.zeros(9 * MIB, np.int8)], pa.list_(pa.int8()))),
        "has lists of 9,437,184 values",
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def bombs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("bombs")
    paths = {name: folder / f"{number}.parquet" for number, name in enumerate(SHAPES)}
    for name, path in paths.items():
        SHAPES[name][0](path)
    return paths


READ_ALL = """
import json, re, sys
from pathlib import Path
from tests.deliveries.readers.test_parquet_reader import feed
from retention_ml.deliveries.readers.parquet_reader import open_parquet
from retention_ml.errors import FileRefused
answers = []
for name in sys.argv[1:]:
    path = Path(name)
    try:
        rows = sum(chunk.rows.num_rows for chunk in open_parquet(path, feed("a"), path.name).chunks)
        answers.append(["read", str(rows)])
    except FileRefused as refusal:
        answers.append([refusal.reason_code, str(refusal)])
# Not ru_maxrss: that begins with the memory of the parent.
peak = re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())
print(json.dumps([answers, int(peak[1]) / 1024]))
"""


@pytest.fixture(scope="module")
def answers(bombs: dict[str, Path]) -> tuple[dict[str, list[str]], float]:
    """What a process of its own answers to all bombs, and the memory it took in MiB."""
    done = subprocess.run(
        [sys.executable, "-c", READ_ALL, *map(str, bombs.values())],
        capture_output=True, text=True, check=False, cwd=PROJECT,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    each, memory = json.loads(done.stdout)
    return dict(zip(bombs, each, strict=True)), memory


@pytest.mark.parametrize("shape", SHAPES)
def test_a_parquet_bomb_is_refused_by_name(
    bombs: dict[str, Path], answers: tuple[dict[str, list[str]], float], shape: str
) -> None:
    assert bombs[shape].stat().st_size < MIB
    code, sentence = answers[0][shape]
    assert code == "parquet_bomb", sentence
    assert re.search(SHAPES[shape][1], sentence), sentence
    assert "accepted" in sentence


@pytest.mark.fault("parquet bomb", promises="P1", row=19)
def test_all_bombs_are_refused_within_bounded_memory(
    answers: tuple[dict[str, list[str]], float],
) -> None:
    assert answers[1] < MEMORY_MIB_MAX


# Ordinary files


def _orders(path: Path, options: str, columns: str, rows: int) -> None:
    duckdb.sql(f"COPY (SELECT {columns} FROM range({rows}) t(i)) TO '{path}' ({options})")


DUCKDB: dict[str, tuple[str, str, int]] = {
    "as it writes by default": ("", "sha256(i::VARCHAR) AS a, i AS b, [i] AS c, NULL AS d", 200_000),
    "a page of 68 MB": (", ROW_GROUP_SIZE 1000000", "sha256(i::VARCHAR) AS a, i AS b", 1_000_000),
    "a page of long texts": ("", "repeat(md5(i::VARCHAR), 20) AS a", 122_880),
    "version 2": (
        ", PARQUET_VERSION v2", "md5(i::VARCHAR) AS a, (i % 100)::DECIMAL(10, 2) AS b", 50_000,
    ),
    "brotli": (", COMPRESSION brotli", "md5(i::VARCHAR) AS a", 50_000),
    "lz4": (", COMPRESSION lz4_raw", "md5(i::VARCHAR) AS a", 50_000),
}  # fmt: skip


@pytest.mark.parametrize("what", DUCKDB)
def test_files_of_duckdb_are_read(tmp_path: Path, what: str) -> None:
    options, columns, rows = DUCKDB[what]
    path = tmp_path / "x.parquet"
    _orders(path, f"FORMAT parquet{options}", columns, rows)
    names = pq.ParquetFile(path).schema_arrow.names
    opened = parquet_reader.open_parquet(path, feed(*names), "x")
    assert sum(chunk.rows.num_rows for chunk in opened.chunks) == rows


@pytest.mark.parametrize(
    "constant",
    [pa.repeat("x" * 80, MIB), pa.array(np.zeros(10 * MIB)), pa.nulls(MIB), pa.nulls(MIB, "string")],
    ids=["text", "number", "null", "no text"],
)  # fmt: skip
def test_a_column_that_says_nothing_beside_one_that_does_is_read(
    tmp_path: Path, constant: pa.Array
) -> None:
    rows = len(constant)
    table = pa.table({"a": constant, "id": np.arange(rows)})
    path = tmp_path / "x.parquet"
    pq.write_table(table, path, compression="zstd", use_dictionary=False, row_group_size=rows)
    opened = parquet_reader.open_parquet(path, feed("a", "id"), "x")
    assert sum(chunk.rows.num_rows for chunk in opened.chunks) == rows


@pytest.mark.parametrize("compression", ["none", "snappy", "gzip", "brotli", "lz4", "zstd"])
def test_every_type_is_read_from_every_compression(tmp_path: Path, compression: str) -> None:
    table = pa.table(
        {
            "date": pa.array([1, 2, None], pa.date32()),
            "instant": pa.array([1, 2, None], pa.timestamp("ns", "Europe/Berlin")),
            "bytes": pa.array([b"a", b"b", None]),
            "fixed": pa.array([b"ab", b"cd", None], pa.binary(2)),
            "decimal": pa.array([1, 2, None], pa.decimal128(30, 2)),
            "large": pa.array(["a", "b", None], pa.large_string()),
            "dictionary": pa.array(["a", "b", None]).dictionary_encode(),
            "half": pa.array(np.array([1, 2, 3], np.float16)),
            "unsigned": pa.array([1, 2, 2**64 - 1], pa.uint64()),
            "list": pa.array([[{"a": [1, 2]}], None, []]),
            "map": pa.array([[("k", 1)], None, []], pa.map_(pa.string(), pa.int64())),
        }
    )
    path = tmp_path / "x.parquet"
    pq.write_table(table, path, compression=compression)
    rows = read(path, *table.column_names)
    assert rows.num_rows == 3
    assert rows.column_names[:-1] == table.column_names
    pq.write_table(table.slice(0, 0), path, compression=compression)
    opened = parquet_reader.open_parquet(path, feed(*table.column_names), "x")
    assert sum(chunk.rows.num_rows for chunk in opened.chunks) == 0


def test_long_texts_that_repeat_are_read_as_they_are(tmp_path: Path) -> None:
    texts = [letter * 5_000 for letter in "abcdefgh"]
    _write(tmp_path / "x.parquet", _repeated(2_000, texts))
    rows = read(tmp_path / "x.parquet", "a")
    assert rows["a"].to_pylist() == [texts[i % 8] for i in range(2_000)]


def test_first_rows_are_as_many_as_memory_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [letter * 5_000 for letter in "abcdefgh"]
    _write(tmp_path / "x.parquet", _repeated(2_000, texts))
    path = tmp_path / "x.parquet"
    assert len(parquet_reader.first_rows(path, "x", 1_000)) == 1_000
    monkeypatch.setattr(parquet_reader, "BATCH_BYTES", 1_000_000)
    rows = parquet_reader.first_rows(path, "x", 1_000)
    assert rows == [{"a": texts[i % 8]} for i in range(len(rows))]
    assert 10 <= len(rows) <= 200


@pytest.mark.parametrize("is_dictionary", [True, False])
def test_a_batch_too_large_for_memory_comes_in_pieces_with_the_same_rows(
    tmp_path: Path, is_dictionary: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [str(i % 9) * (i % 50) for i in range(1_000)]
    _write(tmp_path / "x.parquet", pa.array(texts), use_dictionary=is_dictionary)
    monkeypatch.setattr(parquet_reader, "BATCH_BYTES", 2_000)
    monkeypatch.setattr(parquet_reader, "_SHORT_BYTES", 10)
    opened = parquet_reader.open_parquet(tmp_path / "x.parquet", feed("a"), "x")
    pieces = [chunk.rows for chunk in opened.chunks]
    assert len(pieces) > 10
    rows = pa.concat_tables(pieces)
    assert rows["a"].to_pylist() == texts
    assert rows[chunks.LINE_NUMBER].to_pylist() == list(range(1, 1_001))


def test_a_row_that_does_not_fit_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _write(tmp_path / "x.parquet", pa.array(["short", "long" * 1_000]))
    monkeypatch.setattr(parquet_reader, "BATCH_BYTES", 2_000)
    with pytest.raises(FileRefused, match=r"has a row of 4,0\d\d bytes; at most 2,000"):
        read(tmp_path / "x.parquet", "a")


def test_columns_that_nobody_reads_may_be_of_any_size(tmp_path: Path) -> None:
    table = pa.table({"a": ["1"], "picture": ["z" * (80 * MIB)]})
    pq.write_table(table, tmp_path / "x.parquet", compression="zstd", use_dictionary=False)
    assert read(tmp_path / "x.parquet", "a")["a"].to_pylist() == ["1"]


@pytest.mark.parametrize("compression", ["none", "snappy", "zstd", "gzip"])
@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize("use_dictionary", [True, False])
def test_the_headers_of_pages_add_up_to_what_the_footer_says(
    tmp_path: Path, compression: str, version: str, use_dictionary: bool
) -> None:
    draw = np.random.default_rng(5)
    table = pa.table(
        {
            "number": draw.integers(0, 50, 30_000),
            "text": pa.array([f"text {i}" * (i % 7) if i % 3 else None for i in range(30_000)]),
            "list": pa.array([[i, i + 1] if i % 2 else [] for i in range(30_000)]),
            "pair": pa.array([{"x": i, "y": str(i)} for i in range(30_000)]),
        }
    )
    path = tmp_path / "x.parquet"
    pq.write_table(
        table, path, compression=compression, data_page_version=version,
        use_dictionary=use_dictionary, data_page_size=9_000, row_group_size=11_000,
        write_page_checksum=True,
    )  # fmt: skip
    file = pq.ParquetFile(path)
    assert len(parquet_pages.leaves(file, table.column_names)) == 5
    groups = parquet_footer.read_footer(path, "x")
    assert len(groups) == file.metadata.num_row_groups == 3
    with path.open("rb") as stream:
        for number, group in enumerate(groups):
            assert group.row_count == file.metadata.row_group(number).num_rows
            for i, column in enumerate(group.columns):
                chunk = file.metadata.row_group(number).column(i)
                assert column.packed_bytes == chunk.total_compressed_size
                assert column.has_dictionary == chunk.has_dictionary_page
                pages = list(parquet_pages._pages(stream, path.stat().st_size, column, "x"))
                data = [page for page in pages if not page.is_dictionary]
                assert len(pages) - len(data) == chunk.has_dictionary_page
                assert sum(page.value_count for page in data) == chunk.num_values
                unpacked = sum(page.unpacked_bytes for page in pages)
                assert 0 < chunk.total_uncompressed_size - unpacked < 200 * len(pages)


def test_a_damaged_page_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    _write(path, pa.array(["a", "b"]))
    content = bytearray(path.read_bytes())
    content[4:12] = b"\xff" * 8
    path.write_bytes(content)
    with pytest.raises(FileRefused, match="damaged") as refusal:
        read(path, "a")
    assert refusal.value.reason_code == "unreadable_file"


def test_an_instant_is_in_utc_also_inside_a_struct(tmp_path: Path) -> None:
    noon = datetime(2026, 1, 5, 12, tzinfo=UTC)
    kind = pa.timestamp("us", "America/New_York")
    table = pa.table(
        {
            "at": pa.array([noon], kind),
            "m": pa.array([{"at": noon}], pa.struct({"at": kind})),
        }
    )
    path = tmp_path / "x.parquet"
    pq.write_table(table, path)
    assert read(path, "at")["at"].to_pylist() == ["2026-01-05 12:00:00Z"]
    assert read(path, "m.at")["m.at"].to_pylist() == ["2026-01-05 12:00:00Z"]


@pytest.mark.parametrize("nested", [(), ("m.price", "m.cost")])
def test_numbers_have_the_decimal_mark_of_the_feed_also_when_they_come_from_quarantine(
    tmp_path: Path, nested: tuple[str, ...]
) -> None:
    kind = pa.decimal128(20, 9)
    cost = [Decimal("1.234"), Decimal(0)]
    table = pa.table(
        {
            "price": [1.234, 1e-7],
            "cost": pa.array(cost, kind),
            "text": ["1.234", "1,234"],
            "m": pa.array(
                [{"price": p, "cost": c} for p, c in zip([1.234, 1e-12], cost, strict=True)],
                pa.struct({"price": pa.float64(), "cost": kind}),
            ),
        }
    )
    path = tmp_path / "x.parquet"
    pq.write_table(table, path)
    columns = ("price", "cost", "text", *nested)
    opened = parquet_reader.open_parquet(path, feed(*columns, decimal=","), "x")
    (chunk,) = opened.chunks
    rows = chunk.rows.select(columns).to_pylist()
    for name in nested:
        assert rows[0][name] in ("1,234", "1,234000000")
        assert rows[1][name] in ("0", "0,000000000")
    assert [row["price"] for row in rows] == ["1,234", "0,000000100"]
    assert [row["cost"] for row in rows] == ["1,234000000", "0,000000000"]
    assert [row["text"] for row in rows] == ["1.234", "1,234"]
    raw = list(enumerate(chunk.raw([0, 1]), start=1))
    for decimal in (",", "."):
        again = readers.open_rows(raw, opened.columns, feed(*columns, decimal=decimal))
        (chunk_again,) = again.chunks
        expected = [
            {n: t if n == "text" else t.replace(",", decimal) for n, t in row.items()}
            for row in rows
        ]
        assert chunk_again.rows.select(columns).to_pylist() == expected
