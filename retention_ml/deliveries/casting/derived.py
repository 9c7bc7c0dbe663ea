"""Rows a delivered row implies: what it also describes (products, customers), and the orders
that follow from order lines.

One row per key and batch, marked `is_derived`; they are not counted as delivered.
Each derivation runs in two steps: once per group of files, then over all those results.
"""

import ibis

from retention_ml import tables
from retention_ml.deliveries.casting.casts import DELIVERY
from retention_ml.deliveries.mapping import LineKind, OrderKind
from retention_ml.deliveries.readers.chunks import LINE_NUMBER
from retention_ml.deliveries.sources import Feed

PLACE = "__place"
_LINES_PER_DELIVERY = 1 << 40


def place(rows: ibis.Table) -> ibis.Value:
    """Delivery and line number as one number that orders rows as they were delivered."""
    return rows[DELIVERY] * _LINES_PER_DELIVERY + rows[LINE_NUMBER]


def _split_place(rows: ibis.Table) -> ibis.Table:
    """The rows with `DELIVERY` and `LINE_NUMBER` instead of `PLACE`."""
    return rows.mutate(
        **{
            DELIVERY: (rows[PLACE] // _LINES_PER_DELIVERY).cast("int64"),
            LINE_NUMBER: (rows[PLACE] % _LINES_PER_DELIVERY).cast("int64"),
        }
    ).drop(PLACE)


def descriptions(feed: Feed, rows: ibis.Table, table: str) -> ibis.Table:
    """The distinct descriptions of `table` in accepted rows, each with its earliest time.

    Parameters
    ----------
    rows : ibis.Table
        Accepted rows with the columns `<table>.<column>` of `casts.typed_rows`.

    Returns
    -------
    ibis.Table
        The columns mapped for `table`, `described_at` (microseconds) and `PLACE`.
    """
    names = list(feed.also[table].columns)
    key = tables.CANONICAL[table].key
    described_at = rows.event_at if "event_at" in rows.columns else ibis.literal(0, type="int64")
    chosen = rows.select(
        **{name: rows[f"{table}.{name}"] for name in names},
        described_at=described_at,
        **{PLACE: place(rows)},
    )
    chosen = chosen.filter([chosen[name].notnull() for name in key])
    return chosen.group_by(names).agg(
        described_at=chosen.described_at.min(), **{PLACE: chosen[PLACE].min()}
    )


def from_parts(parts: ibis.Table, table: str) -> ibis.Table:
    """One derived row of `table` per key, from the parts of all groups of files."""
    return _orders(parts) if "sales" in parts.columns else _first_description(parts, table)


def _first_description(parts: ibis.Table, table: str) -> ibis.Table:
    """The first description of each key.

    Not the latest: a description carries no date, so a later one would be known too early.
    """
    order = ibis.row_number().over(
        ibis.window(
            group_by=[parts[name] for name in tables.CANONICAL[table].key],
            order_by=[parts.described_at, parts[PLACE]],
        )
    )
    first = parts.mutate(__order=order).filter(lambda t: t["__order"] == 0)
    return _split_place(first.drop("__order", "described_at"))


def order_parts(rows: ibis.Table) -> ibis.Table:
    """Order lines counted per order: customer, earliest time, and lines by kind.

    Charges alone make no order.
    """
    merchandise = rows.filter(rows.kind != LineKind.CHARGE)
    return _by_order(
        merchandise,
        place(merchandise),
        sales=merchandise.kind == LineKind.SALE,
        cancellations=merchandise.kind == LineKind.CANCELLATION,
        returns=merchandise.kind == LineKind.RETURN,
    )


def _by_order(rows: ibis.Table, places: ibis.Value, **counted: ibis.Value) -> ibis.Table:
    return rows.group_by("order_id").agg(
        customer_id=rows.customer_id.max(),
        event_at=rows.event_at.min(),
        **{name: value.sum().cast("int64") for name, value in counted.items()},
        **{PLACE: places.min()},
    )


def _orders(parts: ibis.Table) -> ibis.Table:
    """One order per `order_id`: a purchase if anything was sold, else what most lines are."""
    counts = ("sales", "cancellations", "returns")
    whole = _by_order(parts, parts[PLACE], **{name: parts[name] for name in counts})
    kind = ibis.cases(
        (whole.sales > 0, OrderKind.PURCHASE),
        (whole.cancellations >= whole.returns, OrderKind.CANCELLATION),
        else_=OrderKind.RETURN,
    )
    shaped = whole.mutate(kind=kind, channel=ibis.null("string"))
    return _split_place(shaped.drop(*counts))
