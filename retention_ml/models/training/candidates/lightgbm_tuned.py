"""LightGBM tuned on the newest labelled day alone: the usual way, and the bar to clear."""

from retention_ml.models.training.candidates import lightgbm
from retention_ml.models.training.data.sample import TrainingSample
from retention_ml.models.training.fitting import FitContext, FittedModel


def fit(sample: TrainingSample, context: FitContext) -> FittedModel:
    """As the candidate `lightgbm`, of the newest day whose outcome is known."""
    return lightgbm.fit(sample.newest(), context)
