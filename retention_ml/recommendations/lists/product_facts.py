"""What is known about each product on a day: buyers, how often it is bought again, when sold."""

from dataclasses import dataclass

import numpy as np

from retention_ml.recommendations.lists.pair_history import PairHistory
from retention_ml.recommendations.purchases import Purchases
from retention_ml.statistics.arrays import Floats, Ints

SHORT_DAYS, LONG_DAYS = 28, 90


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductFacts:
    """One entry per product of the purchases, shape (k,).

    Parameters
    ----------
    buyers_28d, buyers_90d : array of int64
        Customers who bought it in the days before.
    again_share : array of float64
        Share of its buyers who bought it on two or more days; NaN below `min_buyers`.
    repeat_interval_days : array of float64
        Median days between two purchase days of one customer; NaN below `min_buyers` pauses.
    first_sold, last_sold : array of int64
        Days counted from 1970-01-01; the purchases' day where it never was sold.
    """

    buyers_28d: Ints
    buyers_90d: Ints
    again_share: Floats
    repeat_interval_days: Floats
    first_sold: Ints
    last_sold: Ints


def product_facts(purchases: Purchases, history: PairHistory, min_buyers: int) -> ProductFacts:
    """The facts of every product, from the purchases known on a day and their history by pair."""
    count = len(purchases.product_ids)
    buyers = np.bincount(history.product, minlength=count)
    repeaters = np.bincount(history.product[history.days_count > 1], minlength=count)
    last = np.full(count, purchases.day, dtype=np.int64)
    has_sale = buyers > 0
    newest = np.zeros(count, dtype=np.int64)
    np.maximum.at(newest, history.product, history.last_day)
    last[has_sale] = newest[has_sale]
    enough = buyers >= min_buyers
    share = np.full(count, np.nan)
    share[enough] = repeaters[enough] / buyers[enough]
    return ProductFacts(
        buyers_28d=_buyers(history, count, purchases.day - SHORT_DAYS),
        buyers_90d=_buyers(history, count, purchases.day - LONG_DAYS),
        again_share=share,
        repeat_interval_days=_median_pauses(purchases, count, min_buyers),
        first_sold=purchases.first_sold.astype(np.int64),
        last_sold=last,
    )


def _buyers(history: PairHistory, count: int, since: int) -> Ints:
    """Customers whose newest purchase of each product is not before a day."""
    recent = history.product[history.last_day >= since]
    return np.bincount(recent, minlength=count).astype(np.int64)


def _median_pauses(purchases: Purchases, count: int, pauses_min: int) -> Floats:
    """The median pause per product, NaN where there are fewer than `pauses_min`."""
    order = purchases.by_pair
    customer, product = purchases.customer[order], purchases.product[order]
    pause = np.diff(purchases.event_day[order])
    is_pair = (np.diff(customer) == 0) & (np.diff(product) == 0)
    product, pause = product[1:][is_pair], pause[is_pair]
    ordered = np.sort(product.astype(np.int64) << 32 | pause)
    product, pause = ordered >> 32, ordered & 0xFFFFFFFF
    first = np.searchsorted(product, np.arange(count + 1))
    sizes = np.diff(first)
    median = np.full(count, np.nan)
    enough = np.flatnonzero(sizes >= max(1, pauses_min))
    low, high = first[enough] + (sizes[enough] - 1) // 2, first[enough] + sizes[enough] // 2
    median[enough] = (pause[low] + pause[high]) / 2
    return median
