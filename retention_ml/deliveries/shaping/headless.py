"""Orders whose first row may have been rejected: their further rows lack what it carries."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from retention_ml.deliveries.readers.chunks import LINE_NUMBER, Chunk, Reject
from retention_ml.deliveries.reasons import Reason
from retention_ml.deliveries.shaping.fill_down import FillDown


class HeadlessOrders:
    """Fills chunks, and rejects the rows of orders that begin behind a rejected row, empty.

    One for each file. An order that carries nothing at all is no fault by itself (a guest's); one
    that follows directly on a row that could not be read may have lost its first row.
    """

    def __init__(self, fill_down: FillDown) -> None:
        self._fill_down = fill_down
        self._orders = pa.array([], pa.string())
        self._last_line, self._last_reject = 0, -1

    def reject(self, chunk: Chunk) -> Chunk:
        """The next chunk, filled, with those rows among its rejects."""
        rows = chunk.rows
        if not rows.num_rows:
            self._last_reject = max([self._last_reject, *(r.line_number for r in chunk.rejects)])
            return chunk
        orders = self._fill_down.orders(rows)
        begins = self._follow_rejects(chunk) & self._first_rows(orders)
        begins &= self._fill_down.is_empty(rows)
        self._orders = pa.concat_arrays([self._orders, orders.filter(pa.array(begins))])
        rows = self._fill_down.fill(rows)
        if not len(self._orders):
            return replace(chunk, rows=rows)
        is_headless = pc.is_in(orders, value_set=self._orders).to_numpy(zero_copy_only=False)
        is_headless &= self._fill_down.is_empty(rows)
        return _without(replace(chunk, rows=rows), is_headless)

    def _first_rows(self, orders: pa.Array) -> npt.NDArray[np.bool_]:
        """Whether each row is the first of its order in the file, shape (n,)."""
        is_first: npt.NDArray[np.bool_] = np.zeros(len(orders), dtype=bool)
        codes = orders.dictionary_encode().indices.fill_null(-1).to_numpy(zero_copy_only=False)
        is_first[np.unique(codes, return_index=True)[1]] = True
        is_new = pc.and_(self._fill_down.is_new(orders), orders.is_valid())
        is_first &= is_new.to_numpy(zero_copy_only=False)
        return is_first

    def _follow_rejects(self, chunk: Chunk) -> npt.NDArray[np.bool_]:
        """Whether a rejected row stands directly before each row, shape (n,)."""
        lines = chunk.rows[LINE_NUMBER].to_numpy()
        rejects = np.sort([self._last_reject, *(reject.line_number for reject in chunk.rejects)])
        places = np.searchsorted(rejects, np.append(self._last_line, lines))
        self._last_line, self._last_reject = int(lines[-1]), int(rejects[-1])
        result: npt.NDArray[np.bool_] = places[1:] > places[:-1]
        return result


def _without(chunk: Chunk, mask: npt.NDArray[np.bool_]) -> Chunk:
    """The chunk with the masked rows as rejects."""
    rest, places = np.flatnonzero(~mask), np.flatnonzero(mask).tolist()
    if not places:
        return chunk
    numbers = chunk.rows[LINE_NUMBER].take(pa.array(places)).to_pylist()
    rejects = [
        Reject(number, raw, Reason.FIRST_ROW_REJECTED)
        for number, raw in zip(numbers, chunk.raw(places), strict=True)
    ]
    return replace(
        chunk,
        rows=chunk.rows.take(pa.array(rest)),
        raw=lambda indexes: chunk.raw(rest[np.asarray(indexes, int)].tolist()),
        rejects=[*chunk.rejects, *rejects],
    )
