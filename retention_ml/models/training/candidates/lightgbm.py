"""Gradient boosting with small trees, one model per fold, bagged; tuned with Optuna.

The first settings tried are those that did well on every data set measured; tuning may only find
better ones for this shop. The number of trials is fixed, so that equal rows give equal models;
the time limit is a guard, and a fit that it cut says so.
"""

import time
import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from retention_ml.models.predictors.trees import Trees
from retention_ml.models.training.boosting import BinnedRows, grow
from retention_ml.models.training.data.sample import FOLDS, TrainingSample, cross_fit, folds
from retention_ml.models.training.fitting import FitContext, FittedModel, Params
from retention_ml.statistics.arrays import sigmoid
from retention_ml.statistics.metrics import mean_log_loss

PARAMS: Params = {
    "num_leaves": 12,
    "min_data_in_leaf": 40,
    "feature_fraction": 0.5,
    "lambda_l2": 10.0,
    "learning_rate": 0.05,
}
ROUNDS_MAX = 600


def fit(sample: TrainingSample, context: FitContext) -> FittedModel:
    """The mean of one booster per fold, calibrated on the folds' out-of-fold log-odds."""
    sample = sample.matured()
    notes: dict[str, Any] = {}
    params = dict(context.params) if context.params else _tuned(sample, context, notes)
    margin, boosters = cross_fit(
        sample,
        lambda train, valid: grow(train, params, context, rounds=ROUNDS_MAX, valid=valid),
        context.seed,
    )
    loss = mean_log_loss(sigmoid(margin), sample.churned, sample.weights)
    return FittedModel.calibrated(
        mean_of(boosters),
        margin,
        sample,
        params=params,
        notes={**notes, "log_loss_out_of_fold": round(loss, 6)},
    )


def mean_of(boosters: Sequence[Trees]) -> Trees:
    """One predictor that is the mean of several."""
    return replace(boosters[0], texts=tuple(text for each in boosters for text in each.texts))


def _tuned(sample: TrainingSample, context: FitContext, notes: dict[str, Any]) -> dict[str, Any]:
    """The best settings by log loss on one fold of customers; `notes` tells how they were found."""
    trials, seconds = context.tuning_trials, context.tuning_seconds
    if trials < 2 or seconds <= 0:
        return dict(PARAMS)
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    fold = folds(sample.groups, context.seed + 1)
    train, valid = sample.take((fold != 0).nonzero()[0]), sample.take((fold == 0).nonzero()[0])
    rows = BinnedRows.of(train, context)
    tested = BinnedRows.of(valid, context, reference=rows)

    def loss(trial: "optuna.Trial") -> float:
        params = {
            "num_leaves": trial.suggest_int("num_leaves", 4, 31),
            "min_data_in_leaf": trial.suggest_int("min_data_in_leaf", 20, 160, log=True),
            "feature_fraction": trial.suggest_float("feature_fraction", 0.2, 0.8),
            "lambda_l2": trial.suggest_float("lambda_l2", 1.0, 100.0, log=True),
            "learning_rate": trial.suggest_float("learning_rate", 0.03, 0.08, log=True),
        }
        booster = rows.grow(params, context, rounds=ROUNDS_MAX, valid=tested)
        probability = sigmoid(booster.margin(valid.values))
        return mean_log_loss(probability, valid.churned, valid.weights)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        study = optuna.create_study(
            sampler=optuna.samplers.TPESampler(seed=context.seed, n_startup_trials=4)
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
    # Settings that win by a hair on one fold may have won by luck: the proven ones stay then.
    if study.best_value > study.trials[0].value - 0.0005:
        return dict(PARAMS)
    return dict(study.best_params)
