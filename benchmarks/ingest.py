"""Rows a second from file to curated, by door, against pandas and `to_sql` on a slice.

`python -m benchmarks.ingest` takes Online Retail II from `RETENTION_DATA_DIR`, or Complete Journey;
`python -m benchmarks.ingest --source NAME FILE…` any other.
"""

import argparse
import time
from pathlib import Path
from typing import Literal

from benchmarks import data
from benchmarks.lines import Line, show, timed
from benchmarks.place import place
from retention_ml.curated.curate import curate
from retention_ml.deliveries.land import land
from retention_ml.deliveries.stage import stage
from retention_ml.quality.check import check
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse

_SLICE_ROWS = 20_000
_CHUNK_ROWS = 1_000
_NOTE = (
    f"The alternatives read and wrote the first {_SLICE_ROWS:,} rows of the first large file; their "
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


def measure(source: str, files: tuple[Path, ...]) -> list[Line]:
    """Measure the doors and the alternatives in an empty warehouse each; print and return them."""
    with place() as where, where.warehouse("shop") as warehouse:
        lines = _doors(warehouse, where.settings(), source, files)
        others = _alternatives(warehouse, files)
    whole = lines.pop()
    lines.append(whole.over(others[0]) if others else whole)
    lines += [whole.over(other) for other in others[1:]]
    show(f"Ingestion of {source}, {len(files)} files", [*lines, *others], _NOTE if others else "")
    return [*lines, *others]


def _doors(
    warehouse: Warehouse, settings: Settings, source: str, files: tuple[Path, ...]
) -> list[Line]:
    began = time.perf_counter()
    landed = land(warehouse, settings=settings, source=source, files=files, history=True)
    seconds = {"land": time.perf_counter() - began}
    rows = 0
    for door in (stage, check, curate):
        began = time.perf_counter()
        receipt = door(warehouse, settings=settings, batch_id=landed.details["batch_id"])
        seconds[door.__name__] = time.perf_counter() - began
        rows = receipt.read
    steps = [Line(what=name, rows=rows, seconds=value) for name, value in seconds.items()]
    whole = Line(what="file to curated, checks included", rows=rows, seconds=sum(seconds.values()))
    return [*steps, whole]


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
