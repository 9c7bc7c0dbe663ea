"""Order numbers that stand for two orders: two customers' or months apart.

`candidates` names numbers that may; `reused_rows` decides by all lines of such a number.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import ibis

from retention_ml.deliveries.description.rules import LineKind, OrderKind

APART_MAX = timedelta(days=30)
_MICROSECONDS_MAX = APART_MAX // timedelta(microseconds=1)
_SOLD = (LineKind.SALE, OrderKind.PURCHASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRow:
    """A line of an order, or the order itself, as it was staged or is current in curated.

    `delivery_order` places it among the deliveries; `is_staged` tells which of the two it is.
    `is_whole`: its delivery is no replay of single rows. `is_absent`: the newest delivery of the
    whole order does not have it.
    """

    order_id: str
    customer_id: str | None
    event_at: datetime
    kind: str
    row_key: bytes
    delivery_id: int
    line_number: int
    delivery_order: int
    feed: str
    is_staged: bool
    is_whole: bool
    is_absent: bool = False

    @property
    def place(self) -> tuple[bool, int, int]:
        """Sorts the versions of a row as they were delivered."""
        return self.is_staged, self.delivery_order, self.line_number

    def is_apart_from(self, other: "OrderRow") -> bool:
        """Whether more than `APART_MAX` lies between the two."""
        return abs(self.event_at - other.event_at) > APART_MAX

    def is_of_another(self, other: "OrderRow") -> bool:
        """Whether the two are of two known customers."""
        return None not in (self.customer_id, other.customer_id) and (
            self.customer_id != other.customer_id
        )


def candidates(parts: ibis.Table) -> ibis.Table:
    """The numbers of `derived.order_parts` whose lines sold are of two customers, or far apart."""
    orders = parts.group_by("order_id").agg(
        first_customer_id=parts.first_customer_id.min(),
        last_customer_id=parts.last_customer_id.max(),
        sold_from=parts.sold_from.min(),
        sold_to=parts.sold_to.max(),
    )
    return orders.filter(
        (orders.first_customer_id != orders.last_customer_id)
        | (orders.sold_to - orders.sold_from > _MICROSECONDS_MAX)
    ).select("order_id")


def reused_rows(rows: Iterable[OrderRow]) -> list[OrderRow]:
    """The staged rows of one order number that stands for two orders; empty where it does not.

    It does where what is sold under it, as it is after the batch, has two customers or lies more
    than 30 days apart; or where a row of another customer, more than 30 days away, would be
    replaced. The same row under another customer alone is a correction (accounts are merged).
    Staged rows that repeat or correct the order in curated are not among those returned.
    """
    in_order = sorted(rows, key=lambda row: row.place)
    current = {row.row_key: row for row in in_order if not row.is_absent}
    sold = [row for row in current.values() if row.kind in _SOLD]
    if not sold or not _is_reused(sold, [row for row in in_order if row.kind in _SOLD]):
        return []
    existing = {row.row_key: row for row in in_order if not row.is_staged}
    return [
        row
        for row in in_order
        if row.is_staged
        and (
            (old := existing.get(row.row_key)) is None
            or row.is_of_another(old)
            or row.is_apart_from(old)
        )
    ]


def description(rows: Iterable[OrderRow]) -> str:
    """What is sold under one number: such as `2 customers, from 2024-01-05 to 2025-01-05`."""
    sold = [row for row in rows if row.kind in _SOLD]
    customers = len({row.customer_id for row in sold} - {None})
    first, last = min(row.event_at for row in sold), max(row.event_at for row in sold)
    return f"{customers} customer{'s' * (customers != 1)}, from {first:%Y-%m-%d} to {last:%Y-%m-%d}"


def _is_reused(sold: Sequence[OrderRow], ever_sold: Sequence[OrderRow]) -> bool:
    first = min(sold, key=lambda row: row.event_at)
    last = max(sold, key=lambda row: row.event_at)
    if first.is_apart_from(last) or len({row.customer_id for row in sold} - {None}) > 1:
        return True
    customer = next((row for row in sold if row.customer_id is not None), first)
    return any(
        row.is_of_another(customer) and row.is_apart_from(first) and row.is_apart_from(last)
        for row in ever_sold
    )
