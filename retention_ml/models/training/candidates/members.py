"""The ways in which members of the ensemble learn: each fits on folds and on the whole."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from retention_ml.models.predictors.buying_process import FEATURES as PROCESS_FEATURES
from retention_ml.models.predictors.linear import Normaliser, ridge_logistic
from retention_ml.models.predictors.predictor import Predictor
from retention_ml.models.predictors.trees import Trees
from retention_ml.models.training.boosting import grow
from retention_ml.models.training.candidates import bg_nbd, lightgbm
from retention_ml.models.training.sample import FOLDS, Rows
from retention_ml.statistics.arrays import Ints

_ROUNDS_MAX = 600
_PENALTY = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedMember:
    """A member fitted on all rows, and one for each fold that never saw the fold's customers."""

    predictor: Predictor
    by_fold: Sequence[Predictor]
    features: tuple[str, ...]


class Way(Protocol):
    """How a member learns."""

    def __call__(self, rows: Rows, fold: Ints, *, seed: int, threads: int) -> FittedMember:
        """Learnt from rows whose outcomes are known; `fold` is 0 to `FOLDS` - 1 by row."""


def boosted(rows: Rows, fold: Ints, *, seed: int, threads: int) -> FittedMember:
    """Small trees, boosted; one booster per fold, each stopped on the customers left out."""
    boosters = []
    for number in range(FOLDS):
        inside, outside = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
        if len(inside) == 0 or len(outside) == 0:  # a handful of customers
            inside = outside = np.arange(len(rows))
        text = grow(
            rows.take(inside),
            lightgbm.PARAMS,
            rounds=_ROUNDS_MAX,
            seed=seed,
            threads=threads,
            left_out=rows.take(outside),
            given_day=True,
        )
        boosters.append(Trees(texts=(text,), threads=threads))
    return FittedMember(
        predictor=Trees(texts=tuple(one.texts[0] for one in boosters), threads=threads),
        by_fold=boosters,
        features=rows.features,
    )


def ridge(rows: Rows, fold: Ints, *, seed: int, threads: int) -> FittedMember:  # noqa: ARG001
    """Ridge logistic regression on quantile-normalised features, the level of each day given."""

    def fitted(some: Rows) -> Predictor:
        normaliser = Normaliser.of(some.values)
        coefficients, intercept = ridge_logistic(
            normaliser.design(some.values),
            some.outcome,
            some.weights,
            _PENALTY * len(some) / 10_000,
            offset=some.day_levels(),
        )
        return normaliser.linear(coefficients, intercept)

    return FittedMember(
        predictor=fitted(rows),
        by_fold=[fitted(rows.take(np.flatnonzero(fold != number))) for number in range(FOLDS)],
        features=rows.features,
    )


def buying_process(rows: Rows, fold: Ints, *, seed: int, threads: int) -> FittedMember:  # noqa: ARG001
    """MBG/NBD: four parameters, fitted on purchase histories and not on outcomes."""
    process = bg_nbd.process_of(rows, modified=True)
    return FittedMember(predictor=process, by_fold=[process] * FOLDS, features=PROCESS_FEATURES)


WAYS: dict[str, Way] = {"boosted": boosted, "ridge": ridge, "buying_process": buying_process}
