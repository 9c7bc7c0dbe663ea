"""Ridge logistic regression on all features, normalised by quantiles."""

import numpy as np

from retention_ml.models.predictors.linear import Linear, Normaliser, ridge_logistic
from retention_ml.models.training.fitting import FittedModel, Params, calibrate
from retention_ml.models.training.sample import FOLDS, Rows, folds
from retention_ml.statistics.arrays import Floats, sigmoid
from retention_ml.statistics.metrics import mean_log_loss

# Falling, so that each fit starts from the one before. Per 10,000 rows: the sum of log losses
# that the penalty is weighed against grows with the rows.
PENALTIES = (1_000.0, 300.0, 100.0, 30.0, 10.0)


def fit(
    rows: Rows,
    *,
    seed: int,
    threads: int,  # noqa: ARG001
    params: Params | None = None,
    trials: int = 0,  # noqa: ARG001
    seconds: float = 0.0,  # noqa: ARG001
) -> FittedModel:
    """The calibrated regression; its penalty is the best of `PENALTIES` out of fold."""
    rows = rows.matured()
    penalties = (float(params["penalty"]),) if params else PENALTIES
    margins = _out_of_fold(rows, penalties, seed)
    losses = [mean_log_loss(sigmoid(margin), rows.outcome, rows.weights) for margin in margins]
    best = int(np.argmin(losses))
    slope, intercept = calibrate(margins[best], rows)
    return FittedModel(
        predictor=path(rows, penalties[best : best + 1])[0],
        features=rows.features,
        slope=slope,
        intercept=intercept,
        params={"penalty": penalties[best]},
        notes={"log_loss_out_of_fold": round(losses[best], 6)},
    )


def _out_of_fold(rows: Rows, penalties: tuple[float, ...], seed: int) -> list[Floats]:
    """Log-odds of every row, by penalty, from a model that never saw its customer."""
    fold = folds(rows.groups, seed)
    margins = [np.zeros(len(rows)) for _ in penalties]
    for number in range(FOLDS):
        inside, outside = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
        models = path(rows.take(inside), penalties)
        for margin, model in zip(margins, models, strict=True):
            margin[outside] = model.margin(rows.values[outside])
    return margins


def path(rows: Rows, penalties: tuple[float, ...]) -> list[Linear]:
    """One regression for each penalty, all on the same normalised features."""
    normaliser = Normaliser.of(rows.values)
    design = normaliser.design(rows.values)
    found: list[Linear] = []
    start: tuple[Floats, float] | None = None
    for penalty in penalties:
        scaled = penalty * len(rows) / 10_000
        start = ridge_logistic(design, rows.outcome, rows.weights, scaled, start)
        found.append(normaliser.linear(*start))
    return found
