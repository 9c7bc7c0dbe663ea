"""Orders that follow from their lines: made anew from the lines that are current after a batch.

The rows that staging derived know the lines of their batch alone. That is all there is of a new
order; of one that had lines before, or whose lines this batch ended, it is not.
"""

from collections.abc import Sequence

import ibis
import pyarrow as pa

from retention_ml import tables
from retention_ml.deliveries.casting import derived, keys
from retention_ml.deliveries.casting.casts import DELIVERY
from retention_ml.deliveries.description.rules import OrderKind
from retention_ml.deliveries.engine import Engine, compiled
from retention_ml.deliveries.readers.chunks import LINE_NUMBER
from retention_ml.limits import Limits
from retention_ml.warehouse import Transaction

_TEXT, _WHOLE = pa.string(), pa.int64()
_LINES = pa.schema(
    [
        *((name, _TEXT) for name in ("order_id", "customer_id", "kind")),
        *((name, _WHOLE) for name in ("event_at", DELIVERY, LINE_NUMBER)),
    ]
)
_MICROSECONDS = "CAST(extract(epoch FROM event_at) * 1000000 AS bigint)"


def correct_orders(
    transaction: Transaction,
    *,
    source: str,
    batch_id: int,
    deliveries: Sequence[int],
    limits: Limits,
) -> None:
    """Correct the batch's derived orders in `staging` by the lines that are current now.

    Called when the batch's lines are in `curated`. Orders that did not change cost nothing: an
    order is looked at where its customer or kind would change, or where the batch replaced a
    line by one of another kind or customer, or ended one.
    """
    orders = _touched_orders(transaction, batch_id, deliveries)
    if not orders:
        return
    places = transaction.execute(
        "SELECT DISTINCT ON (order_id) order_id, delivery_id, line_number FROM staging.order_lines "
        "WHERE batch_id = :b AND order_id = ANY(:orders) "
        "ORDER BY order_id, delivery_id DESC, line_number",
        b=batch_id,
        orders=orders,
    )
    lines = transaction.execute(
        f"SELECT order_id, customer_id, kind, {_MICROSECONDS}, delivery_id, line_number "
        "FROM curated.order_lines WHERE superseded_at IS NULL AND source = :source "
        "AND kind <> 'charge' AND order_id = ANY(:orders)",
        source=source,
        orders=orders,
    )
    rest = sorted(set(orders) - {line.order_id for line in lines})
    without_lines = transaction.execute(
        f"SELECT order_id, customer_id, :kind, {_MICROSECONDS}, delivery_id, line_number "
        "FROM curated.orders WHERE superseded_at IS NULL AND source = :source "
        "AND order_id = ANY(:orders)",
        source=source,
        kind=str(OrderKind.CANCELLATION),
        orders=rest,
    )
    rows = _keyed([*lines, *without_lines], places, source, limits)
    transaction.change(
        "DELETE FROM staging.orders WHERE batch_id = :b AND order_id = ANY(:orders)",
        b=batch_id,
        orders=orders,
    )
    staged = keys.to_staging(rows, tables.ORDERS, source=source, batch_id=batch_id, is_derived=True)
    transaction.copy("staging.orders", staged)


def _touched_orders(
    transaction: Transaction, batch_id: int, deliveries: Sequence[int]
) -> list[str]:
    """The orders whose derived row may say something else than their current lines do."""
    rows = transaction.execute(
        "SELECT staged.order_id FROM staging.orders AS staged JOIN curated.orders AS old "
        "ON old.row_key = staged.row_key AND old.superseded_at IS NULL "
        "WHERE staged.batch_id = :b AND staged.is_derived "
        "AND (staged.kind, staged.customer_id) IS DISTINCT FROM (old.kind, old.customer_id) UNION "
        "SELECT old.order_id FROM curated.order_lines AS old LEFT JOIN curated.order_lines AS new "
        "ON new.row_key = old.row_key AND new.superseded_at IS NULL "
        "WHERE old.superseded_by = ANY(:deliveries) "
        "AND (new.kind, new.customer_id) IS DISTINCT FROM (old.kind, old.customer_id)",
        b=batch_id,
        deliveries=list(deliveries),
    )
    return [row.order_id for row in rows]


def _keyed(
    lines: Sequence[Sequence[object]],
    places: Sequence[Sequence[object]],
    source: str,
    limits: Limits,
) -> pa.Table:
    """The orders of these lines with their keys, each at its place in the batch."""
    by_column = zip(*lines, strict=True) if lines else ([] for _ in _LINES)
    columns = [
        pa.array(list(column), kind.type) for column, kind in zip(by_column, _LINES, strict=True)
    ]
    ids, delivery_ids, line_numbers = zip(*places, strict=True)
    place_table = pa.table({"order_id": ids, "__at": delivery_ids, "__line": line_numbers})
    unbound = ibis.table(ibis.schema(_LINES), name="lines")
    orders = derived.from_parts(derived.order_parts(unbound), "orders")
    with_keys = compiled(keys.with_keys(tables.ORDERS, orders, source))
    with Engine(limits) as engine:
        rows = engine.run(with_keys, lines=pa.table(columns, schema=_LINES))
    placed = rows.drop_columns([DELIVERY, LINE_NUMBER]).join(place_table, "order_id")
    return placed.rename_columns({"__at": DELIVERY, "__line": LINE_NUMBER})
