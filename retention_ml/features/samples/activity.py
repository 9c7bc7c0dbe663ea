"""Who is active on a day, read from the rollups alone: what must be known before features are built."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

import ibis
import numpy as np
import pyarrow as pa

from retention_ml.clock import day_number
from retention_ml.features.inputs import orders_for
from retention_ml.statistics.arrays import Bools, Ints

Read = Callable[[ibis.Table], pa.Table]


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """Orders of all customers by day, as additions from when each was known.

    Parameters
    ----------
    customers : pa.Array of string, length n_customers
    codes : array of int64, shape (n,)
        Position of each row's customer.
    event_day, known_from_day, orders_count : array of int64, shape (n,)
        The columns of `features.customer_day`; of other rows there are none.
    newest_second : array of int64, shape (n,)
        The newest event of the row, in seconds since 1970-01-01 UTC.
    active_days : int
        Active on D is who ordered on D - `active_days` to D - 1.
    """

    customers: pa.Array
    codes: Ints
    event_day: Ints
    known_from_day: Ints
    orders_count: Ints
    newest_second: Ints
    active_days: int

    @classmethod
    def of_table(cls, rows: pa.Table, active_days: int) -> "Activity":
        """The activity in rows of `inputs.orders_for`."""
        encoded = rows["customer_id"].combine_chunks().cast(pa.string()).dictionary_encode()
        names = ("event_day", "known_from_day", "orders_count", "newest_second")
        return cls(
            customers=encoded.dictionary,
            codes=encoded.indices.to_numpy().astype(np.int64),
            **{name: rows[name].to_numpy() for name in names},
            active_days=active_days,
        )

    def is_active(self, day: int) -> Bools:
        """Which of the customers are active on a day, as known at its start; shape (n_customers,)."""
        rows = self._available_rows(day)
        orders = np.bincount(self.codes[rows], self.orders_count[rows], len(self.customers))
        return np.asarray(orders > 0)

    def newest_input_at(self, day: int) -> datetime:
        """The newest event of a day with an order that is known at the start of a day."""
        return datetime.fromtimestamp(int(self.newest_second[self._available_rows(day)].max()), UTC)

    def _available_rows(self, day: int) -> Ints:
        is_known = (self.event_day < day) & (self.known_from_day <= day)
        return np.flatnonzero(is_known & (self.event_day >= day - self.active_days))


def read_activity(
    read: Read, days: Sequence[date], *, active_days: int, newest_rollup_id: int
) -> Activity:
    """What says who is active on some days, from rollups up to a pass."""
    numbers = [day_number(day) for day in days]
    rows = read(orders_for(numbers, active_days, newest_rollup_id))
    return Activity.of_table(rows, active_days)
