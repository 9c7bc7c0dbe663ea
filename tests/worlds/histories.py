"""Histories of a few customers, written as days: no database."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

import numpy as np
import pyarrow as pa

from retention_ml.clock import day_number
from retention_ml.profiles.histories import Histories, histories

FIRST = date(2024, 1, 1)


def histories_of(
    purchases: Mapping[str, Sequence[int]],
    today: int,
    *,
    contacts: Mapping[str, int] | None = None,
    cents: int = 1_000,
) -> Histories:
    """Purchase days of customers, counted from `FIRST`, as known at the start of day `today`."""
    start = day_number(FIRST)
    rows = [(customer, start + day) for customer, days in purchases.items() for day in days]
    met = contacts or {}
    return histories(
        FIRST + timedelta(days=today),
        pa.table(
            {
                "customer_id": pa.array([customer for customer, _ in rows], pa.string()),
                "event_day": pa.array([day for _, day in rows], pa.int64()),
                "orders_count": pa.array([1] * len(rows), pa.int64()),
                "revenue_cents": pa.array([cents] * len(rows), pa.int64()),
                "refund_cents": pa.array([0] * len(rows), pa.int64()),
            }
        ),
        pa.table(
            {
                "customer_id": pa.array(list(met), pa.string()),
                "event_day": pa.array([start + day for day in met.values()], pa.int64()),
            }
        ),
    )


def random_purchases(draw: np.random.Generator, customers: int, days: int) -> dict[str, list[int]]:
    """Purchase days of customers who differ in how often they buy, and pause at times."""
    purchases = {}
    for number in range(customers):
        day = float(draw.uniform(0, days))
        mean = float(draw.uniform(2, 60))
        bought = []
        while day < days:
            bought.append(int(day))
            day += 1 + float(draw.exponential(mean)) + (200 if draw.random() < 0.05 else 0)
        purchases[f"c{number:04d}"] = sorted(set(bought))
    return purchases
