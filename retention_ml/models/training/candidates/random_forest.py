"""A random forest: trees grown apart on random rows and random features at every split.

Grown by LightGBM in its forest mode, because its text form is data and its explanations are exact;
a test compares it with scikit-learn's.
"""

from retention_ml.models.predictors.trees import Trees
from retention_ml.models.training.boosting import grow
from retention_ml.models.training.data.sample import TrainingSample, cross_fit
from retention_ml.models.training.fitting import FitContext, FittedModel, Params, calibrate

PARAMS: Params = {
    "trees": 120,
    "num_leaves": 32,
    "min_data_in_leaf": 20,
    "bagging_fraction": 0.632,
    "feature_fraction_bynode": 0.2,
}


def fit(sample: TrainingSample, context: FitContext) -> FittedModel:
    """The calibrated forest of all rows; calibration from forests of folds."""
    sample = sample.matured()
    params = dict(context.params or PARAMS)

    def forest(train: TrainingSample) -> Trees:
        text = grow(
            train,
            {
                "boosting": "rf",
                "bagging_freq": 1,
                **{key: value for key, value in params.items() if key != "trees"},
            },
            rounds=int(params["trees"]),
            seed=context.seed,
            threads=context.threads,
        )
        return Trees(texts=(text,), threads=context.threads)

    margin, _ = cross_fit(sample, lambda train, _: forest(train), context.seed)
    slope, intercept = calibrate(margin, sample)
    return FittedModel(
        predictor=forest(sample),
        features=sample.features,
        slope=slope,
        intercept=intercept,
        params=params,
    )
