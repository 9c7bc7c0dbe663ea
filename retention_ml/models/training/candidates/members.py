"""How members of the ensemble learn: each is fitted on folds and on the whole sample."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from retention_ml.models.predictors.buying_process import FEATURES as PROCESS_FEATURES
from retention_ml.models.predictors.linear import Normaliser, ridge_logistic
from retention_ml.models.predictors.predictor import Predictor
from retention_ml.models.training.boosting import grow
from retention_ml.models.training.candidates import bg_nbd, lightgbm
from retention_ml.models.training.data.sample import FOLDS, TrainingSample
from retention_ml.models.training.fitting import FitContext
from retention_ml.statistics.arrays import Ints

_PENALTY = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedMember:
    """A member fitted on the whole sample, and one for each fold that never saw its customers."""

    predictor: Predictor
    by_fold: Sequence[Predictor]
    features: tuple[str, ...]


# Fits on a sample whose outcomes are known; the second argument is the fold of each row.
Learner = Callable[[TrainingSample, Ints, FitContext], FittedMember]


def boosted(sample: TrainingSample, fold: Ints, context: FitContext) -> FittedMember:
    """Small trees, boosted; one booster per fold, each stopped early on that fold."""
    boosters = []
    for number in range(FOLDS):
        inside, outside = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
        if len(inside) == 0 or len(outside) == 0:  # a handful of customers
            inside = outside = np.arange(len(sample))
        boosters.append(
            grow(
                sample.take(inside),
                lightgbm.PARAMS,
                context,
                rounds=lightgbm.ROUNDS_MAX,
                valid=sample.take(outside),
                use_day_offset=True,
            )
        )
    return FittedMember(
        predictor=lightgbm.mean_of(boosters), by_fold=boosters, features=sample.features
    )


def ridge(sample: TrainingSample, fold: Ints, _context: FitContext) -> FittedMember:
    """Ridge logistic regression on quantile-normalised features, each day's rate an offset."""

    def regression(train: TrainingSample) -> Predictor:
        normaliser = Normaliser.of(train.values)
        coefficients, intercept = ridge_logistic(
            normaliser.design(train.values),
            train.churned,
            train.weights,
            _PENALTY * len(train) / 10_000,
            offset=train.base_rate_offset(),
        )
        return normaliser.linear(coefficients, intercept)

    return FittedMember(
        predictor=regression(sample),
        by_fold=[regression(sample.take(np.flatnonzero(fold != k))) for k in range(FOLDS)],
        features=sample.features,
    )


def buying_process(sample: TrainingSample, _fold: Ints, _context: FitContext) -> FittedMember:
    """MBG/NBD: four parameters, fitted on purchase histories and not on outcomes."""
    process = bg_nbd.process_of(sample, modified=True)
    return FittedMember(predictor=process, by_fold=[process] * FOLDS, features=PROCESS_FEATURES)


LEARNERS: dict[str, Learner] = {
    "boosted": boosted,
    "ridge": ridge,
    "buying_process": buying_process,
}
