"""Parquet files of several kinds, mutated, and a process that reads them as ingestion does."""

import json
import os
import random
import re
import signal
import tempfile
from collections.abc import Sequence
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from retention_ml.deliveries.readers import parquet_reader
from retention_ml.errors import FileRefused
from tests.deliveries.readers.test_parquet_reader import feed

READ = "read"
SECONDS_MAX = 20
_ROWS = 150
_EDGES = (0, 1, 0x7F, 0x80, 0xFF)


def originals() -> dict[str, bytes]:
    """Sound files by kind: types, encodings, compressions, versions, writers."""
    texts = [f"{i:09d}" for i in range(_ROWS)]
    thirds = np.arange(_ROWS) / 3
    plain = {"use_dictionary": False, "compression": "none"}
    by_delta = {"a": "DELTA_BYTE_ARRAY", "b": "DELTA_BINARY_PACKED"}
    by_length = {"a": "DELTA_LENGTH_BYTE_ARRAY", "b": "BYTE_STREAM_SPLIT"}
    return {
        "flat": _written({"a": list(map(str, range(_ROWS))), "b": range(_ROWS)}),
        "nested": _written(
            {
                "list": [[1, 2], [], None] * 50,
                "struct": [{"x": 1, "y": "t"}] * _ROWS,
                "map": pa.array([[("k", 1)]] * _ROWS, pa.map_(pa.string(), pa.int64())),
                "times": pa.array([[1], None, [2]] * 50, pa.list_(pa.timestamp("us"))),
            },
            compression="zstd",
        ),
        "types": _written(
            {
                "date": pa.array([1, 2, None] * 50, pa.date32()),
                "instant": pa.array([1, 2, 3] * 50, pa.timestamp("ns", "Europe/Berlin")),
                "decimal": pa.array([1, 2, 3] * 50, pa.decimal128(30, 2)),
                "bool": [True, False, None] * 50,
                "bytes": pa.array([b"a", b"bc", None] * 50),
                "float": [0.5, 1e-9, None] * 50,
            },
            compression="gzip",
        ),
        "delta": _written(
            {"a": texts, "b": range(_ROWS)}, column_encoding=by_delta, data_page_version="2.0",
            **plain,
        ),
        "lengths": _written(
            {"a": texts, "b": thirds}, column_encoding=by_length, store_schema=False, **plain
        ),
        "pages": _written(
            {"a": texts, "b": thirds}, row_group_size=60, data_page_size=500,
            write_page_index=True, write_page_checksum=True, **plain,
        ),
        "long": _written({"a": [f"{i % 5}" + "x" * 3_000 for i in range(_ROWS)]}),
        "duckdb": _by_duckdb(),
    }  # fmt: skip


def _written(columns: dict[str, object], **options: object) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(columns), sink, **options)
    return bytes(sink.getvalue())


def _by_duckdb() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.parquet"
        duckdb.sql(
            "COPY (SELECT md5(i::VARCHAR) AS a, i, (i % 9)::DECIMAL(9, 2) AS d, [i] AS l, "
            f"NULL::VARCHAR AS n FROM range({_ROWS}) t(i)) TO '{path}' (FORMAT parquet)"
        )
        return path.read_bytes()


def mutated(sound: dict[str, bytes], number: int) -> bytes:
    """One of the sound files after the mutation of that number, always the same one."""
    draw = random.Random(f"parquet {number}")
    content = bytearray(sound[sorted(sound)[number % len(sound)]])
    footer = len(content) - 8 - int.from_bytes(content[-8:-4], "little")

    def place() -> int:
        return (
            draw.randrange(footer, len(content)) if draw.random() < 0.7 else draw.randrange(footer)
        )

    method = draw.choice(("bit", "bit", "bytes", "run", "piece"))
    if method == "bit":
        content[place()] ^= 1 << draw.randrange(8)
    elif method == "bytes":
        for _ in range(draw.choice((1, 1, 2, 4))):
            content[place()] = draw.choice((*_EDGES, draw.randrange(256)))
    else:
        at, length = place(), draw.choice((1, 2, 4, 10))
        if method == "run":
            content[at : at + length] = bytes(draw.choices(_EDGES, k=length))
        else:  # less or more, mostly in a footer that says how long it is
            piece = content[at : at + length]
            content[at : at + length] = draw.choice((b"", piece * 2))
            if at >= footer and draw.random() < 0.8:
                content[-8:-4] = max(len(content) - 8 - footer, 0).to_bytes(4, "little")
    return bytes(content)


def peak_mib() -> float:
    """The most memory that this process has taken."""
    peak = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert peak is not None
    return int(peak[1]) / 1024


def read(sound: dict[str, bytes], numbers: Sequence[int], answers: str) -> None:
    """What becomes of the mutations of these numbers, a line each: what a child process runs."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    pa.set_cpu_count(1)
    with tempfile.TemporaryDirectory() as scratch, Path(answers).open("a") as file:
        for number in numbers:
            signal.alarm(SECONDS_MAX)  # ends the process wherever it hangs
            answer = answer_of(mutated(sound, number), Path(scratch) / "x.parquet")
            signal.alarm(0)
            file.write(json.dumps([number, answer, peak_mib()]) + "\n")
            file.flush()


def answer_of(content: bytes, path: Path) -> str:
    """What the reader makes of a file: all its columns are read, if it has a sound footer."""
    path.write_bytes(content)
    try:
        names = pq.ParquetFile(path).schema_arrow.names
    except Exception:
        names = ["a"]
    try:
        for chunk in parquet_reader.open_parquet(path, feed(*names), path.name).chunks:
            chunk.raw(range(min(3, chunk.rows.num_rows)))
    except FileRefused as refusal:
        return f"refused: {refusal}"
    except BaseException as error:
        return f"raised {type(error).__name__}: {str(error)[:200]}"
    return READ
