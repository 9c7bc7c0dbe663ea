"""Rows with a known signal, for tests of candidates, bundles and gates."""

import numpy as np
import pyarrow as pa

from retention_ml.models.btyd.purchase_summary import PurchaseSummary
from retention_ml.models.training.data.sample import TrainingSample
from retention_ml.statistics.arrays import sigmoid

FEATURES = (
    "recency_days",
    "orders_count_365d",
    "revenue_cents_365d",
    "gap_mean_days",
    "tenure_days",
    "orders_count",
    "purchase_days_count",
)
DAY = 20_000
HORIZON_DAYS = 28


def rows(count: int = 2_000, *, seed: int = 1, signal: float = 1.0) -> TrainingSample:
    """Customers whose churn depends on recency, frequency and their mean gap.

    With `signal` 0 nothing depends on anything. One customer in five occurs twice; one gap in
    six is missing.
    """
    draw = np.random.default_rng(seed)
    orders = draw.poisson(4, count) + 1.0
    gap = draw.gamma(3, 10, count)
    recency = np.floor(draw.exponential(25, count))
    values = np.column_stack(
        [
            recency,
            orders,
            np.round(orders * draw.gamma(4, 600, count)),
            np.where(draw.random(count) < 1 / 6, np.nan, gap),
            recency + np.where(orders > 1, orders * gap, 0.0),
            orders,
            orders,
        ]
    )
    since_first = np.where(orders > 1, orders * gap, 0.0)
    logit = 0.03 * (recency - 25) - 0.35 * (orders - 5) + 0.04 * (recency - gap)
    churned = draw.random(count) < sigmoid(signal * logit)
    return TrainingSample(
        values=values,
        days=np.full(count, DAY, dtype=np.int64),
        time_to_next_order=np.where(churned, np.inf, np.floor(draw.random(count) * HORIZON_DAYS)),
        follow_up_days=np.full(count, HORIZON_DAYS, dtype=np.int64),
        horizon_days=HORIZON_DAYS,
        groups=draw.permutation(np.arange(count) % int(count * 0.8)).astype(np.int64),
        weights=np.ones(count),
        features=FEATURES,
        histories=PurchaseSummary.of(orders - 1, since_first, recency + since_first),
        known_until_day=DAY + HORIZON_DAYS,
    )


def table(of: TrainingSample) -> pa.Table:
    """The features as Arrow, null where missing."""
    columns = {
        name: pa.array(of.values[:, j], mask=np.isnan(of.values[:, j]))
        for j, name in enumerate(of.features)
    }
    return pa.table(columns)
