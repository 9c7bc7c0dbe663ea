"""A random forest: trees grown apart on random rows and random features at every split.

Grown by LightGBM in its forest mode, because its text form is data and its explanations are exact;
a test compares it with scikit-learn's.
"""

from retention_ml.models.predictors.trees import Trees
from retention_ml.models.training.boosting import grow
from retention_ml.models.training.fitting import FittedModel, Params, calibrate
from retention_ml.models.training.sample import Rows, cross_fit

PARAMS: Params = {
    "trees": 120,
    "num_leaves": 32,
    "min_data_in_leaf": 20,
    "bagging_fraction": 0.632,
    "feature_fraction_bynode": 0.2,
}


def fit(
    rows: Rows,
    *,
    seed: int,
    threads: int,
    params: Params | None = None,
    trials: int = 0,  # noqa: ARG001
    seconds: float = 0.0,  # noqa: ARG001
) -> FittedModel:
    """The calibrated forest of all rows; calibration from forests of folds."""
    rows = rows.matured()
    chosen = dict(params or PARAMS)

    def forest(inside: Rows) -> Trees:
        text = grow(
            inside,
            {
                "boosting": "rf",
                "bagging_freq": 1,
                **{key: value for key, value in chosen.items() if key != "trees"},
            },
            rounds=int(chosen["trees"]),
            seed=seed,
            threads=threads,
        )
        return Trees(texts=(text,), threads=threads)

    margin, _ = cross_fit(rows, lambda inside, _: forest(inside), seed)
    slope, intercept = calibrate(margin, rows)
    return FittedModel(
        predictor=forest(rows),
        features=rows.features,
        slope=slope,
        intercept=intercept,
        params=chosen,
    )
