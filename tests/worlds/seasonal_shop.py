"""A shop in numpy: the same customers from day to day, weekday and season, growth, bad days.

Nothing about it is still: customers arrive, grow older, buy at their own pace and leave; weekends
are busy; the year has a wave; every day has its own luck. None of that is drift.
"""

from dataclasses import dataclass

import numpy as np

from retention_ml.statistics.arrays import Floats, sigmoid

WINDOWS = (7, 14, 30, 60, 90, 180)
_WEEKDAYS = np.array([0.9, 0.85, 0.9, 1.0, 1.1, 1.4, 0.85])
ACTIVE_DAYS = 90


@dataclass(frozen=True)
class SeasonalShop:
    """Orders, revenue in cents and visits per customer and day, shape (customers, days)."""

    orders: Floats
    revenue: Floats
    sessions: Floats

    def features(self, day: int) -> tuple[np.ndarray, dict[str, Floats]]:
        """Positions of the active customers, and their features at the start of a day."""
        first = max(0, day - ACTIVE_DAYS)
        active = np.flatnonzero(self.orders[:, first:day].sum(axis=1) > 0)
        orders, revenue = self.orders[active, :day], self.revenue[active, :day]
        sessions = self.sessions[active, :day]
        bought = orders > 0
        last = day - 1 - np.argmax(bought[:, ::-1], axis=1)
        start = np.argmax(bought, axis=1)
        shopping_days = bought.sum(axis=1)
        span = (last - start).astype(float)
        with np.errstate(divide="ignore", invalid="ignore"):
            gap = np.where(shopping_days > 1, span / (shopping_days - 1), np.nan)
        features = {
            "recency_days": (day - last).astype(float),
            "tenure_days": (day - start).astype(float),
            "purchase_span_days": span,
            "is_one_time_buyer": (shopping_days == 1).astype(float),
            "orders_count": orders.sum(axis=1),
            "gap_mean_days": gap,
            "recency_over_gap_mean_ratio": (day - last) / gap,
        }
        for days in WINDOWS:
            since = max(0, day - days)
            features[f"orders_count_{days}d"] = orders[:, since:].sum(axis=1)
            features[f"revenue_cents_{days}d"] = revenue[:, since:].sum(axis=1)
        for days in (7, 30, 90):
            features[f"sessions_count_{days}d"] = sessions[:, max(0, day - days) :].sum(axis=1)
        older = orders[:, max(0, day - 60) : max(0, day - 30)].sum(axis=1)
        features["orders_trend_30d"] = np.log((features["orders_count_30d"] + 1) / (older + 1))
        return active, features

    def probability(self, features: dict[str, Floats]) -> Floats:
        """The probabilities of a fixed model."""
        return np.asarray(
            sigmoid(
                0.03 * (features["recency_days"] - 30)
                - 0.4 * (features["orders_count_90d"] - 2)
                - 0.02 * np.minimum(features["sessions_count_30d"], 30)
            )
        )


def seasonal_shop(*, customers: int = 2_000, days: int = 300, seed: int = 1) -> SeasonalShop:
    """A shop with about `customers` active customers.

    Half of them were customers before the first day; the others arrive one by one.
    """
    draw = np.random.default_rng(seed)
    total = customers * 2
    is_old = draw.random(total) < 0.5
    arrived = np.where(is_old, -1.0, draw.uniform(0, days, total))
    rate = draw.gamma(1.5, 1 / 45, total)
    life = draw.exponential(600, total)
    day = np.arange(days)
    level = (
        _WEEKDAYS[day % 7]
        * (1 + 0.2 * np.sin(2 * np.pi * day / 365))
        * np.exp(draw.normal(0, 0.15, days))
    )
    alive = (day >= arrived[:, None]) & (day < (arrived + life)[:, None])
    expected = np.where(alive, rate[:, None] * level, 0.0)
    orders = draw.poisson(expected).astype(float)
    new = np.flatnonzero(~is_old)
    orders[new, np.minimum(np.ceil(arrived[new]), days - 1).astype(int)] += 1
    spend = draw.gamma(4, 700, total)
    revenue = np.round(orders * spend[:, None] * draw.gamma(5, 0.2, orders.shape))
    sessions = draw.poisson(expected * 3).astype(float) + orders
    return SeasonalShop(orders=orders, revenue=revenue, sessions=sessions)
