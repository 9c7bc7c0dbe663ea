"""Logistic regression on recency, frequency and monetary value: the classical model."""

from retention_ml.models.training.candidates import logistic
from retention_ml.models.training.fitting import FittedModel, Params
from retention_ml.models.training.sample import Rows

FEATURES = ("recency_days", "orders_count_365d", "revenue_cents_365d")


def fit(
    rows: Rows,
    *,
    seed: int,
    threads: int,
    params: Params | None = None,
    trials: int = 0,  # noqa: ARG001
    seconds: float = 0.0,  # noqa: ARG001
) -> FittedModel:
    """The calibrated regression on the three features."""
    return logistic.fit(
        rows.only(FEATURES), seed=seed, threads=threads, params=params or {"penalty": 1.0}
    )
