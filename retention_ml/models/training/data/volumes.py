"""Orders by day, as known on a day: what the season is read from."""

from dataclasses import dataclass
from typing import Self

import ibis
import numpy as np
import pyarrow as pa

from retention_ml.features.inputs import stored_inputs
from retention_ml.features.samples.sampling import sampled
from retention_ml.statistics.arrays import Floats, Ints
from retention_ml.warehouse import Warehouse


@dataclass(frozen=True, slots=True, kw_only=True)
class Volumes:
    """Orders of known customers by day.

    Parameters
    ----------
    days : array of int64, shape (n,)
        Days since 1970-01-01, rising, with orders.
    orders : array of float64, shape (n,)
    repeats : array of float64, shape (n,), or None
        Those of them by customers known from an earlier day; None where not distinguished.
    """

    days: Ints
    orders: Floats
    repeats: Floats | None = None

    def before(self, day: int) -> Self:
        """Those of the days before `day`."""
        is_before = self.days < day
        repeats = None if self.repeats is None else self.repeats[is_before]
        return type(self)(days=self.days[is_before], orders=self.orders[is_before], repeats=repeats)


def read_volumes(
    warehouse: Warehouse,
    *,
    as_of_day: int,
    excluded: pa.StringArray | None = None,
    share: float = 1.0,
) -> Volumes:
    """Orders of known customers by day, as known at the start of a day.

    `excluded` are ids of customers who are left out; `share` is that of the customers to read, see
    `features.samples.sampling`.
    """
    rows = sampled(stored_inputs([as_of_day]).customer_day, share)
    rows = rows.filter(rows.event_day < as_of_day, rows.known_from_day <= as_of_day)
    if excluded is not None and len(excluded):
        rows = rows.filter(~rows.customer_id.isin(excluded.to_pylist()))
    netted = rows.group_by("customer_id", "event_day").aggregate(orders=rows.orders_count.sum())
    bought = netted.filter(netted.orders > 0)
    bought = bought.mutate(first_day=bought.event_day.min().over(group_by="customer_id"))
    repeats = ibis.ifelse(bought.event_day > bought.first_day, bought.orders, 0)
    by_day = bought.group_by("event_day").aggregate(
        orders=bought.orders.sum().cast("int64"), repeats=repeats.sum().cast("int64")
    )
    table = warehouse.read(by_day).sort_by("event_day")
    return Volumes(
        days=table["event_day"].to_numpy().astype(np.int64),
        orders=table["orders"].to_numpy().astype(np.float64),
        repeats=table["repeats"].to_numpy().astype(np.float64),
    )
