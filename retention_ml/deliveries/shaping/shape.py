"""The chunks of a file as its feed shapes them: lines of cells, fields carried down."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa

from retention_ml.deliveries.description.feed import Feed
from retention_ml.deliveries.readers.chunks import LINE_NUMBER, Chunk
from retention_ml.deliveries.shaping.cells import split_cells
from retention_ml.deliveries.shaping.fill_down import FillDown
from retention_ml.deliveries.shaping.headless import HeadlessOrders


def shaped(feed: Feed, chunks: Iterator[Chunk]) -> Iterator[Chunk]:
    """The chunks of one file, each row with what its order or its cell gives it.

    A feed of whole lines gets its chunks back as they are; where rows take values from others of
    their order, they stand in the order of the file.
    """
    if feed.has_context:
        chunks = map(_in_file_order, chunks)
    if feed.fill_down is not None:
        fill_down = FillDown(feed.fill_down.columns, feed.order_columns, feed.missing_by_column)
        headless = HeadlessOrders(fill_down)
        chunks = (headless.reject(chunk) for chunk in chunks)
    if feed.each is not None and feed.each.is_cell:
        each = feed.each
        chunks = (split_cells(chunk, each) for chunk in chunks)
    return chunks


def _in_file_order(chunk: Chunk) -> Chunk:
    """The chunk with its rows by line: readers may put quoted lines behind the others."""
    numbers = chunk.rows[LINE_NUMBER].to_numpy()
    if (np.diff(numbers) >= 0).all():
        return chunk
    places = np.argsort(numbers, kind="stable")

    def raw(indexes: Sequence[int]) -> list[bytes]:
        return chunk.raw(places[list(indexes)].tolist())

    return replace(chunk, rows=chunk.rows.take(pa.array(places)), raw=raw)
