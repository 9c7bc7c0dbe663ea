"""Small reference files that come with a delivered one and are joined to its rows."""

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from retention_ml.deliveries.mapping import Column, Lookup
from retention_ml.deliveries.readers.chunks import LINE_NUMBER, list_names
from retention_ml.deliveries.readers.readers import open_file
from retention_ml.deliveries.sources import Feed
from retention_ml.errors import FileRefused


def read_lookup(path: Path, lookup: Lookup) -> pa.Table:
    """A reference file as text columns, first row per key.

    Raises
    ------
    FileRefused
        If it cannot be read or lacks the column to join on.
    """
    feed = Feed.model_construct(
        files=(path.name,), format=lookup.format, table="events", columns={}
    )
    header = open_file(path, feed).columns
    if lookup.on not in header:
        raise FileRefused(
            f"{path.name} has no column {lookup.on!r} to be joined on; "
            f"its columns are {list_names(header)}. Deliver it with that column, or correct `on`.",
            "missing_column",
        )
    named = feed.model_copy(update={"columns": {name: Column(column=name) for name in header}})
    tables = [chunk.rows for chunk in open_file(path, named).chunks]
    return pa.concat_tables(tables).drop_columns([LINE_NUMBER])


def join_lookup(rows: pa.Table, lookup: pa.Table, on: str) -> pa.Table:
    """The rows with the lookup's further columns, empty where nothing fits."""
    indexes = pc.index_in(rows[on].combine_chunks(), value_set=lookup[on].combine_chunks())
    for name in lookup.column_names:
        if name not in rows.column_names:
            rows = rows.append_column(name, lookup[name].take(indexes))
    return rows
