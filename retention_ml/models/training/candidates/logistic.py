"""Ridge logistic regression on all features, normalised by quantiles."""

import numpy as np

from retention_ml.models.predictors.linear import Linear, Normaliser, ridge_logistic
from retention_ml.models.training.data.sample import FOLDS, TrainingSample, folds
from retention_ml.models.training.fitting import FitContext, FittedModel
from retention_ml.statistics.arrays import Floats, sigmoid
from retention_ml.statistics.metrics import mean_log_loss

# Falling, so that each fit starts from the one before. Per 10,000 rows: the sum of log losses
# that the penalty is weighed against grows with the rows.
PENALTIES = (1_000.0, 300.0, 100.0, 30.0, 10.0)


def fit(sample: TrainingSample, context: FitContext) -> FittedModel:
    """The calibrated regression; its penalty is the best of `PENALTIES` out of fold."""
    sample = sample.matured()
    penalties = (float(context.params["penalty"]),) if context.params else PENALTIES
    margins = _out_of_fold(sample, penalties, context.seed)
    losses = [mean_log_loss(sigmoid(margin), sample.churned, sample.weights) for margin in margins]
    best = int(np.argmin(losses))
    return FittedModel.calibrated(
        path(sample, penalties[best : best + 1])[0],
        margins[best],
        sample,
        params={"penalty": penalties[best]},
        notes={"log_loss_out_of_fold": round(losses[best], 6)},
    )


def _out_of_fold(sample: TrainingSample, penalties: tuple[float, ...], seed: int) -> list[Floats]:
    """Log-odds of every row, by penalty, from a model that never saw its customer."""
    fold = folds(sample.groups, seed)
    margins = [np.zeros(len(sample)) for _ in penalties]
    for number in range(FOLDS):
        inside, outside = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
        models = path(sample.take(inside), penalties)
        for margin, model in zip(margins, models, strict=True):
            margin[outside] = model.margin(sample.values[outside])
    return margins


def path(sample: TrainingSample, penalties: tuple[float, ...]) -> list[Linear]:
    """One regression for each penalty, all on the same normalised features."""
    normaliser = Normaliser.of(sample.values)
    design = normaliser.design(sample.values)
    models: list[Linear] = []
    start: tuple[Floats, float] | None = None
    for penalty in penalties:
        scaled = penalty * len(sample) / 10_000
        start = ridge_logistic(design, sample.churned, sample.weights, scaled, start)
        models.append(normaliser.linear(*start))
    return models
