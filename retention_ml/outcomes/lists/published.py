"""Published lists whose window has closed, and which of them are to be measured."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import pyarrow as pa

from retention_ml.abnormal.excluded import excluded_customers
from retention_ml.clock import day_number, day_of
from retention_ml.settings import Settings
from retention_ml.warehouse import Transaction, Warehouse

_PUBLISHED = (
    "SELECT snapshot_id, as_of, method, bundle_sha256, list_size, horizon_days "
    "FROM recommendations.published AS pointer JOIN recommendations.snapshots "
    "USING (snapshot_id, as_of) WHERE as_of < :as_of ORDER BY as_of"
)
# Only what became known later than every purchase does: few rows, however large the shop.
_LATE = (
    "SELECT event_day, max(known_from_day) AS known_from_day FROM features.customer_product_day "
    "WHERE known_from_day > :since AND known_from_day <= :until "
    "AND known_from_day > event_day + :settle_days GROUP BY event_day"
)
_LISTS = (
    "SELECT customer_id, list, rank, product_id FROM recommendations.customer_daily "
    "WHERE snapshot_id = {snapshot_id} AND rank <= {size} ORDER BY customer_id, list, rank"
)
_UNSELLABLE = (
    "SELECT product_id FROM recommendations.product_daily "
    "WHERE snapshot_id = {snapshot_id} AND NOT is_sellable"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedLists:
    """What readers see of a day: how its lists were made, and for how long they are meant."""

    snapshot_id: int
    as_of: date
    method: str
    bundle_sha256: str | None
    list_size: int
    horizon_days: int

    @property
    def closes_on(self) -> date:
        """The day after the last of the window."""
        return self.as_of + timedelta(days=self.horizon_days)

    def rows(self, warehouse: Warehouse, size: int) -> pa.Table:
        """`customer_id, list, rank, product_id` of the first `size` ranks."""
        return warehouse.read(_LISTS.format(snapshot_id=self.snapshot_id, size=size))

    def abnormal(self, warehouse: Warehouse, settings: Settings) -> pa.StringArray:
        """Ids of who was excluded as abnormal when the window had closed and settled."""
        settled_on = self.closes_on + timedelta(days=settings.churn.settle_days)
        return excluded_customers(warehouse, settled_on)

    def unsellable(self, warehouse: Warehouse) -> pa.Array:
        """The candidates that could not be sold on the day."""
        rows = warehouse.read(_UNSELLABLE.format(snapshot_id=self.snapshot_id))
        return rows["product_id"].combine_chunks()


def published_lists(transaction: Transaction, as_of: date) -> list[PublishedLists]:
    """The lists published for days before a day, oldest first."""
    rows = transaction.execute(_PUBLISHED, as_of=as_of)
    return [PublishedLists(**row._asdict()) for row in rows]


def bought_until(transaction: Transaction, as_of: date) -> date | None:
    """The day after the last with a purchase that is known at the start of a day."""
    rows = transaction.execute(
        "SELECT max(event_day) FROM features.customer_product_day "
        "WHERE event_day < :day AND known_from_day <= :day",
        day=day_number(as_of),
    )
    return None if rows[0][0] is None else day_of(int(rows[0][0]) + 1)


def closed(
    lists: Sequence[PublishedLists], *, as_of: date, bought_until: date | None, settle_days: int
) -> list[PublishedLists]:
    """Those whose window has closed, settled, and been covered by purchases, as of churn outcomes."""
    if bought_until is None:
        return []
    until = min(as_of - timedelta(days=settle_days), bought_until)
    return [each for each in lists if each.closes_on <= until]


def due(
    transaction: Transaction,
    lists: Sequence[PublishedLists],
    known_since: Mapping[int, date],
    *,
    as_of: date,
    settle_days: int,
) -> list[PublishedLists]:
    """The lists not measured yet, or measured before a purchase of their window became known.

    Parameters
    ----------
    known_since : mapping of int to date
        By snapshot, the day as of which the purchases behind its stored figures were known.
        What was stored with later knowledge than that of `as_of` stays.
    """
    late = transaction.execute(
        _LATE,
        since=day_number(min(known_since.values(), default=as_of)),
        until=day_number(as_of),
        settle_days=settle_days,
    )
    return [
        each
        for each in lists
        if (since := known_since.get(each.snapshot_id)) is None
        or any(
            day_number(each.as_of) <= row.event_day < day_number(each.closes_on)
            and row.known_from_day > day_number(since)
            for row in late
        )
    ]
