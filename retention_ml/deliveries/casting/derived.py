"""Rows a delivered row implies: what it also describes (products, customers), and the orders
that follow from order lines.

One row per key and batch, marked `is_derived`; they are not counted as delivered.
Each derivation runs in two steps: once per group of files, then over all those results.
"""

import ibis

from retention_ml import tables
from retention_ml.deliveries.casting.casts import DELIVERY
from retention_ml.deliveries.description.feed import Feed
from retention_ml.deliveries.description.rules import LineKind, OrderKind
from retention_ml.deliveries.readers.chunks import LINE_NUMBER

PLACE = "__place"
LINES_PER_DELIVERY = 1 << 40


def place(rows: ibis.Table) -> ibis.Value:
    """Delivery and line number as one number that orders rows as they were delivered."""
    return rows[DELIVERY] * LINES_PER_DELIVERY + rows[LINE_NUMBER]


def _split_place(rows: ibis.Table) -> ibis.Table:
    """The rows with `DELIVERY` and `LINE_NUMBER` instead of `PLACE`."""
    return rows.mutate(
        **{
            DELIVERY: (rows[PLACE] // LINES_PER_DELIVERY).cast("int64"),
            LINE_NUMBER: (rows[PLACE] % LINES_PER_DELIVERY).cast("int64"),
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
        described_at=chosen.described_at.min(),
        **{PLACE: chosen[PLACE].max() if table == "orders" else chosen[PLACE].min()},
    )


def from_parts(parts: ibis.Table, table: str) -> ibis.Table:
    """One derived row of `table` per key, from the parts of all groups of files."""
    if "sales" in parts.columns:
        return _orders(parts)
    if table == "orders":
        return _last_order(parts)
    return _first_description(parts, table)


def _last_order(parts: ibis.Table) -> ibis.Table:
    """The last description of each order: what it is now, a purchase unless it says otherwise."""
    order = ibis.row_number().over(
        ibis.window(group_by=parts.order_id, order_by=ibis.desc(parts[PLACE]))
    )
    last = parts.mutate(__order=order).filter(lambda t: t["__order"] == 0)
    rows = _split_place(last.drop("__order", "described_at"))
    return rows if "kind" in rows.columns else rows.mutate(kind=ibis.literal(OrderKind.PURCHASE))


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

    Charges alone make no order. Of what was sold also the first and last customer by name, and
    the first and last time: they tell whether a number stands for two orders.
    """
    merchandise = rows.filter(rows.kind != LineKind.CHARGE)
    is_sale = merchandise.kind == LineKind.SALE
    buyer = ibis.ifelse(is_sale, merchandise.customer_id, ibis.null("string"))
    sold_at = ibis.ifelse(is_sale, merchandise.event_at, ibis.null("int64"))
    return merchandise.group_by("order_id").agg(
        **_first_of_order(merchandise, place(merchandise)),
        sales=is_sale.sum().cast("int64"),
        cancellations=(merchandise.kind == LineKind.CANCELLATION).sum().cast("int64"),
        returns=(merchandise.kind == LineKind.RETURN).sum().cast("int64"),
        first_customer_id=buyer.min(),
        last_customer_id=buyer.max(),
        sold_from=sold_at.min(),
        sold_to=sold_at.max(),
    )


def _first_of_order(rows: ibis.Table, places: ibis.Value) -> dict[str, ibis.Scalar]:
    return {
        "customer_id": rows.customer_id.max(),
        "event_at": rows.event_at.min(),
        PLACE: places.min(),
    }


def _orders(parts: ibis.Table) -> ibis.Table:
    """One order per `order_id`: a purchase if anything was sold, else what most lines are."""
    counts = ("sales", "cancellations", "returns")
    whole = parts.group_by("order_id").agg(
        **_first_of_order(parts, parts[PLACE]),
        **{name: parts[name].sum().cast("int64") for name in counts},
    )
    kind = ibis.cases(
        (whole.sales > 0, OrderKind.PURCHASE),
        (whole.cancellations >= whole.returns, OrderKind.CANCELLATION),
        else_=OrderKind.RETURN,
    )
    shaped = whole.mutate(kind=kind, channel=ibis.null("string"))
    return _split_place(shaped.drop(*counts))
