"""Gradient boosting with small trees, one model per fold, bagged; tuned with Optuna.

The first settings tried are those that did well on every data set measured; tuning may only find
better ones for this shop. The number of trials is fixed, so that equal rows give equal models;
the time limit is a guard, and a fit that it cut says so.
"""

import time
import warnings
from typing import Any

from retention_ml.models.predictors.trees import Trees
from retention_ml.models.training.boosting import grow
from retention_ml.models.training.fitting import FittedModel, Params, calibrate
from retention_ml.models.training.sample import FOLDS, Rows, cross_fit, folds
from retention_ml.statistics.arrays import sigmoid
from retention_ml.statistics.metrics import mean_log_loss

PARAMS: Params = {
    "num_leaves": 12,
    "min_data_in_leaf": 40,
    "feature_fraction": 0.5,
    "lambda_l2": 10.0,
    "learning_rate": 0.05,
}
_ROUNDS_MAX = 600


def fit(
    rows: Rows,
    *,
    seed: int,
    threads: int,
    params: Params | None = None,
    trials: int = 8,
    seconds: float = 20.0,
) -> FittedModel:
    """The mean of one booster per fold, calibrated on the folds' out-of-fold log-odds."""
    rows = rows.matured()
    notes: dict[str, Any] = {}
    chosen = dict(params) if params else _tuned(rows, seed, threads, trials, seconds, notes)
    margin, boosters = cross_fit(
        rows,
        lambda inside, outside: _booster(inside, outside, chosen, seed, threads),
        seed,
    )
    slope, intercept = calibrate(margin, rows)
    texts = tuple(text for booster in boosters for text in _texts(booster))
    notes["log_loss_out_of_fold"] = round(
        mean_log_loss(sigmoid(margin), rows.outcome, rows.weights), 6
    )
    return FittedModel(
        predictor=Trees(texts=texts, threads=threads),
        features=rows.features,
        slope=slope,
        intercept=intercept,
        params=chosen,
        notes=notes,
    )


def _texts(booster: object) -> tuple[str, ...]:
    assert isinstance(booster, Trees)
    return booster.texts


def _booster(inside: Rows, outside: Rows, chosen: Params, seed: int, threads: int) -> Trees:
    text = grow(inside, chosen, rounds=_ROUNDS_MAX, seed=seed, threads=threads, left_out=outside)
    return Trees(texts=(text,), threads=threads)


def _tuned(
    rows: Rows, seed: int, threads: int, trials: int, seconds: float, notes: dict[str, Any]
) -> dict[str, Any]:
    """The best settings by log loss on one fold of customers."""
    if trials < 2 or seconds <= 0:
        return dict(PARAMS)
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    fold = folds(rows.groups, seed + 1)
    inside, outside = rows.take((fold != 0).nonzero()[0]), rows.take((fold == 0).nonzero()[0])

    def loss(trial: "optuna.Trial") -> float:
        proposed = {
            "num_leaves": trial.suggest_int("num_leaves", 4, 31),
            "min_data_in_leaf": trial.suggest_int("min_data_in_leaf", 20, 160, log=True),
            "feature_fraction": trial.suggest_float("feature_fraction", 0.2, 0.8),
            "lambda_l2": trial.suggest_float("lambda_l2", 1.0, 100.0, log=True),
            "learning_rate": trial.suggest_float("learning_rate", 0.03, 0.08, log=True),
        }
        booster = _booster(inside, outside, proposed, seed, threads)
        probability = sigmoid(booster.margin(outside.values))
        return mean_log_loss(probability, outside.outcome, outside.weights)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        study = optuna.create_study(
            sampler=optuna.samplers.TPESampler(seed=seed, n_startup_trials=4)
        )
        study.enqueue_trial(dict(PARAMS))
        began = time.monotonic()
        study.optimize(loss, n_trials=trials, timeout=seconds)
    done = len(study.trials)
    notes.update(
        tuning_trials=done,
        tuning_seconds=round(time.monotonic() - began, 1),
        tuning_cut_short=done < trials,
        folds=FOLDS,
    )
    # Settings that win by a hair on one fold may have won by luck: the proven ones are kept then.
    if study.best_value > study.trials[0].value - 0.0005:
        return dict(PARAMS)
    return dict(study.best_params)
