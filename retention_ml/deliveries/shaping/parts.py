"""A row of the file that has several parts is one row: counted once, quarantined whole."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from retention_ml.deliveries.casting.casts import DELIVERY
from retention_ml.deliveries.casting.derived import LINES_PER_DELIVERY
from retention_ml.deliveries.casting.keys import PART
from retention_ml.deliveries.casting.rules import LEFT_OUT, REASON
from retention_ml.deliveries.description.feed import Feed
from retention_ml.deliveries.readers.chunks import LINE_NUMBER, Chunk


def row_count(feed: Feed, rows: pa.Table) -> int:
    """How many rows of files these rows of the table came from."""
    return len(np.unique(row_ids(rows))) if feed.has_parts else int(rows.num_rows)


def chunk_row_count(feed: Feed, chunk: Chunk) -> int:
    """How many rows of the file a chunk holds, its rejects included."""
    numbers = chunk.rows[LINE_NUMBER]
    rows = pc.count_distinct(numbers).as_py() if feed.each is not None else len(numbers)
    return int(rows) + len(chunk.rejects) + chunk.left_out


def row_ids(parts: pa.Table) -> npt.NDArray[np.int64]:
    """Delivery and line number of each part as one number, shape (n,)."""
    deliveries, lines = parts[DELIVERY].to_numpy(), parts[LINE_NUMBER].to_numpy()
    ids: npt.NDArray[np.int64] = deliveries * LINES_PER_DELIVERY + lines
    return ids


def is_first_part(parts: pa.Table) -> npt.NDArray[np.bool_]:
    """Whether each part is the first of its row, shape (n,); parts of a row stand together."""
    ids = row_ids(parts)
    return np.append(True, ids[1:] != ids[:-1])[: len(ids)]


def numbered(parts: pa.Table) -> pa.Table:
    """The parts with `PART`, a number that tells them apart and grows within their row."""
    return parts.append_column(PART, pa.array(np.arange(parts.num_rows)))


def of_rows(parts: pa.Table, others: pa.Table) -> pa.Table:
    """Those parts whose row has a part among the others."""
    return parts.filter(pa.array(np.isin(row_ids(parts), row_ids(others))))


def without(parts: pa.Table, superseded: pa.Table) -> tuple[pa.Table, pa.Table]:
    """The numbered parts that are left, and of the superseded ones those whose row has none left.

    Of rows that have no parts `superseded` has no `PART`: a row is one part.
    """
    if PART in superseded.column_names:
        is_gone = np.isin(np.arange(parts.num_rows), superseded[PART].to_numpy())
    else:
        is_gone = np.isin(row_ids(parts), row_ids(superseded))
    rest = parts.filter(pa.array(~is_gone))
    return rest, superseded.filter(pa.array(~np.isin(row_ids(superseded), row_ids(rest))))


def with_reasons_of_rows(parts: pa.Table) -> pa.Table:
    """The parts, each with the first reason against any part of its row.

    A part that is left out on purpose stays so where nothing is wrong with the others.
    """
    ids, reasons = row_ids(parts), parts[REASON].combine_chunks()
    is_bad = pc.not_equal(reasons, LEFT_OUT).fill_null(False)
    bad = np.flatnonzero(is_bad.to_numpy(zero_copy_only=False))
    if not len(bad):
        return parts
    bad_ids, first = np.unique(ids[bad], return_index=True)
    at = np.minimum(np.searchsorted(bad_ids, ids), len(bad_ids) - 1)
    sources = pa.array(bad[first][at], mask=bad_ids[at] != ids)
    of_rows = pc.coalesce(reasons.take(sources), reasons)
    return parts.set_column(parts.schema.get_field_index(REASON), REASON, of_rows)
