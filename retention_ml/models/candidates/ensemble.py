"""The ensemble: members that err differently, blended on the log-odds scale.

Each member is one way to learn from one choice of rows and outcome window. Their log-odds are
standardised by nothing but the mean: equal weights did better than learnt ones (docs/quality.md).
Calibration is learnt out of fold: the slope on all rows, the level on the newest labels, moved by
what last year says about the season ahead.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from retention_ml.models import seasonal
from retention_ml.models.arrays import Floats, Ints, sigmoid
from retention_ml.models.blend import Blend, Member
from retention_ml.models.boosting import grow
from retention_ml.models.btyd.predictor import FEATURES as PROCESS_FEATURES
from retention_ml.models.bundle import Predictor
from retention_ml.models.candidates import bg_nbd, lightgbm, logistic
from retention_ml.models.fitting import FittedModel, Params, calibrate
from retention_ml.models.metrics import mean_log_loss
from retention_ml.models.perceptron import fit_perceptron
from retention_ml.models.rows import FOLDS, Rows, folds
from retention_ml.models.season import season_ahead
from retention_ml.models.trees import Trees

@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """One member: how it learns, over which share of the horizon, from which rows."""

    way: str
    horizon_share: float = 1.0
    is_newest_only: bool = False
    weight: float = 1.0
