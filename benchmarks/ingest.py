"""Rows a second from file to curated, by door, against raw COPY, and pandas on a slice.

`python -m benchmarks.ingest` takes Online Retail II from `RETENTION_DATA_DIR`, or Complete Journey;
`python -m benchmarks.ingest --source NAME FILE…` any other.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from benchmarks import data, peers
from benchmarks.alone import server_cpu_seconds
from benchmarks.lines import Line, show, timed
from benchmarks.place import Place, place
from retention_ml.curated.curate import curate
from retention_ml.deliveries import unpacking
from retention_ml.deliveries.land import land
from retention_ml.deliveries.stage import stage
from retention_ml.quality.check import check
from retention_ml.warehouse import Warehouse

_SLICE_ROWS = 20_000
_CHUNK_ROWS = 1_000
_NOTE = (
    "Raw COPY takes the same lines as texts into plain tables. "
    f"The others read and wrote the first {_SLICE_ROWS:,} rows of the first large file; their "
    "rows a second are taken to hold for all. They only load text and numbers as pandas guesses "
    "them: no checks, no quarantine, no ledger, no versions."
)


def main() -> None:
    """Ingest the files once and print seconds and rows a second by door."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source")
    parser.add_argument("files", nargs="*", type=Path)
    arguments = parser.parse_args()
    if bool(arguments.source) != bool(arguments.files):
        parser.error("name both --source and files, or neither")
    deliveries = data.online_retail() or data.complete_journey()
    source, files = (
        arguments.source or deliveries.source,
        tuple(arguments.files) or deliveries.files,
    )
    measure(source, files)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cost:
    """What something took: wall seconds, CPU seconds of this process and of the server."""

    seconds: float
    client: float
    server: float

    def __str__(self) -> str:
        return f"{self.client + self.server:.1f} s (server {self.server:.1f})"


def measure(source: str, files: tuple[Path, ...]) -> list[Line]:
    """Measure the doors and the alternatives in an empty warehouse each; print and return them."""
    with place() as where:
        with where.warehouse("shop") as warehouse:
            lines, doors_cost = _doors(where, warehouse, source, files)
        with where.warehouse("peers") as warehouse:
            raw = _raw_copy(where, warehouse, files)
            others = _alternatives(warehouse, files)
    whole = lines.pop()
    note = _NOTE if others else ""
    if raw is not None:
        copied, cost = raw
        lines.append(whole.over(copied))
        others = [copied, *others]
        note += (
            f"\nCPU of client and server: ours {doors_cost}, raw COPY {cost}; "
            f"{doors_cost.seconds / cost.seconds:.1f} × its wall time."
        )
    else:
        lines.append(whole)
    lines += [whole.over(other) for other in others[1 if raw else 0 :]]
    show(f"Ingestion of {source}, {len(files)} files", [*lines, *others], note.strip())
    return [*lines, *others]


def _cost(where: Place, action: Callable[[], object]) -> _Cost:
    server, client = server_cpu_seconds(where.server), time.process_time()
    seconds = timed(action)
    return _Cost(
        seconds=seconds,
        client=time.process_time() - client,
        server=server_cpu_seconds(where.server) - server,
    )


def _doors(
    where: Place, warehouse: Warehouse, source: str, files: tuple[Path, ...]
) -> tuple[list[Line], _Cost]:
    settings, seconds, rows = where.settings(), dict[str, float](), 0

    def through_the_doors() -> None:
        nonlocal rows
        began = time.perf_counter()
        landed = land(warehouse, settings=settings, source=source, files=files, history=True)
        seconds["land"] = time.perf_counter() - began
        for door in (stage, check, curate):
            began = time.perf_counter()
            receipt = door(warehouse, settings=settings, batch_id=landed.details["batch_id"])
            seconds[door.__name__] = time.perf_counter() - began
            rows = receipt.read

    cost = _cost(where, through_the_doors)
    steps = [Line(what=name, rows=rows, seconds=value) for name, value in seconds.items()]
    whole = Line(what="file to curated, checks included", rows=rows, seconds=cost.seconds)
    return [*steps, whole], cost


def _raw_copy(
    where: Place, warehouse: Warehouse, files: tuple[Path, ...]
) -> tuple[Line, _Cost] | None:
    """COPY of the same lines as texts, unpacked before; None where the files are no CSV."""
    if not all(".csv" in path.suffixes for path in files):
        return None
    with tempfile.TemporaryDirectory(prefix="retention-unpacked-") as name:
        unpacked = [Path(name) / f"{number}.csv" for number, _ in enumerate(files)]
        for path, target in zip(files, unpacked, strict=True):
            with target.open("wb") as copy:
                for piece in unpacking.pieces(path, path.name):
                    copy.write(piece)
        rows = 0

        def copy_all() -> None:
            nonlocal rows
            rows, _ = peers.copy_of_text(warehouse.url, unpacked)

        cost = _cost(where, copy_all)
    return Line(what="raw COPY as text", rows=rows, seconds=cost.seconds), cost


def _alternatives(warehouse: Warehouse, files: tuple[Path, ...]) -> list[Line]:
    """Pandas reading a slice of the first large file and `to_sql` writing it, in two ways."""
    import pandas as pd

    largest = max(files, key=lambda path: path.stat().st_size)
    if not {".csv", ".parquet"} & set(largest.suffixes):
        return []

    def load(table: str, method: Literal["multi"] | None) -> None:
        if ".csv" in largest.suffixes:
            rows = pd.read_csv(largest, nrows=_SLICE_ROWS)
        else:
            import pyarrow.parquet as pq

            batch = next(pq.ParquetFile(largest).iter_batches(_SLICE_ROWS))
            rows = batch.to_pandas()
        with warehouse.engine.begin() as connection:
            rows.to_sql(
                table,
                connection,
                index=False,
                method=method,
                chunksize=_CHUNK_ROWS,
            )

    return [
        Line(
            what="pandas, to_sql(method='multi')",
            rows=_SLICE_ROWS,
            seconds=timed(lambda: load("multi", "multi")),
        ),
        Line(what="pandas, to_sql()", rows=_SLICE_ROWS, seconds=timed(lambda: load("plain", None))),
    ]


if __name__ == "__main__":
    main()
