"""Money that stands once per order (postage, a discount, a refund), as a line of its own.

The line is cast like any other, by a feed of its own: the order, customer and time of its row,
with the amount, product and kind that the description gives it.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from retention_ml.deliveries.casting.casts import DELIVERY
from retention_ml.deliveries.casting.rules import REASON
from retention_ml.deliveries.description.columns import Column
from retention_ml.deliveries.description.feed import Feed
from retention_ml.deliveries.description.rules import Rule
from retention_ml.deliveries.description.shape import PerOrder
from retention_ml.deliveries.shaping.texts import cell_texts, order_keys

_OF_THE_LINE = (
    "product_id",
    "quantity",
    "unit_price_cents",
    "line_amount_cents",
    "discount_cents",
    "kind",
)


def money_feeds(feed: Feed) -> tuple[Feed, ...]:
    """What casts each kind of money that stands once per order: the feed, with other columns.

    A rule that undoes the order in place, or leaves it out, holds for its money too, unless it
    asks for something of the line (its product, its quantity, its price).
    """
    of_the_order = {name: spec for name, spec in feed.columns.items() if name not in _OF_THE_LINE}
    return tuple(
        feed.model_copy(
            update={
                "columns": {
                    **of_the_order,
                    "product_id": Column(constant=money.product_id),
                    "quantity": Column(constant="1"),
                    "line_amount_cents": money.amount,
                    "kind": Column(constant=money.kind),
                },
                "rules": tuple(
                    rule.model_copy(update={"kind": money.kind}) if rule.in_place else rule
                    for rule in feed.rules
                    if (rule.in_place or rule.leave_out) and not _asks_for_the_line(feed, rule)
                ),
                # Which rows are the feed's is decided by their lines: see `FirstOfOrder.places`.
                "where": {},
                "unless": {},
                "also": {},
                "per_order": (),
            }
        )
        for money in feed.per_order
    )


def as_lines(typed: pa.Table, money: PerOrder, schema: pa.Schema) -> pa.Table:
    """What was cast by a feed of `money_feeds`, as rows of that schema."""
    if money.negate:
        at = typed.schema.get_field_index("line_amount_cents")
        amounts = pc.negate(typed["line_amount_cents"])
        typed = typed.set_column(at, "line_amount_cents", amounts)
    empty = pa.nulls(typed.num_rows)
    columns = {name: typed[name] if name in typed.column_names else empty for name in schema.names}
    return pa.table(columns).cast(schema)


def split_zero(typed: pa.Table, line_count: int) -> tuple[pa.Table, pa.Table]:
    """The rows without money that is zero, and that money; the first `line_count` rows are lines.

    No money makes no line, but it replaces some that a former delivery had.
    """
    is_zero = pc.and_(pc.equal(typed["line_amount_cents"], 0), typed[REASON].is_null())
    mask = is_zero.fill_null(False).to_numpy() & (np.arange(typed.num_rows) >= line_count)
    return typed.filter(pa.array(~mask)), typed.filter(pa.array(mask))


def _asks_for_the_line(feed: Feed, rule: Rule) -> bool:
    columns = [feed.columns[name] for name in _OF_THE_LINE if name in feed.columns]
    names = {*_OF_THE_LINE, *(name for column in columns for name in column.source_columns)}
    return any(
        name in names or (feed.each is not None and feed.each.makes(name))
        for name in rule.condition_columns
    )


class FirstOfOrder:
    """Finds the first row of each order in its file that has a value, chunk by chunk.

    Parameters
    ----------
    feed : Feed
        Its `per_order` says which columns are asked.
    """

    def __init__(self, feed: Feed) -> None:
        self._feed, self._missing = feed, feed.missing_by_column
        self._delivery = -1
        self._orders = self._no_orders()

    def _no_orders(self) -> list[pa.Array]:
        return [pa.array([], pa.string()) for _ in self._feed.per_order]

    def places(self, rows: pa.Table, is_of_feed: pa.Array) -> list[npt.NDArray[np.int64]]:
        """For each kind of money, the places of the next rows that it stands on.

        `rows` follow those of the call before, file by file; `is_of_feed` says which of them are rows
        of the feed.
        """
        deliveries = rows[DELIVERY].to_numpy()
        starts = np.flatnonzero(np.append(True, deliveries[1:] != deliveries[:-1]))
        places: list[list[npt.NDArray[np.int64]]] = [[] for _ in self._feed.per_order]
        for start, end in pairwise([*starts.tolist(), rows.num_rows]):
            if deliveries[start] != self._delivery:
                self._delivery, self._orders = int(deliveries[start]), self._no_orders()
            part = rows.slice(start, end - start)
            orders = order_keys(part, self._feed.order_columns, self._missing)
            nothing = pa.scalar(None, orders.type)
            orders = pc.if_else(is_of_feed.slice(start, end - start), orders, nothing)
            for number, of_money in enumerate(places):
                of_money.append(start + self._next_places(number, part, orders))
        return [np.concatenate(of_money) for of_money in places]

    def _next_places(self, number: int, rows: pa.Table, orders: pa.Array) -> npt.NDArray[np.int64]:
        columns = self._feed.per_order[number].amount.source_columns
        has_value = _has_value(rows, columns, self._missing)
        is_new = pc.invert(pc.is_in(orders, value_set=self._orders[number]))
        candidates = pc.and_(pc.and_(has_value, is_new), orders.is_valid())
        places = np.flatnonzero(candidates.to_numpy(zero_copy_only=False))
        texts = orders.take(pa.array(places))
        codes = texts.dictionary_encode().indices.to_numpy(zero_copy_only=False)
        _, first = np.unique(codes, return_index=True)
        self._orders[number] = pa.concat_arrays([self._orders[number], texts.take(pa.array(first))])
        result: npt.NDArray[np.int64] = places[np.sort(first)]
        return result


def _has_value(
    rows: pa.Table, columns: Sequence[str], missing: Mapping[str, Sequence[str]]
) -> pa.Array:
    """Whether one of the columns has a text in a row."""
    has_value = pa.array(np.zeros(rows.num_rows, dtype=bool))
    for name in columns:
        has_value = pc.or_(has_value, cell_texts(rows, name, missing[name]).is_valid())
    return has_value
