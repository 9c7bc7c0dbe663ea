"""Whether the contact was drawn as logged: nothing but the logged propensity may foresee it."""

from dataclasses import dataclass

import numpy as np

from retention_ml.models.predictors.trees import load_lightgbm
from retention_ml.models.uplift.learners import ridge
from retention_ml.models.uplift.sample import UpliftSample, folds
from retention_ml.statistics.arrays import Bools, Floats

_Z_FORESEEN = 3.7  # one-sided probability .0001: each experiment is asked once, by two learners
_AUC_MATERIAL = 0.55
_Z_SHARE = 4.0
_FOLDS = 2
_PENALTY = 100.0
_TREES = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Randomisation:
    """How well features foresee who was contacted, beyond the propensity.

    Parameters
    ----------
    auc : float
        Of forecasts for customers they were not fitted to, rows weighted by 1 / propensity of their
        arm: 0.5 where the contact was drawn as logged.
    foreseen_z : float
        Those forecasts' covariance with the contact in standard errors; above 3.7 is no chance.
    share_z : float
        Share contacted minus mean propensity in standard errors; beyond ±4 is no chance.
    """

    auc: float
    foreseen_z: float
    share_z: float

    @property
    def is_foreseen(self) -> bool:
        """Whether the contact depended on the features by more than chance."""
        return self.foreseen_z > _Z_FORESEEN

    @property
    def fault(self) -> str | None:
        """Why the data are observational, in words; None where they may count as drawn by lot."""
        if abs(self.share_z) > _Z_SHARE:
            return (
                f"the share that was contacted is {abs(self.share_z):.0f} standard errors "
                f"{'above' if self.share_z > 0 else 'below'} the propensities given"
            )
        if self.is_foreseen and self.auc >= _AUC_MATERIAL:
            return (
                f"the columns foresee who was contacted (AUC {self.auc:.2f} on rows not fitted to; "
                "drawn by lot it is 0.50)"
            )
        return None


def check_randomisation(sample: UpliftSample, seed: int) -> Randomisation:
    """Try to foresee the contact from the features, cross-fitted, linearly and by trees."""
    rest = sample.treated - sample.propensity
    variance = sample.propensity * (1 - sample.propensity)
    fold = folds(sample, _FOLDS, seed)
    weights = np.where(sample.treated, 1 / sample.propensity, 1 / (1 - sample.propensity))
    best = (-np.inf, 0.5)
    for forecast in (_linear, _trees):
        foreseen = np.empty(len(sample))
        for k in range(_FOLDS):
            test = fold == k
            foreseen[test] = forecast(sample, rest, ~test, test, seed)
        spread = float(np.sqrt(foreseen**2 @ variance))
        z = float(foreseen @ rest) / spread if spread > 0 else 0.0
        best = max(best, (z, _auc(foreseen, sample.treated, weights)))
    spread = float(np.sqrt(variance.sum()))
    return Randomisation(foreseen_z=best[0], auc=best[1], share_z=float(rest.sum()) / spread)


def _linear(sample: UpliftSample, rest: Floats, train: Bools, test: Bools, _seed: int) -> Floats:
    part = sample.take(train)
    fit = ridge(part.design, rest[train], _PENALTY)
    return part.normaliser.linear(*fit).margin(sample.values[test]) - fit[1]


def _trees(sample: UpliftSample, rest: Floats, train: Bools, test: Bools, seed: int) -> Floats:
    lightgbm = load_lightgbm()
    settings = {
        "objective": "regression",
        "learning_rate": 0.1,
        "num_leaves": 8,
        "min_child_samples": max(20, int(train.sum()) // 200),
        "max_bin": 63,
        "seed": seed,
        "num_threads": 1,
        "deterministic": True,
        "force_row_wise": True,
        "verbosity": -1,
    }
    rows = lightgbm.Dataset(sample.values[train], rest[train] - rest[train].mean())
    booster = lightgbm.train(settings, rows, _TREES)
    return np.asarray(booster.predict(sample.values[test], num_threads=1))


def _auc(priority: Floats, treated: Bools, weights: Floats) -> float:
    """Weighted ROC AUC, ties counting half."""
    _, index = np.unique(priority, return_inverse=True)
    positive = np.bincount(index, weights * treated)
    negative = np.bincount(index, weights * ~treated)
    below = np.cumsum(negative) - negative / 2
    return float(positive @ below / (positive.sum() * negative.sum()))
