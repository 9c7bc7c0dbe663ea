"""What each customer did in the days before a day, as known at its start: counts in arrays."""

from dataclasses import dataclass, fields
from datetime import date
from functools import cached_property

import ibis
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from retention_ml.clock import day_number
from retention_ml.features.inputs import stored_inputs
from retention_ml.statistics.arrays import Floats, Ints
from retention_ml.warehouse import Warehouse

BURST_DAYS = 7
_LOOKED_DAYS = 1
_SUMMED = (
    "orders_count", "returns_count", "cancellations_count", "lines_count", "pieces_count", "revenue_cents", "returned_lines_count",
    "refund_cents", "views_count", "carts_count", "sessions_count", "ratings_count",
    "rating_permille",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Behaviour:
    """Counts of n customers with an order or an event in the window.

    Parameters
    ----------
    customer_ids : pa.StringArray, length n
        Rising.
    orders_count, lines_count, pieces_count, revenue_cents : array of float64, shape (n,)
        What was bought.
    returns_count, returned_lines_count, refund_cents : array of float64, shape (n,)
        Returns and cancellations, their lines, and the money for them.
    views_count, carts_count, sessions_count : array of float64, shape (n,)
        Products looked at and put into the cart, and visits.
    views_day_max : array of float64, shape (n,)
        Products looked at on the day with the most.
    ratings_count, rating_permille : array of float64, shape (n,)
        Marks, and their sum: 1000 is the best.
    unseen_orders_count : array of float64, shape (n,)
        Orders on days without a view, a cart or a visit on them or the day before; not on days on
        which nobody was seen, because then nothing was recorded.
    unseen_burst_count, burst_orders_count : array of float64, shape (n,)
        Most of them in seven days, and most orders.
    top_product_lines_count : array of float64, shape (n,)
        Lines of the product with the most.
    known_days_count : array of float64, shape (n,)
        Days from the first on which something is known to the last, both counted.
    """

    customer_ids: pa.StringArray
    orders_count: Floats
    lines_count: Floats
    pieces_count: Floats
    revenue_cents: Floats
    returns_count: Floats
    returned_lines_count: Floats
    refund_cents: Floats
    views_count: Floats
    carts_count: Floats
    sessions_count: Floats
    views_day_max: Floats
    ratings_count: Floats
    rating_permille: Floats
    unseen_orders_count: Floats
    unseen_burst_count: Floats
    burst_orders_count: Floats
    top_product_lines_count: Floats
    known_days_count: Floats

    def __len__(self) -> int:
        return len(self.customer_ids)

    @cached_property
    def buyers_count(self) -> int:
        """How many of them ordered."""
        return int((self.orders_count > 0).sum())

    @cached_property
    def net_revenue_cents(self) -> Floats:
        """What each of them brought, refunds taken off, shape (n,)."""
        return self.revenue_cents - self.refund_cents

    @cached_property
    def unseen_share(self) -> float:
        """The share of all orders that no visit came before; 1 where there are no events."""
        orders = self.orders_count.sum()
        return float(self.unseen_orders_count.sum() / orders) if orders else 1.0


def read_behaviour(warehouse: Warehouse, *, as_of: date, window_days: int) -> Behaviour:
    """What customers did in the `window_days` before a day, as known at its start."""
    today = day_number(as_of)
    with warehouse.snapshot() as select:
        days = select(_days(today, window_days))
        products = select(_top_products(today, window_days))
    return behaviour(_netted(days), products)


def behaviour(days: pa.Table, products: pa.Table) -> Behaviour:
    """The counts of rows.

    Parameters
    ----------
    days : pa.Table
        `customer_id`, `event_day` and the counters of `features.customer_day`, once per customer
        and day.
    products : pa.Table
        `customer_id`, `top_product_lines_count`.
    """
    days = days.sort_by([("customer_id", "ascending"), ("event_day", "ascending")])
    everybody = pc.unique(days["customer_id"].cast(pa.string()).combine_chunks())
    customer = _ints(pc.index_in(days["customer_id"].cast(pa.string()), value_set=everybody))
    n = len(everybody)
    values = {name: _ints(days[name]) for name in ("event_day", *_SUMMED)}
    visited = (
        (values["views_count"] > 0) | (values["carts_count"] > 0) | (values["sessions_count"] > 0)
    )
    sums = {
        name: np.bincount(customer, weights=values[name], minlength=n).astype(np.float64)
        for name in _SUMMED
    }
    views_day_max = np.zeros(n)
    np.maximum.at(views_day_max, customer, values["views_count"].astype(np.float64))
    recorded = np.isin(values["event_day"], np.unique(values["event_day"][visited]))
    unseen = recorded & ~_looked_before(customer, values["event_day"], visited)
    unseen_orders = np.where(unseen, values["orders_count"], 0)
    top = np.zeros(n)
    place = _ints(
        pc.fill_null(
            pc.index_in(products["customer_id"].cast(pa.string()), value_set=everybody), -1
        )
    )
    lines = _ints(products["top_product_lines_count"]).astype(np.float64)
    top[place[place >= 0]] = lines[place >= 0]
    whole = {
        **sums,
        "customer_ids": everybody,
        "views_day_max": views_day_max,
        "returns_count": sums["returns_count"] + sums["cancellations_count"],
        "unseen_orders_count": np.bincount(customer, weights=unseen_orders, minlength=n),
        "unseen_burst_count": _bursts(customer, values["event_day"], unseen_orders, n),
        "burst_orders_count": _bursts(customer, values["event_day"], values["orders_count"], n),
        "top_product_lines_count": top,
        "known_days_count": _spans(customer, values["event_day"], n),
    }
    active = (whole["orders_count"] > 0) | (whole["views_count"] + whole["sessions_count"] > 0)
    return Behaviour(
        **{
            each.name: whole[each.name].filter(pa.array(active))
            if each.name == "customer_ids"
            else np.asarray(whole[each.name], dtype=np.float64)[active]
            for each in fields(Behaviour)
        }
    )


def _days(today: int, window_days: int) -> ibis.Table:
    rows = stored_inputs([today]).customer_day
    rows = rows.filter(
        rows.event_day >= today - window_days, rows.event_day < today, rows.known_from_day <= today
    )
    return rows.select("customer_id", "event_day", *_SUMMED)


def _netted(days: pa.Table) -> pa.Table:
    """Once per customer and day; here and not in the database, which takes five times as long."""
    # What was corrected is taken back by a further row: only the sums mean something.
    summed = days.group_by(["customer_id", "event_day"], use_threads=False).aggregate(
        [(name, "sum") for name in _SUMMED]
    )
    return summed.rename_columns({f"{name}_sum": name for name in _SUMMED})


def _top_products(today: int, window_days: int) -> ibis.Table:
    rows = stored_inputs([today]).customer_product_day
    rows = rows.filter(
        rows.event_day >= today - window_days, rows.event_day < today, rows.known_from_day <= today
    )
    products = rows.group_by("customer_id", "product_id").agg(
        lines_count=rows.lines_count.sum().cast("int64")
    )
    return products.group_by("customer_id").agg(top_product_lines_count=products.lines_count.max())


def _looked_before(customer: Ints, day: Ints, visited: np.ndarray) -> np.ndarray:
    """Whether each row's customer was seen on the site on its day or the day before."""
    span = int(day.max(initial=0)) + _LOOKED_DAYS + 2
    keys = customer * span + day
    looks = keys[visited]
    first = np.searchsorted(looks, keys - _LOOKED_DAYS, side="left")
    return np.asarray(np.searchsorted(looks, keys, side="right") > first)


def _bursts(customer: Ints, day: Ints, orders: Ints, n: int) -> Floats:
    """Most orders of each customer on seven days in a row, shape (n,)."""
    span = int(day.max(initial=0)) + BURST_DAYS + 2
    keys = customer * span + day
    total = np.append(0, np.cumsum(orders))
    begins = np.searchsorted(keys, keys - (BURST_DAYS - 1), side="left")
    within = total[np.arange(len(keys)) + 1] - total[begins]
    most = np.zeros(n)
    np.maximum.at(most, customer, within.astype(np.float64))
    return most


def _spans(customer: Ints, day: Ints, n: int) -> Floats:
    """Days from the first to the last of each customer, shape (n,)."""
    first, last = np.full(n, np.inf), np.full(n, -np.inf)
    np.minimum.at(first, customer, day)
    np.maximum.at(last, customer, day)
    return np.asarray(last - first + 1)


def _ints(column: pa.Array | pa.ChunkedArray) -> Ints:
    return np.asarray(column.cast(pa.int64()).to_numpy(zero_copy_only=False), dtype=np.int64)
