"""Reference files, and the rows of other feeds, joined to the rows of a feed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from retention_ml.deliveries.casting import texts
from retention_ml.deliveries.description.columns import Column
from retention_ml.deliveries.description.feed import Feed
from retention_ml.deliveries.description.lookup import Lookup
from retention_ml.deliveries.readers.chunks import LINE_NUMBER, list_names
from retention_ml.deliveries.readers.readers import open_file
from retention_ml.deliveries.sealing.stored_file import DeliveredFile
from retention_ml.errors import FileRefused


@dataclass(frozen=True, slots=True)
class Reference:
    """Rows to look up in: text columns, joined where `key` of them is `on` of the other rows."""

    on: str
    key: str
    rows: pa.Table


def file_columns(path: DeliveredFile, lookups: Sequence[Lookup]) -> tuple[str, ...]:
    """The columns of a reference file, once all of it was read.

    Parameters
    ----------
    lookups : sequence of Lookup
        Those that are joined to it; how it is written is taken from the first.

    Raises
    ------
    FileRefused
        If it cannot be read or lacks a column to join on.
    """
    feed = _file_feed(lookups[0])
    opened = open_file(path, feed)
    for lookup in lookups:
        _require_key(path.name, opened.columns, lookup.key_column)
    for _ in open_file(path, _reading(feed, opened.columns)).chunks:
        pass
    return opened.columns


def of_file(path: DeliveredFile, lookup: Lookup, feed: Feed) -> Reference:
    """A reference file as far as a feed reads it.

    Raises
    ------
    FileRefused
        If it cannot be read or lacks the column to join on.
    """
    return of_files([(path, path.name)], lookup, _file_feed(lookup), feed)


def of_files(
    files: Iterable[tuple[DeliveredFile, str]], lookup: Lookup, written_as: Feed, feed: Feed
) -> Reference:
    """The rows of files as far as a feed reads them; of one key the first row counts.

    Parameters
    ----------
    files : iterable of (DeliveredFile, str)
        The files, those that count first, and their names for messages.
    written_as : Feed
        How the files are written.
    feed : Feed
        The feed whose rows are joined to them.

    Raises
    ------
    FileRefused
        If a file cannot be read or lacks the column to join on.
    """
    key = lookup.key_column
    names = dict.fromkeys((key, *feed.source_columns))
    reading = _reading(written_as, names)
    tables: list[pa.Table] = []
    for path, name in files:
        opened = open_file(path, reading, name=name)
        if opened.columns:
            _require_key(name, opened.columns, key)
        tables += [chunk.rows for chunk in opened.chunks]
    if not tables:
        return Reference(lookup.on, key, pa.table({key: pa.array([], pa.string())}))
    rows = pa.concat_tables(tables, promote_options="default").drop_columns([LINE_NUMBER])
    rows = texts.visible(rows)
    empty = [n for n in rows.column_names if n != key and rows[n].null_count == rows.num_rows]
    return Reference(lookup.on, key, rows.drop_columns(empty))


def join(rows: pa.Table, references: Sequence[Reference]) -> pa.Table:
    """The rows with the further columns of the references, in order; empty where nothing fits.

    A column that the rows have already stays as it is, where it is not null: documents of one file
    may have different keys. A reference may be joined on a column that an earlier one brought.
    """
    for reference in references:
        if reference.on not in rows.column_names:
            continue
        keys = pc.utf8_trim_whitespace(reference.rows[reference.key]).combine_chunks()
        wanted = pc.utf8_trim_whitespace(rows[reference.on]).combine_chunks()
        indexes = pc.index_in(wanted, value_set=keys, skip_nulls=True)
        for name in reference.rows.column_names:
            further = reference.rows[name].take(indexes)
            if name not in rows.column_names:
                rows = rows.append_column(name, further)
            elif rows[name].null_count and name not in (reference.on, reference.key):
                at = rows.schema.get_field_index(name)
                rows = rows.set_column(at, name, pc.coalesce(rows[name], further))
    return rows


def _file_feed(lookup: Lookup) -> Feed:
    return Feed.model_construct(
        files=(str(lookup.file),),
        format=lookup.format,
        encoding=lookup.encoding,
        delimiter=lookup.delimiter,
        table="events",
        columns={},
    )


def _reading(written_as: Feed, names: Iterable[str]) -> Feed:
    """A feed that reads these columns of files, where they have them, and nothing else."""
    return written_as.model_copy(
        update={
            "columns": {name: Column.model_construct(column=name, optional=True) for name in names},
            "rules": (),
            "where": {},
            "unless": {},
            "also": {},
            "lookup": (),
            "currency": None,
            "per_order": (),
            "fill_down": None,
            "each": None,
        }
    )


def _require_key(name: str, columns: Sequence[str], key: str) -> None:
    if columns and key not in columns:
        raise FileRefused(
            f"{name} has no column {key!r} to be joined on; its columns are "
            f"{list_names(columns)}. Deliver it with that column, or correct `on` or `key`.",
            "missing_column",
        )
