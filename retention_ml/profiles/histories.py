"""Purchase days of every customer as known on a day, in arrays, and when each was acquired."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property

import ibis
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from retention_ml import clock, tables
from retention_ml.abnormal.excluded import excluded_customers, without
from retention_ml.clock import day_number
from retention_ml.curated.known import known
from retention_ml.features.inputs import stored_inputs
from retention_ml.statistics.arrays import Bools, Ints
from retention_ml.warehouse import Warehouse

_CUSTOMERS = tables.CUSTOMERS.ibis_table("curated", tables.LINEAGE)
_MONEY_DAY = ("orders_count", "revenue_cents", "refund_cents")


@dataclass(frozen=True, kw_only=True)
class Histories:
    """Customers and their purchase days, as known at the start of `as_of`.

    Days are numbers since 1970-01-01 on the shop's calendar, all before `as_of`.

    Parameters
    ----------
    as_of : date
    customer_ids : pa.StringArray, length n
        Rising: everybody who ordered, and visitors with an event or an account.
    acquired_day : array of int64, shape (n,)
        The first day with an order, an event or an account.
    customer : array of int64, shape (p,)
        Whose purchase day it is, a place in `customer_ids`; rising.
    day : array of int64, shape (p,)
        The purchase day; rising within a customer.
    orders_count : array of int64, shape (p,)
    money_customer, money_day, money_cents : array of int64, shape (m,)
        What days brought, refunds taken off; also days with refunds alone.
    abnormal_count : int
        Customers who are excluded as abnormal on the day, and not among the others.
    """

    as_of: date
    customer_ids: pa.StringArray
    acquired_day: Ints
    customer: Ints
    day: Ints
    orders_count: Ints
    money_customer: Ints
    money_day: Ints
    money_cents: Ints
    abnormal_count: int = 0

    @cached_property
    def today(self) -> int:
        """The number of `as_of`."""
        return day_number(self.as_of)

    @cached_property
    def is_first(self) -> Bools:
        """Which purchase days are a customer's first, shape (p,)."""
        return np.append(True, np.diff(self.customer) != 0)[: len(self.customer)]

    @cached_property
    def number(self) -> Ints:
        """The how-manieth purchase day of its customer, the first is 1, shape (p,)."""
        place = np.arange(len(self.customer), dtype=np.int64)
        start = np.maximum.accumulate(np.where(self.is_first, place, 0))
        return np.asarray(place - start + 1)

    @cached_property
    def pause(self) -> Ints:
        """Days since the purchase day before, 0 at the first, shape (p,)."""
        return np.where(self.is_first, 0, np.diff(self.day, prepend=0))

    @cached_property
    def buyers(self) -> Ints:
        """Customers with an order, places in `customer_ids`, rising, shape (b,)."""
        return self.customer[self.is_first]

    @cached_property
    def first(self) -> Ints:
        """The first purchase day of each buyer, shape (b,)."""
        return self.day[self.is_first]

    @cached_property
    def last_place(self) -> Ints:
        """Where the last purchase day of each buyer is among the purchase days, shape (b,)."""
        return np.flatnonzero(np.append(self.is_first[1:], True)[: len(self.customer)])

    @cached_property
    def last(self) -> Ints:
        """The last purchase day of each buyer, shape (b,)."""
        return self.day[self.last_place]

    @cached_property
    def buyer(self) -> Ints:
        """Whose purchase day it is, a place in `buyers`, shape (p,)."""
        return np.asarray(np.cumsum(self.is_first) - 1, dtype=np.int64)

    def total_cents(self, since: int | None = None) -> Ints:
        """What each customer brought, refunds taken off, from a day on, shape (n,)."""
        chosen = slice(None) if since is None else self.money_day >= since
        total = np.zeros(len(self.customer_ids), dtype=np.int64)
        np.add.at(total, self.money_customer[chosen], self.money_cents[chosen])
        return total


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryLog:
    """What the rollups say of purchase days up to a day, with when each was known: read once.

    Parameters
    ----------
    warehouse : Warehouse
        Asked for events and accounts when a day is asked for.
    timezone : str
    days : pa.Table
        Additions as in `features.customer_day`.
    """

    warehouse: Warehouse
    timezone: str
    days: pa.Table

    def known_at(self, as_of: date) -> Histories:
        """The histories known at the start of a day up to that of the log."""
        today = day_number(as_of)
        with self.warehouse.snapshot() as select:
            events = select(_first_events(today))
            accounts = select(_accounts(as_of, self.timezone))
        opened = accounts["opened_at"].cast(pa.timestamp("s", tz="UTC"), safe=False)
        opened_day = clock.local_days(_ints(opened.cast(pa.int64())), self.timezone)
        ids = [*events["customer_id"].chunks, *accounts["customer_id"].chunks]
        contacts = pa.table(
            {
                "customer_id": pa.chunked_array(ids, pa.string()),
                "event_day": np.concatenate([_ints(events["event_day"]), opened_day]),
            }
        )
        summed = self._summed(today)
        everybody = histories(as_of, summed, contacts)
        excluded = excluded_customers(self.warehouse, as_of)
        if len(excluded) == 0:
            return everybody
        others = histories(as_of, without(summed, excluded), without(contacts, excluded))
        left_out = len(everybody.customer_ids) - len(others.customer_ids)
        return replace(others, abnormal_count=left_out)

    def purchases_at(self, as_of: date) -> Histories:
        """The histories known at the start of a day, of buyers alone: the database is not asked."""
        nobody = pa.table(
            {"customer_id": pa.array([], pa.string()), "event_day": pa.array([], pa.int64())}
        )
        return histories(as_of, self._summed(day_number(as_of)), nobody)

    def without(self, customer_ids: pa.StringArray) -> "HistoryLog":
        """The log of all other customers' purchases."""
        return replace(self, days=without(self.days, customer_ids))

    def _summed(self, today: int) -> pa.Table:
        """Customers' days known at the start of a day, one row each."""
        rows = self.days.filter(
            pc.and_(
                pc.less(self.days["event_day"], today),
                pc.less_equal(self.days["known_from_day"], today),
            )
        )
        # What was corrected is taken back by a further row: only the sums mean something.
        summed = rows.group_by(["customer_id", "event_day"], use_threads=False).aggregate(
            [(name, "sum") for name in _MONEY_DAY]
        )
        return summed.rename_columns({f"{name}_sum": name for name in _MONEY_DAY})


def read_log(warehouse: Warehouse, as_of: date, timezone: str) -> HistoryLog:
    """Purchase days that can matter for days up to one, from the rollups."""
    rows = _available(day_number(as_of))
    rows = rows.filter(
        (rows.orders_count != 0) | (rows.revenue_cents != 0) | (rows.refund_cents != 0)
    )
    names = ("customer_id", "event_day", "known_from_day", *_MONEY_DAY)
    return HistoryLog(
        warehouse=warehouse, timezone=timezone, days=warehouse.read(rows.select(*names))
    )


def read_histories(warehouse: Warehouse, as_of: date, timezone: str) -> Histories:
    """The histories known at the start of a day: rollups and accounts as they were known then."""
    return read_log(warehouse, as_of, timezone).known_at(as_of)


def histories(as_of: date, days: pa.Table, contacts: pa.Table) -> Histories:
    """The histories of rows.

    Parameters
    ----------
    as_of : date
    days : pa.Table
        `customer_id`, `event_day`, `orders_count`, `revenue_cents`, `refund_cents`; one row per
        customer and day with any of them.
    contacts : pa.Table
        `customer_id`, `event_day`: first days with an event, days on which accounts were opened.
    """
    days = days.sort_by([("customer_id", "ascending"), ("event_day", "ascending")])
    ordered = days.filter(pc.greater(days["orders_count"], 0))
    ids = _unique([ordered["customer_id"], contacts["customer_id"]])
    money_customer = _places(days["customer_id"], ids)
    of_customer = money_customer >= 0  # a refund of somebody whose order is not known
    customer = _places(ordered["customer_id"], ids)
    day = _ints(ordered["event_day"])
    acquired = np.full(len(ids), np.iinfo(np.int64).max)
    np.minimum.at(acquired, customer, day)
    np.minimum.at(acquired, _places(contacts["customer_id"], ids), _ints(contacts["event_day"]))
    cents = _ints(days["revenue_cents"]) - _ints(days["refund_cents"])
    return Histories(
        as_of=as_of,
        customer_ids=ids,
        acquired_day=acquired,
        customer=customer,
        day=day,
        orders_count=_ints(ordered["orders_count"]),
        money_customer=money_customer[of_customer],
        money_day=_ints(days["event_day"])[of_customer],
        money_cents=cents[of_customer],
    )


def _first_events(today: int) -> ibis.Table:
    rows = _available(today)
    rows = rows.filter(rows.events_count != 0)
    summed = rows.group_by("customer_id", "event_day").agg(events_count=rows.events_count.sum())
    visits = summed.filter(summed.events_count > 0)
    return visits.group_by("customer_id").agg(event_day=visits.event_day.min())


def _accounts(as_of: date, timezone: str) -> ibis.Table:
    instant = clock.midnight(as_of, timezone)
    rows = known(_CUSTOMERS, instant)
    rows = rows.filter(rows.registered_at < ibis.literal(instant, type="timestamp('UTC')"))
    return rows.group_by("customer_id").agg(opened_at=rows.registered_at.min())


def _available(today: int) -> ibis.Table:
    rows = stored_inputs([today]).customer_day
    return rows.filter(rows.event_day < today, rows.known_from_day <= today)


def _unique(columns: Sequence[pa.ChunkedArray]) -> pa.StringArray:
    texts = pa.concat_arrays([column.cast(pa.string()).combine_chunks() for column in columns])
    unique = pc.unique(texts)
    return unique.take(pc.sort_indices(unique))


def _places(column: pa.ChunkedArray, ids: pa.StringArray) -> Ints:
    places = pc.index_in(column.cast(pa.string()), value_set=ids)
    return np.asarray(pc.fill_null(places, -1).to_numpy(), dtype=np.int64)


def _ints(column: pa.ChunkedArray) -> Ints:
    return np.asarray(column.cast(pa.int64()).to_numpy(), dtype=np.int64)
