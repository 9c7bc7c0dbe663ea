"""Growing LightGBM trees so that equal rows and seeds give equal text."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from retention_ml.models.predictors.trees import Trees, load_lightgbm, trees_only
from retention_ml.models.training.data.sample import TrainingSample
from retention_ml.models.training.fitting import FitContext

_PATIENCE = 30


def grow(
    train: TrainingSample,
    params: Mapping[str, Any],
    context: FitContext,
    *,
    rounds: int,
    valid: TrainingSample | None = None,
    use_day_offset: bool = False,
) -> Trees:
    """Trees grown on `train`.

    With `valid`, growing stops once its log loss has not improved for 30 trees, and only the trees
    up to the best one are kept. With `use_day_offset` boosting starts from the churn rate of each
    row's day, and the trees only learn what distinguishes customers of one day.
    """
    lightgbm = load_lightgbm()
    settings = {
        "objective": "binary",
        "verbosity": -1,
        "deterministic": True,
        "force_col_wise": True,  # every tree reads half of the columns
        "num_threads": context.threads,
        "seed": context.seed,
        "feature_pre_filter": False,
        "max_bin": 127,
        **params,
    }
    if use_day_offset:
        settings["boost_from_average"] = False

    def dataset(sample: TrainingSample, reference: Any = None) -> Any:
        return lightgbm.Dataset(
            sample.values,
            sample.churned,
            weight=None if np.all(sample.weights == 1) else sample.weights,
            init_score=sample.base_rate_offset() if use_day_offset else None,
            reference=reference,
            params=settings,
        )

    train_set = dataset(train)
    if valid is None:
        booster = lightgbm.train(settings, train_set, rounds)
    else:
        booster = lightgbm.train(
            {**settings, "metric": "binary_logloss"},
            train_set,
            rounds,
            valid_sets=[dataset(valid, reference=train_set)],
            callbacks=[lightgbm.early_stopping(_PATIENCE, verbose=False)],
        )
    return Trees(texts=(trees_only(booster.model_to_string()),), threads=context.threads)
