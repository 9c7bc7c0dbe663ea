"""A platform that decides anew every day: whom it contacts depends on what they did since."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pyarrow as pa

from retention_ml.statistics.arrays import Bools, Floats

DAY = date(2026, 3, 1)
NEVER = np.inf


def _at(day: float) -> datetime:
    return datetime(2026, 3, 1, tzinfo=UTC) + timedelta(days=day)


class DailyCampaign:
    """Customers who order at a constant rate, and a platform that decides anew every day.

    It contacts those who are overdue, by lot: every tenth of the riskiest whose last order is more
    than a week ago, and few others. A contact raises the rate by half for two weeks.
    """

    DAYS = 28

    def __init__(self, seed: int, n: int = 60_000) -> None:
        draw = np.random.default_rng(seed)
        self.rate = np.minimum(draw.gamma(1.2, 1 / 45, n), 0.9)
        self.names = pa.array([f"c{i}" for i in range(n)])
        since = draw.geometric(self.rate).astype(float)
        last_contact = np.full(n, -99.0)
        first = np.full(n, NEVER)
        self.contacted_at = np.full(n, NEVER)
        parts = []
        risky = self.rate < np.quantile(self.rate, 0.4)
        for day in range(self.DAYS):
            is_open = (since > 7) & (day - last_contact >= 28)
            probability = np.where(is_open, np.where(risky, 0.1, 0.02), 0.0)
            sent = draw.random(n) < probability
            for group, name in ((risky, "risky"), (~risky, "others")):
                parts += [
                    (f"{name}@{day}", "sent" if is_sent else "holdout", day, rows)
                    for is_sent, rows in (
                        (True, np.flatnonzero(group & sent)),
                        (False, np.flatnonzero(group & is_open & ~sent)),
                    )
                ]
            last_contact[sent] = day
            self.contacted_at = np.where(sent & np.isinf(self.contacted_at), day, self.contacted_at)
            raised = np.where(day - last_contact < 14, 1.5, 1.0)
            ordered = draw.random(n) < np.minimum(self.rate * raised, 1)
            first = np.where(ordered & np.isinf(first), day, first)
            since = np.where(ordered, 0, since + 1)
        self.time_to_next_order: Floats = first
        self.contacts = pa.concat_tables(
            pa.table(
                {
                    "campaign_id": pa.repeat(campaign, len(rows)),
                    "customer_id": self.names.take(pa.array(rows)),
                    "kind": pa.repeat(kind, len(rows)),
                    "event_at": pa.array([_at(day)] * len(rows), pa.timestamp("us", tz="UTC")),
                }
            )
            for campaign, kind, day, rows in parts
        )

    def bias(self, weights: Floats, mask: Bools) -> float:
        """Estimated less true probability of an order within the window, by risk and then together.

        The truth is that of a world without the platform.
        """
        truth = 1 - (1 - self.rate) ** self.DAYS
        ordered = self.time_to_next_order < self.DAYS
        group = np.digitize(truth, np.quantile(truth, np.linspace(0, 1, 21)[1:-1]))
        gaps = [
            np.average(ordered[rows], weights=weights[rows]) - truth[rows].mean()
            for rows in (np.flatnonzero(mask & (group == each)) for each in range(20))
            if len(rows)
        ]
        return float(np.mean(gaps))
