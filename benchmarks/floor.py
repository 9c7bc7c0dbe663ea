"""The least that windows over a history can cost: one compiled pass over sorted rows."""

from datetime import date
from typing import Any

import numba
import numpy as np
import pyarrow as pa

from benchmarks.lines import timed
from benchmarks.peers import SUMS, WINDOWS
from retention_ml.clock import day_number
from retention_ml.statistics.arrays import Floats, Ints
from retention_ml.warehouse import Warehouse


def one_pass(url: str, as_of: date) -> tuple[int, dict[str, Any]]:
    """The columns of `peers.pandas_features` by a loop over rows that are read and sorted first."""
    warehouse = Warehouse(url)
    _windows(np.zeros(1, np.int64), np.ones(1, np.int64), np.zeros((1, 1)), np.ones(1, np.int64))

    def compute() -> tuple[Floats, Ints]:
        rows = warehouse.read(
            f"SELECT customer_id, event_day, {', '.join(SUMS)} FROM features.customer_day "
            f"WHERE event_day < {day_number(as_of)}"
        )
        encoded = rows["customer_id"].cast(pa.string()).dictionary_encode().combine_chunks()
        customer = np.asarray(encoded.indices, dtype=np.int64)
        age = day_number(as_of) - np.asarray(rows["event_day"], dtype=np.int64)
        order = np.argsort(customer, kind="stable")
        counted = np.column_stack([np.asarray(rows[name].cast(pa.float64())) for name in SUMS])
        return _windows(customer[order], age[order], counted[order], np.array(WINDOWS))

    made: list[tuple[Floats, Ints]] = []
    seconds = timed(lambda: made.append(compute()))
    sums, ages = made[0]
    return len(ages), {"seconds": seconds, "columns": sums.shape[1] + ages.shape[1]}


@numba.njit
def _windows(
    customer: Ints, age: Ints, counted: Floats, windows: Ints
) -> tuple[Floats, Ints]:  # pragma: no cover - compiled
    """Sums of columns by customer and window, and the least and greatest age; rows are sorted."""
    n = 0
    for row in range(len(customer)):
        if row == 0 or customer[row] != customer[row - 1]:
            n += 1
    k = counted.shape[1]
    sums = np.zeros((n, k * len(windows)))
    ages = np.empty((n, 2), np.int64)
    at = -1
    for row in range(len(customer)):
        if row == 0 or customer[row] != customer[row - 1]:
            at += 1
            ages[at, 0] = ages[at, 1] = age[row]
        ages[at, 0] = min(ages[at, 0], age[row])
        ages[at, 1] = max(ages[at, 1], age[row])
        for window in range(len(windows)):
            if age[row] <= windows[window]:
                for column in range(k):
                    sums[at, window * k + column] += counted[row, column]
    return sums, ages
