"""A small neural network: the mean of a few with one hidden layer each.

It is no member of the ensemble: it added nothing there (docs/quality.md). It stays a candidate,
because on another shop it may.
"""

from retention_ml.models.fitting import FittedModel, Params, calibrate
from retention_ml.models.perceptron import fit_perceptron
from retention_ml.models.rows import Rows, cross_fit


def fit(
    rows: Rows,
    *,
    seed: int,
    threads: int,  # noqa: ARG001
    params: Params | None = None,  # noqa: ARG001
    trials: int = 0,  # noqa: ARG001
    seconds: float = 0.0,  # noqa: ARG001
) -> FittedModel:
    """The networks of all rows, calibrated on networks of folds."""
    rows = rows.matured()
    margin, _ = cross_fit(
        rows, lambda inside, _: fit_perceptron(inside, seed=seed, members=1), seed
    )
    slope, intercept = calibrate(margin, rows)
    return FittedModel(
        predictor=fit_perceptron(rows, seed=seed),
        features=rows.features,
        slope=slope,
        intercept=intercept,
    )
