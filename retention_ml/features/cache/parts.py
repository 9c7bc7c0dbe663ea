"""Parts of a cached table: Parquet files that are never changed, each with its digest."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq

from retention_ml.atomic_files import replacing

_ROW_GROUP = 131_072  # rows that the engine reads, or leaves out, together
_MERGED_MAX = 8_000_000  # rows of a part that no other is added to
_SMALL = 50_000  # rows that cost nothing to write again


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Rows of a table that some passes, one after the other, have added.

    Parameters
    ----------
    table : str
    file : str
        Its name in the folder of the cache.
    rows_count : int
    sha256 : str
        Of the file.
    newest_rollup_id : int
        The newest pass of its rows.
    """

    table: str
    file: str
    rows_count: int
    sha256: str
    newest_rollup_id: int


def write_part(folder: Path, table: str, rows: pa.Table, newest_rollup_id: int) -> Part:
    """Write rows as a new file that only its owner can read."""
    path = folder / f"{table}-{newest_rollup_id}-{uuid4().hex[:12]}.parquet"
    with replacing(path) as new:
        new.touch(mode=0o600)
        with new.open("wb") as file:
            pq.write_table(rows, file, row_group_size=_ROW_GROUP, compression="zstd")
        sha256 = file_sha256(new)
    return Part(
        table=table,
        file=path.name,
        rows_count=rows.num_rows,
        sha256=sha256,
        newest_rollup_id=newest_rollup_id,
    )


def read_parts(folder: Path, parts: Sequence[Part]) -> pa.Table:
    """The rows of some parts, in their order."""
    return pa.concat_tables([pq.read_table(folder / part.file) for part in parts])


def file_sha256(path: Path) -> str:
    """The digest of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def parts_to_merge(parts: Sequence[Part]) -> int:
    """How many of the last parts become one: those that are not far larger than all after them.

    So there are few parts, and each row is written again only when those after it have become as
    many: a day costs what it brings, times the logarithm of all.

    >>> sizes = [6_000_000, 300_000, 100_000, 60_000]
    >>> def parts(sizes):
    ...     return [
    ...         Part(table="t", file="f", rows_count=n, sha256="", newest_rollup_id=1)
    ...         for n in sizes
    ...     ]
    >>> parts_to_merge(parts(sizes)), parts_to_merge(parts(sizes[:2])), parts_to_merge(parts([5, 5]))
    (3, 1, 2)
    """
    count, rows = 1, parts[-1].rows_count if parts else 0
    for part in reversed(parts[:-1]):
        is_near = part.rows_count <= max(2 * rows, _SMALL)
        if not is_near or part.rows_count + rows > _MERGED_MAX:
            break
        count, rows = count + 1, rows + part.rows_count
    return count
