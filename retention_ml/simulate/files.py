"""The simulated shop's feeds as monthly CSV files, with defects planted by line."""

import io
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from retention_ml.simulate.defects import Planted, planted
from retention_ml.simulate.feeds import MONTH
from retention_ml.simulate.seasons import ShopCalendar


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """One file that was written: its feed, its true rows and the defects planted in it."""

    name: str
    feed: str
    true_rows: int
    defects: tuple[Planted, ...]
    is_repeated: bool = False

    @property
    def rows(self) -> int:
        """All data rows of the file."""
        return self.true_rows + len(self.defects)


def written(
    rng: np.random.Generator,
    feed: str,
    table: pa.Table,
    folder: Path,
    calendar: ShopCalendar,
    defect_share: float,
) -> Iterator[File]:
    """Write the feed as `feed_YYYY-MM.csv`, one file per month that has rows.

    `table` must be in the order of its months. Defective rows are added to the true ones, so
    what remains after they are refused is the whole truth.
    """
    months = table[MONTH].to_numpy()
    rows = table.drop_columns([MONTH])
    header = ",".join(rows.column_names).encode() + b"\n"
    starts = np.flatnonzero(np.r_[True, months[1:] != months[:-1]][: len(months)]).tolist()
    for start, stop in zip(starts, [*starts[1:], len(months)], strict=False):
        month = np.datetime64(int(months[start]), "M")
        body = csv_lines(rows.slice(start, stop - start))
        body, defects = planted(rng, feed, rows.column_names, body, calendar, defect_share)
        name = f"{feed}_{month}.csv"
        (folder / name).write_bytes(header + body)
        yield File(name=name, feed=feed, true_rows=stop - start, defects=defects)


def csv_lines(rows: pa.Table) -> bytes:
    """RFC 4180 with quotes only around fields that need them, `\\n` line ends, no header."""
    # Of an empty chunk before one with rows, Arrow 25 writes bytes of memory that it never filled.
    quoted = rows = rows.combine_chunks()
    for index, field in enumerate(rows.schema):
        if pa.types.is_string(field.type):
            column = rows.column(index)
            needs = pc.match_substring_regex(column, '[",\r\n]')
            if pc.any(needs).as_py():
                escaped = pc.replace_substring(column, '"', '""')
                wrapped = pc.binary_join_element_wise('"', escaped, '"', "")
                quoted = quoted.set_column(
                    index, field.name, pc.if_else(pc.fill_null(needs, False), wrapped, column)
                )
    sink = io.BytesIO()
    options = csv.WriteOptions(include_header=False, quoting_style="none")
    csv.write_csv(rows, sink, options) if quoted is rows else sink.write(_joined(quoted))
    return sink.getvalue()


def _joined(rows: pa.Table) -> bytes:
    """Lines of a table whose text is quoted already (the CSV writer would refuse it)."""
    columns = [pc.fill_null(column.cast(pa.string()), "") for column in rows.columns]
    lines = pc.binary_join_element_wise(*columns, ",").to_pylist()
    return "".join(f"{line}\n" for line in lines).encode()


def repeated(file: File, folder: Path) -> File:
    """Write the bytes of a file once more under another name, as shops do."""
    name = file.name.replace(".csv", "_again.csv")
    shutil.copyfile(folder / file.name, folder / name)
    return replace(file, name=name, is_repeated=True)


def files_table(delivered: list[File]) -> pa.Table:
    """One row per file: its feed, its true and planted rows, whether it repeats another."""
    return pa.table(
        {
            "file": pa.array([file.name for file in delivered], pa.string()),
            "feed": pa.array([file.feed for file in delivered], pa.string()),
            "true_rows": pa.array([file.true_rows for file in delivered], pa.int64()),
            "planted_rows": pa.array([len(file.defects) for file in delivered], pa.int64()),
            "is_repeated": pa.array([file.is_repeated for file in delivered], pa.bool_()),
        }
    )


def defects_table(delivered: list[File]) -> pa.Table:
    """One row per planted line of the files that repeat no other."""
    flat = [(file, each) for file in delivered if not file.is_repeated for each in file.defects]
    return pa.table(
        {
            "file": pa.array([file.name for file, _ in flat], pa.string()),
            "feed": pa.array([file.feed for file, _ in flat], pa.string()),
            "line_number": pa.array([each.line_number for _, each in flat], pa.int64()),
            "defect": pa.array([each.defect for _, each in flat], pa.string()),
            "reason_code": pa.array([each.reason_code or None for _, each in flat], pa.string()),
        }
    )
