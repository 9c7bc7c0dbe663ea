"""What is known of a customer until a second: of each product, and of the customer."""

import numpy as np

from benchmarks.freshness_log import CART, DAY, REMOVE, VIEW, Log
from retention_ml.statistics.arrays import Floats, Ints

HOUR = 3_600
_WINDOWS = (HOUR, DAY, 7 * DAY, 28 * DAY)


class PointInTime:
    """Reads a log up to a second, for one customer at a time.

    Parameters
    ----------
    log : Log
    """

    def __init__(self, log: Log) -> None:
        self._log = log
        self._count = len(log.category)
        sold = np.flatnonzero(log.line_product >= 0)
        self._by_time = sold[np.argsort(log.line_at[sold], kind="stable")]
        self._times = log.line_at[self._by_time]
        self._popular: dict[int, Ints] = {}

    def of_products(self, customer: int, until: int) -> Floats:
        """Features of every product before a second, shape (products, 11)."""
        log, count = self._log, self._count
        lines, events = log.lines_of(customer), log.events_of(customer)
        lines = slice(lines.start, lines.start + int(np.searchsorted(log.line_at[lines], until)))
        events = slice(
            events.start, events.start + int(np.searchsorted(log.event_at[events], until))
        )
        bought, bought_at = log.line_product[lines], log.line_at[lines]
        named = bought >= 0
        bought_counts = np.bincount(bought[named], minlength=count).astype(np.float64)
        affinity = np.bincount(
            log.category[bought[named]] + 1, minlength=int(log.category.max()) + 2
        )
        product, at = log.event_product[events], log.event_at[events]
        kind = log.event_kind[events]
        is_view = (product >= 0) & (kind == VIEW)
        viewed = [
            np.bincount(product[is_view & (at >= until - window)], minlength=count)
            for window in _WINDOWS[:3]
        ]
        put = _last(product, at, kind == CART, count)
        removed = _last(product, at, kind == REMOVE, count)
        in_cart = put > np.nan_to_num(removed, nan=-np.inf)
        return np.column_stack(
            [
                self._popularity(until),
                bought_counts,
                (until - _last(bought, bought_at, named, count)) / DAY,
                affinity[log.category + 1] / max(len(bought), 1),
                *viewed,
                (until - _last(product, at, is_view, count)) / HOUR,
                in_cart.astype(np.float64),
                np.where(in_cart, (until - put) / HOUR, np.nan),
                (until - removed) / HOUR,
            ]
        )

    def of_customer(self, customer: int, until: int) -> Floats:
        """Features of a customer before a second, shape (14,); all NaN before the first order."""
        log = self._log
        lines, events = log.lines_of(customer), log.events_of(customer)
        orders_at = np.unique(log.line_at[lines])
        orders_at = orders_at[orders_at < until]
        if not len(orders_at):
            return np.full(14, np.nan)
        kind, at = log.event_kind[events], log.event_at[events]
        kind, at = kind[at < until], at[at < until]
        span = max((until - orders_at[0]) / DAY, 1.0)
        counts = [
            float(((at >= until - window) & (kind == each)).sum())
            for each in (VIEW, CART)
            for window in _WINDOWS
        ]
        return np.array(
            [
                (until - orders_at[-1]) / DAY,
                len(orders_at),
                span,
                (orders_at[-1] - orders_at[0]) / DAY / max(len(orders_at) - 1, 1),
                *counts,
                (until - at[-1]) / HOUR if len(at) else np.nan,
                (until - orders_at[-1]) / DAY * len(orders_at) / span,
            ]
        )

    def _popularity(self, until: int) -> Floats:
        """Lines sold in the 60 days before the day: counted once a day."""
        day = until // DAY
        if day not in self._popular:
            begin, end = np.searchsorted(self._times, [(day - 60) * DAY, day * DAY])
            sold = self._log.line_product[self._by_time[begin:end]]
            self._popular[day] = np.bincount(sold, minlength=self._count)
        return self._popular[day].astype(np.float64)


def _last(
    product: Ints, at: Ints, mask: np.ndarray[tuple[int], np.dtype[np.bool_]], count: int
) -> Floats:
    """When each product occurred last, NaN where it did not; `at` rises."""
    last = np.full(count, np.nan)
    chosen = mask & (product >= 0)
    last[product[chosen]] = at[chosen]
    return last
