"""Fields that only the first row of an order carries, given to its further rows."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from retention_ml.deliveries.shaping.texts import cell_texts, order_keys

_ORDER = "__order"


class FillDown:
    """Fills the empty cells of some columns from the rows above that belong to the same order.

    One for each file: it remembers the orders from chunk to chunk. The rows of an order need not
    stand together. A row without an order keeps its empty cells.

    Parameters
    ----------
    columns : sequence of str
        What to fill.
    by : sequence of str
        The columns that make the order.
    missing : mapping of str to sequence of str
        Texts that stand for an empty cell, by column.
    """

    def __init__(
        self, columns: Sequence[str], by: Sequence[str], missing: Mapping[str, Sequence[str]]
    ) -> None:
        self._columns, self._by, self._missing = tuple(columns), tuple(by), missing
        names = (_ORDER, *self._columns)
        self._orders = pa.table({name: pa.array([], pa.string()) for name in names})

    def orders(self, rows: pa.Table) -> pa.Array:
        """The order of each row; null where it has none."""
        return order_keys(rows, self._by, self._missing)

    def is_new(self, orders: pa.Array) -> pa.Array:
        """Whether no row of an order was filled so far."""
        return pc.invert(pc.is_in(orders, value_set=self._orders[_ORDER].combine_chunks()))

    def is_empty(self, rows: pa.Table) -> npt.NDArray[np.bool_]:
        """Whether all cells to fill are empty, shape (n,)."""
        is_empty = np.ones(rows.num_rows, dtype=bool)
        for name in self._columns:
            is_empty &= (
                cell_texts(rows, name, self._missing.get(name, ())).is_null().to_numpy(False)
            )
        return is_empty

    def fill(self, rows: pa.Table) -> pa.Table:
        """The next rows of the file with their empty cells filled."""
        orders = self.orders(rows)
        values = {
            name: cell_texts(rows, name, self._missing.get(name, ())) for name in self._columns
        }
        is_again = pc.is_in(self._orders[_ORDER], value_set=pc.unique(orders))
        before, others = self._orders.filter(is_again), self._orders.filter(pc.invert(is_again))
        both = pa.concat_tables([before, pa.table({_ORDER: orders, **values})]).combine_chunks()

        codes = both[_ORDER].combine_chunks().dictionary_encode().indices
        groups = codes.fill_null(-1).to_numpy(zero_copy_only=False)
        places = np.argsort(groups, kind="stable")
        is_last = np.append(groups[places][1:] != groups[places][:-1], True)[: len(places)]
        filled = {}
        for name in self._columns:
            value = both[name].combine_chunks()
            above = _last_value_above(groups[places], value.is_valid().to_numpy(False)[places])
            sources = np.empty(len(places), dtype=np.int64)
            sources[places] = np.where(above < 0, -1, places[above])
            filled[name] = value.take(pa.array(sources, mask=sources < 0))
        ends = places[is_last & (groups[places] >= 0)]
        last = pa.table({_ORDER: both[_ORDER], **filled}).take(pa.array(ends, pa.int64()))
        self._orders = pa.concat_tables([others, last])

        for name in self._columns:
            if name in rows.column_names:
                column = pc.coalesce(filled[name].slice(before.num_rows), values[name])
                rows = rows.set_column(rows.schema.get_field_index(name), name, column)
        return rows


def _last_value_above(
    groups: npt.NDArray[np.int64], has_value: npt.NDArray[np.bool_]
) -> npt.NDArray[np.int64]:
    """The place of the last value up to each row in its group, -1 where there is none.

    `groups` is sorted; rows of the group -1 see only themselves.
    """
    n = np.arange(len(groups))
    last = np.maximum.accumulate(np.where(has_value, n, -1)) if len(groups) else n
    first = np.searchsorted(groups, groups)
    first = np.where(groups < 0, n, first)
    result: npt.NDArray[np.int64] = np.where(last >= first, last, -1)
    return result
