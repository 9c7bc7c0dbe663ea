"""Growing LightGBM trees so that equal rows and seeds give equal text."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from retention_ml.models.predictors.trees import load_lightgbm, trees_only
from retention_ml.models.training.sample import Rows
from retention_ml.statistics.arrays import Floats


def fixed(seed: int, threads: int) -> dict[str, Any]:
    """Parameters that make a fit repeatable and quiet."""
    return {
        "objective": "binary",
        "verbosity": -1,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": threads,
        "seed": seed,
        "feature_pre_filter": False,
        "max_bin": 127,
    }


def grow(
    rows: Rows,
    params: Mapping[str, Any],
    *,
    rounds: int,
    seed: int,
    threads: int,
    left_out: Rows | None = None,
    patience: int = 30,
    given_day: bool = False,
) -> str:
    """The text of a model grown on `rows`.

    Where `left_out` is given, growing stops once its log loss has not improved for `patience`
    trees, and only the trees up to the best one are kept. With `given_day` the level of each
    row's day is given, and the trees only learn what distinguishes customers of one day.
    """
    lightgbm = load_lightgbm()
    settings = {**fixed(seed, threads), **params}
    if given_day:
        settings["boost_from_average"] = False
    learnt = lightgbm.Dataset(
        rows.values,
        rows.outcome,
        weight=_weights(rows),
        init_score=rows.day_levels() if given_day else None,
        params=settings,
    )
    if left_out is None:
        return trees_only(lightgbm.train(settings, learnt, rounds).model_to_string())
    judged = lightgbm.Dataset(
        left_out.values,
        left_out.outcome,
        weight=_weights(left_out),
        init_score=left_out.day_levels() if given_day else None,
        reference=learnt,
        params=settings,
    )
    booster = lightgbm.train(
        {**settings, "metric": "binary_logloss"},
        learnt,
        rounds,
        valid_sets=[judged],
        callbacks=[lightgbm.early_stopping(patience, verbose=False)],
    )
    return trees_only(booster.model_to_string(num_iteration=booster.best_iteration))


def _weights(rows: Rows) -> Floats | None:
    return None if np.all(rows.weights == 1) else rows.weights
