"""LightGBM with the library's own settings on the newest labelled day: what a first try gives."""

from retention_ml.models.predictors.trees import Trees
from retention_ml.models.training.boosting import grow
from retention_ml.models.training.fitting import FittedModel, Params
from retention_ml.models.training.sample import Rows

_ROUNDS = 100  # the default of lightgbm.train


def fit(
    rows: Rows,
    *,
    seed: int,
    threads: int,
    params: Params | None = None,  # noqa: ARG001
    trials: int = 0,  # noqa: ARG001
    seconds: float = 0.0,  # noqa: ARG001
) -> FittedModel:
    """The booster of all rows of that day as it is: the defaults calibrate nothing."""
    rows = rows.newest()
    text = grow(rows, {"max_bin": 255}, rounds=_ROUNDS, seed=seed, threads=threads)
    return FittedModel(
        predictor=Trees(texts=(text,), threads=threads),
        features=rows.features,
        slope=1.0,
        intercept=0.0,
    )
