"""The first rows of a feed, before and after."""

from collections.abc import Mapping

import pyarrow as pa

from retention_ml import tables
from retention_ml.deliveries.description.columns import Column
from retention_ml.deliveries.description.feed import Feed
from retention_ml.deliveries.description.source import Source
from retention_ml.deliveries.inspect import values
from retention_ml.deliveries.inspect.inspection import Example
from retention_ml.deliveries.readers.chunks import LINE_NUMBER

EXAMPLES_MAX = 10
_SEPARATORS = {"product_of": " × ", "difference_of": " − ", "sum_of": " + ", "first_of": " / "}


def examples(
    source: Source,
    feed: Feed,
    file: str,
    texts: pa.Table,
    accepted: pa.Table,
    reasons: Mapping[int, str],
) -> list[Example]:
    """The first rows of a file by canonical column, as texts and as they were understood.

    Parameters
    ----------
    texts : pyarrow.Table
        Rows of the file with `LINE_NUMBER`.
    accepted : pyarrow.Table
        The rows of that file that were accepted, with `LINE_NUMBER`.
    reasons : mapping of int to str
        By line: why a row was rejected.
    """
    names = [column.name for column in tables.CANONICAL[feed.table] if column.name != "occurrence"]
    typed: dict[int, list[dict[str, object]]] = {}
    for row in accepted.slice(0, 10 * EXAMPLES_MAX).to_pylist():
        typed.setdefault(row[LINE_NUMBER], []).append(row)
    shown = []
    for row in texts.slice(0, EXAMPLES_MAX).to_pylist():
        line = row[LINE_NUMBER]
        parts = typed.get(line, [])
        after = parts.pop(0) if parts else {}
        shown.append(
            Example(
                file=file,
                line=line,
                before={name: _text(feed.columns[name], row) for name in feed.columns},
                after={n: values.shown(n, after[n], source) for n in names if n in after},
                outcome="accepted" if after else reasons.get(line, "left out"),
            )
        )
    return shown


def _text(spec: Column, row: Mapping[str, object]) -> str:
    """What the file has for a column: the text, or the texts it is computed from."""
    if spec.constant is not None:
        return spec.constant
    separator = next((sign for key, sign in _SEPARATORS.items() if getattr(spec, key)), "-")
    return separator.join(_cell(row, name) for name in spec.source_columns)


def _cell(row: Mapping[str, object], name: str) -> str:
    if name not in row:
        return "(lookup)"
    return str(row[name]) if row[name] is not None else ""
