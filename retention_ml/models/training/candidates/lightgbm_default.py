"""LightGBM with the library's own settings on the newest labelled day: what a first try gives."""

from retention_ml.models.training.boosting import grow
from retention_ml.models.training.data.sample import TrainingSample
from retention_ml.models.training.fitting import FitContext, FittedModel

_ROUNDS = 100  # the default of lightgbm.train


def fit(sample: TrainingSample, context: FitContext) -> FittedModel:
    """The booster of all rows of that day as it is: the defaults calibrate nothing."""
    trees = grow(sample.newest(), {"max_bin": 255}, context, rounds=_ROUNDS)
    return FittedModel(predictor=trees, features=sample.features)
