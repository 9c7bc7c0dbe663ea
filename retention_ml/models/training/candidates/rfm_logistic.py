"""Logistic regression on recency, frequency and monetary value: the classical model."""

from dataclasses import replace

from retention_ml.models.training.candidates import logistic
from retention_ml.models.training.data.sample import TrainingSample
from retention_ml.models.training.fitting import FitContext, FittedModel

FEATURES = ("recency_days", "orders_count_365d", "revenue_cents_365d")


def fit(sample: TrainingSample, context: FitContext) -> FittedModel:
    """The calibrated regression on the three features."""
    params = context.params or {"penalty": 1.0}
    return logistic.fit(sample.only(FEATURES), replace(context, params=params))
