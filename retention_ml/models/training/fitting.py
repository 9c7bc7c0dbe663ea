"""What every fit is given and returns, and calibration on the training sample."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np

from retention_ml.models.bundle.bundle import Bundle
from retention_ml.models.predictors.linear import ridge_logistic
from retention_ml.models.predictors.predictor import Predictor
from retention_ml.models.training.data.sample import TrainingSample
from retention_ml.settings import Training
from retention_ml.statistics.arrays import Floats, sigmoid

Params = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedModel:
    """A predictor, its calibration and what was chosen on the way.

    Parameters
    ----------
    predictor : Predictor
        The model proper.
    features : tuple of str
        The features it reads, in its order.
    slope, intercept : float
        Calibrated log-odds = `slope` × log-odds + `intercept`.
    params : mapping
        Settings that were chosen: given to `fit` again, nothing is tuned any more.
    notes : mapping
        What a reader should know about the fit.
    """

    predictor: Predictor
    features: tuple[str, ...]
    slope: float = 1.0
    intercept: float = 0.0
    params: Params = field(default_factory=dict)
    notes: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def calibrated(
        cls, predictor: Predictor, margin: Floats, sample: TrainingSample, **chosen: Params
    ) -> Self:
        """A predictor that reads the features of `sample`, calibrated on its log-odds out of fold.

        `chosen` are `params` and `notes`.
        """
        slope, intercept = calibrate(margin, sample)
        return cls(
            predictor=predictor,
            features=sample.features,
            slope=slope,
            intercept=intercept,
            **chosen,
        )

    def predict_proba(self, values: Floats) -> Floats:
        """Calibrated churn probabilities, shape (n_samples,), of (n_samples, n_features)."""
        return sigmoid(self.slope * self.predictor.margin(values) + self.intercept)

    def contributions(self, values: Floats) -> tuple[Floats, float]:
        """What each feature adds to the calibrated log-odds, and the base.

        The first has the shape (n_samples, n_features).
        """
        added, base = self.predictor.contributions(values)
        return self.slope * added, self.slope * base + self.intercept

    def to_bundle(self, model_name: str, *, threads: int = 1, **meaning: Any) -> Bundle:
        """The model as text files, to predict with `threads`; `meaning` goes into the manifest."""
        return Bundle.of(
            self.predictor,
            model_name=model_name,
            features=self.features,
            slope=self.slope,
            intercept=self.intercept,
            threads=threads,
            **meaning,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FitContext:
    """What a fit is given besides its data.

    Parameters
    ----------
    seed : int
        Equal seeds give equal models.
    threads : int
        Threads to use; results do not depend on it.
    params : mapping, optional
        Settings chosen by an earlier fit; without them they are chosen on the sample.
    tuning_trials, tuning_seconds : int, float
        How many settings to try at most, and for how long.
    """

    seed: int
    threads: int
    params: Params | None = None
    tuning_trials: int = 0
    tuning_seconds: float = 0.0

    @classmethod
    def of(cls, training: Training, threads: int, params: Params | None = None) -> Self:
        """What the settings of `training` ask for."""
        return cls(
            seed=training.seed,
            threads=threads,
            params=params,
            tuning_trials=training.tuning_trials,
            tuning_seconds=training.tuning_seconds,
        )


def calibrate(
    margin: Floats, sample: TrainingSample, *, use_day_offset: bool = False
) -> tuple[float, float]:
    """Slope and intercept that make out-of-fold log-odds calibrated (Platt scaling).

    With `use_day_offset` the churn rate of each row's day is an offset: the slope is that within
    days.

    The slope is never negative: a model whose ranking is reversed on rows it has not seen falls
    back to the base rate.

    References
    ----------
    Platt, "Probabilistic outputs for support vector machines", 1999, section 2.2, without its
    target smoothing: with hundreds of rows of each class that changes nothing.
    """
    spread = float(margin.std())
    if spread > 1e-12:
        slopes, intercept = ridge_logistic(
            (margin / spread)[:, None],
            sample.churned,
            sample.weights,
            penalty=1e-6,
            offset=sample.base_rate_offset() if use_day_offset else None,
        )
        if slopes[0] > 0:
            return float(slopes[0]) / spread, intercept
    base = float(np.clip(np.average(sample.churned, weights=sample.weights), 1e-6, 1 - 1e-6))
    return 0.0, float(np.log(base / (1 - base)))
