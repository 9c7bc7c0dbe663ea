"""Cents are not units: a column of whole cents whose texts have decimals is described wrongly."""

import re

import pyarrow as pa
import pyarrow.compute as pc

from retention_ml.deliveries.casting.cast import DELIVERY
from retention_ml.deliveries.casting.numbers import piece_columns
from retention_ml.deliveries.description.feed import Feed
from retention_ml.deliveries.readers.chunks import LINE_NUMBER
from retention_ml.errors import FileRefused


def decimals_in_cents(
    rows: pa.Table, feed: Feed, file_names: dict[int, str]
) -> tuple[int, FileRefused] | None:
    """The first delivery with a decimal mark in a column of whole cents, and its error.

    Such a file is refused as a whole: its 12.50 would be no number, and its 12 a factor of 100 off.
    """
    for column, name in _cent_columns(feed):
        point = re.escape(feed.decimal)
        has_mark = pc.match_substring_regex(rows[name], rf"[0-9]{point}|{point}[0-9]")
        place = pc.index(has_mark, True).as_py()
        if place < 0:
            continue
        delivery = rows[DELIVERY][place].as_py()
        return delivery, FileRefused(
            f"{file_names[delivery]} has decimals in {name!r} ({rows[name][place].as_py()[:40]!r} in line "
            f"{rows[LINE_NUMBER][place].as_py():,}), and {column} takes it for whole cents. Write "
            f'{column} = {{ column = "{name}", money = true }} for amounts such as 12.50; where the '
            "file counts cents and writes 1250.0, write whole = true.",
            "cents_or_units",
        )
    return None


def _cent_columns(feed: Feed) -> list[tuple[str, str]]:
    """Canonical columns of money that are described as cents, each with a column of the file."""
    pieces = piece_columns(feed)
    return [
        (column, name)
        for column, spec in feed.columns.items()
        if column.endswith("_cents") and not spec.money and not spec.whole
        for name in spec.source_columns
        if name not in pieces
    ]
