"""LightGBM with the library's own settings on the newest labelled day: what a first try gives."""

from retention_ml.models.predictors.trees import Trees
from retention_ml.models.training.boosting import grow
from retention_ml.models.training.data.sample import TrainingSample
from retention_ml.models.training.fitting import FitContext, FittedModel

_ROUNDS = 100  # the default of lightgbm.train


def fit(sample: TrainingSample, context: FitContext) -> FittedModel:
    """The booster of all rows of that day as it is: the defaults calibrate nothing."""
    text = grow(
        sample.newest(),
        {"max_bin": 255},
        rounds=_ROUNDS,
        seed=context.seed,
        threads=context.threads,
    )
    return FittedModel(
        predictor=Trees(texts=(text,), threads=context.threads),
        features=sample.features,
        slope=1.0,
        intercept=0.0,
    )
