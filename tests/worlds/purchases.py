"""Purchases of a shop with tastes and habits, as arrays: no database."""

from datetime import date, timedelta

import numpy as np
import pyarrow as pa

from retention_ml.clock import day_number
from retention_ml.recommendations.purchases import DESCRIPTION, PurchaseLog

FIRST_DAY = date(2024, 1, 1)


def log_of(
    rows: list[tuple[str, str, date]] | pa.Table, descriptions: pa.Table | None = None
) -> PurchaseLog:
    """A log of `customer, product, day`, each known from the next day on; or of rollup rows."""
    if not isinstance(rows, pa.Table):
        days = [day_number(day) for _, _, day in rows]
        rows = rollup(
            [customer for customer, _, _ in rows], [product for _, product, _ in rows], days
        )
    if descriptions is None:
        descriptions = pa.table({"product_id": rows["product_id"].unique()}).append_column(
            "name", pa.array(rows["product_id"].unique())
        )
        for level in DESCRIPTION[1:]:
            descriptions = descriptions.append_column(
                level, pa.nulls(descriptions.num_rows, pa.string())
            )
    return PurchaseLog.of(rows, descriptions)


def rollup(customers: list[str], products: list[str], days: list[int]) -> pa.Table:
    """Rows of `features.customer_product_day`: one line and one piece each."""
    event_day = pa.array(days, pa.int32())
    ones = pa.array([1] * len(days), pa.int64())
    return (
        pa.table(
            {
                "customer_id": pa.array(customers, pa.string()),
                "product_id": pa.array(products, pa.string()),
                "event_day": event_day,
                "known_from_day": pa.array([day + 1 for day in days], pa.int32()),
                "lines_count": ones,
                "pieces_count": ones,
            }
        )
        .group_by(["customer_id", "product_id", "event_day", "known_from_day"])
        .aggregate([("lines_count", "sum"), ("pieces_count", "sum")])
        .rename_columns(
            [
                "customer_id",
                "product_id",
                "event_day",
                "known_from_day",
                "lines_count",
                "pieces_count",
            ]
        )
    )


def habits(*, customers: int = 150, days: int = 240, seed: int = 1) -> PurchaseLog:
    """Customers of one of six tastes who buy favourites regularly and like products now and then.

    120 products, 20 of each taste; the last two of each taste are first sold 20 days before the
    end. Favourites change; who bought one a few days ago does not buy it again at once.
    """
    rng = np.random.default_rng(seed)
    start = day_number(FIRST_DAY)
    who: list[str] = []
    what: list[str] = []
    when: list[int] = []
    for customer in range(customers):
        taste = customer % 6
        favourites = rng.choice(18, 6, replace=False)
        interval = rng.integers(10, 40, 6)
        last = rng.integers(-40, 0, 6)
        for day in np.flatnonzero(rng.random(days) < rng.uniform(0.05, 0.2)):
            if rng.random() < 0.25:  # a favourite gives way to another product of the taste
                favourites[int(rng.integers(0, 6))] = int(rng.integers(0, 18))
            due = day - last >= interval
            bought = set(favourites[due & (rng.random(6) < 0.8)].tolist())
            last[np.isin(favourites, list(bought))] = day
            shelf = 20 if day >= days - 20 else 18
            bought |= {int(rng.integers(0, shelf))}
            for number in bought:
                of_taste = taste if rng.random() < 0.95 else int(rng.integers(0, 6))
                who.append(f"c{customer:04d}")
                what.append(f"p{of_taste}{number:02d}")
                when.append(start + int(day))
    names = sorted(set(what))
    descriptions = pa.table(
        {
            "product_id": names,
            "name": [f"thing {name[2:]} of taste{name[1]}" for name in names],
            "category": [f"taste{name[1]}" for name in names],
            "subcategory": pa.nulls(len(names), pa.string()),
            "brand": pa.nulls(len(names), pa.string()),
        }
    )
    return PurchaseLog.of(rollup(who, what, when), descriptions)


def day_of_history(days: int) -> date:
    """So many days after the first day of `habits`."""
    return FIRST_DAY + timedelta(days=days)
