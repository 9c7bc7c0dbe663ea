"""A random forest: trees grown apart on random rows and random features at every split.

Grown by LightGBM in its forest mode, because its text form is data and its explanations are exact;
a test compares it with scikit-learn's.
"""

from retention_ml.models.predictors.trees import Trees
from retention_ml.models.training.boosting import grow
from retention_ml.models.training.data.sample import TrainingSample, cross_fit
from retention_ml.models.training.fitting import FitContext, FittedModel, Params

PARAMS: Params = {
    "trees": 120,
    "num_leaves": 32,
    "min_data_in_leaf": 20,
    "bagging_fraction": 0.632,
    "feature_fraction_bynode": 0.2,
}
# Other columns at every split: then a pass over rows costs less; the trees are the same.
_BY_ROWS: Params = {"force_col_wise": False, "force_row_wise": True}


def fit(sample: TrainingSample, context: FitContext) -> FittedModel:
    """The calibrated forest of all rows; calibration from forests of folds."""
    sample = sample.matured()
    params = dict(context.params or PARAMS)
    options = {name: value for name, value in params.items() if name != "trees"}

    def forest(train: TrainingSample) -> Trees:
        settings = {"boosting": "rf", "bagging_freq": 1, **_BY_ROWS, **options}
        return grow(train, settings, context, rounds=int(params["trees"]))

    margin, _ = cross_fit(sample, lambda train, _: forest(train), context.seed)
    return FittedModel.calibrated(forest(sample), margin, sample, params=params)
