"""Logs of purchase days as the rollups give them, without a database."""

from collections.abc import Sequence
from datetime import date
from typing import Any, cast

import numpy as np
import pyarrow as pa

from retention_ml.clock import day_number
from retention_ml.profiles.histories import HistoryLog
from retention_ml.warehouse import Warehouse

FIRST = date(2024, 1, 1)
Purchase = tuple[str, int, int]


def log_of(purchases: Sequence[Purchase], *, known_from: int | None = None) -> HistoryLog:
    """A log of (customer, day counted from `FIRST`, cents; below 0 a refund).

    Known from the next day on, or all from the day `known_from` on. It must not be asked for
    events and accounts.
    """
    start = day_number(FIRST)
    day = start + np.array([day for _, day, _ in purchases], dtype=np.int64)
    cents = np.array([cents for *_, cents in purchases], dtype=np.int64)
    columns: dict[str, Any] = {
        "customer_id": pa.array([customer for customer, *_ in purchases], pa.string()),
        "event_day": day,
        "known_from_day": day + 1 if known_from is None else np.full_like(day, start + known_from),
        "orders_count": (cents >= 0).astype(np.int64),
        "revenue_cents": np.maximum(cents, 0),
        "refund_cents": np.maximum(-cents, 0),
    }
    return HistoryLog(warehouse=cast(Warehouse, None), timezone="UTC", days=pa.table(columns))


def loyal_and_stray(*, customers: int, days: int, seed: int = 1) -> list[Purchase]:
    """Half of the customers buy every few days for long, the others twice in haste and never again.

    A process of counts sees little difference on the day: rates look alike.
    """
    draw = np.random.default_rng(seed)
    purchases = []
    for number in range(customers):
        born = int(draw.integers(0, int(days * 0.7)))
        is_loyal = number % 2 == 0
        day = born
        while day < days:
            cents = int(draw.gamma(4.0, 500.0)) * (3 if is_loyal else 1)
            purchases.append((f"c{number:04d}", day, cents))
            if not is_loyal and draw.random() < 0.6:
                break
            day += int(draw.integers(8, 25)) if is_loyal else int(draw.integers(1, 9))
    return sorted(set(purchases))


def seasonal(*, days: int, seed: int = 1) -> list[Purchase]:
    """A shop that neither grows nor shrinks, with twice as many orders in November and December."""
    draw = np.random.default_rng(seed)
    purchases = []
    start = FIRST.toordinal()
    for day in range(days):
        month = date.fromordinal(start + day).month
        count = int(draw.poisson(60 if month >= 11 else 30))
        for number in draw.choice(600, count, replace=False):
            purchases.append((f"c{number:04d}", day, int(draw.gamma(4.0, 500.0))))
    return purchases
