"""The learners: from decisions to a model of the effect.

References
----------
Künzel, Sekhon, Bickel, Yu, "Metalearners for estimating heterogeneous treatment effects using
machine learning", PNAS 116 (2019): the T-, S- and X-learner.
Athey, Imbens, "Machine learning methods for estimating heterogeneous causal effects", 2015: the
transformed outcome; Kennedy, "Towards optimal doubly robust estimation of heterogeneous causal
effects", EJS 17 (2023): the same with forecasts taken off.
"""

from collections.abc import Callable

import numpy as np
from threadpoolctl import threadpool_limits

from retention_ml.models.predictors.linear import Linear, ridge_logistic
from retention_ml.models.predictors.trees import Trees, load_lightgbm, trees_only
from retention_ml.models.uplift.effect_models import (
    EffectModel,
    LinearEffect,
    TreeEffect,
    TwoModels,
)
from retention_ml.models.uplift.sample import UpliftSample
from retention_ml.statistics.arrays import Bools, Floats
from retention_ml.statistics.rate import effect_scores

_PENALTY = 1 / 0.003  # on normalised features: differences between two weak models stay small
_PENALTY_OF_FORECASTS = 10.0
_TREES = 150
_TREE_SETTINGS = {
    "learning_rate": 0.05,
    "num_leaves": 8,
    "min_child_samples": 200,
    "feature_fraction": 0.7,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "lambda_l2": 10.0,
    "max_bin": 63,
}

Learner = Callable[[UpliftSample, int], EffectModel]


def two_ridges(sample: UpliftSample, _seed: int = 0) -> TwoModels:
    """T-learner of two strongly penalised regressions: logistic for yes and no, else linear."""
    return outcome_models(sample, _PENALTY)


def outcome_models(sample: UpliftSample, penalty: float = _PENALTY_OF_FORECASTS) -> TwoModels:
    """A regression of each arm on the same normalised features."""
    return TwoModels(
        if_treated=_arm(sample, sample.treated, penalty),
        if_control=_arm(sample, ~sample.treated, penalty),
        is_binary=sample.is_binary,
    )


def x_ridge(sample: UpliftSample, _seed: int = 0) -> LinearEffect:
    """X-learner: each arm's outcomes minus the other arm's forecasts, both by ridge regression."""
    if_treated, if_control = outcome_models(sample).outcomes(sample.values)
    imputed = np.where(sample.treated, sample.outcome - if_control, if_treated - sample.outcome)
    fits = [
        ridge(sample.design[rows], imputed[rows], _PENALTY)
        for rows in (~sample.treated, sample.treated)
    ]
    # Weighted by the propensity: the smaller arm's imputation is the noisier one.
    share = float(sample.propensity.mean())
    coefficients = share * fits[0][0] + (1 - share) * fits[1][0]
    intercept = share * fits[0][1] + (1 - share) * fits[1][1]
    return LinearEffect(linear=sample.normaliser.linear(coefficients, intercept))


def score_ridge(sample: UpliftSample, _seed: int = 0) -> LinearEffect:
    """Ridge regression of the transformed outcome, forecasts taken off (a DR-learner)."""
    scores = effect_scores(
        sample.outcome,
        sample.treated,
        sample.propensity,
        *outcome_models(sample).outcomes(sample.values),
    )
    fit = ridge(sample.design, scores, _PENALTY)
    return LinearEffect(linear=sample.normaliser.linear(*fit))


def s_lightgbm(sample: UpliftSample, seed: int = 0) -> TreeEffect:
    """S-learner: one LightGBM that has the contact among its features."""
    lightgbm = load_lightgbm()
    rows = np.column_stack([sample.values, sample.treated.astype(np.float64)])
    objective = "binary" if sample.is_binary else "regression"
    settings = {
        **_TREE_SETTINGS,
        "objective": objective,
        "seed": seed,
        "num_threads": 1,
        "deterministic": True,
        "force_row_wise": True,
        "verbosity": -1,
    }
    booster = lightgbm.train(settings, lightgbm.Dataset(rows, sample.outcome), _TREES)
    text = trees_only(booster.model_to_string())
    return TreeEffect(trees=Trees(texts=(text,)), is_binary=sample.is_binary)


DEFAULT = "t_ridge"
LEARNERS: dict[str, Learner] = {
    DEFAULT: two_ridges,
    "x_ridge": x_ridge,
    "dr_ridge": score_ridge,
    "s_lightgbm": s_lightgbm,
}


def ridge(design: Floats, outcome: Floats, penalty: float) -> tuple[Floats, float]:
    """Coefficients, shape (k,), and intercept of a ridge regression; the intercept is free.

    Minimises the sum of squared errors + `penalty` x sum of squared coefficients.
    """
    centre, mean = design.mean(axis=0), float(outcome.mean())
    centred = design - centre
    with threadpool_limits(limits=1, user_api="blas"):
        matrix = centred.T @ centred + penalty * np.eye(design.shape[1])
        coefficients = np.linalg.solve(matrix, centred.T @ (outcome - mean))
    return coefficients, mean - float(centre @ coefficients)


def _arm(sample: UpliftSample, arm: Bools, penalty: float) -> Linear:
    rows, outcome = sample.design[arm], sample.outcome[arm]
    if not sample.is_binary:
        return sample.normaliser.linear(*ridge(rows, outcome, penalty))
    fit = ridge_logistic(rows, outcome, np.ones(len(rows)), penalty)
    return sample.normaliser.linear(*fit)
