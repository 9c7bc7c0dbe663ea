"""Ridge logistic regression on all features, normalised by quantiles."""

import numpy as np

from retention_ml.models.arrays import sigmoid
from retention_ml.models.fitting import FittedModel, Params, calibrate
from retention_ml.models.linear import fit_linear
from retention_ml.models.metrics import mean_log_loss
from retention_ml.models.rows import Rows, cross_fit

PENALTIES = (10.0, 30.0, 100.0, 300.0, 1_000.0)


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
    penalties = (float(params["penalty"]),) if params else PENALTIES
    # Sums of log losses grow with the rows, so the penalty is per 10,000 rows.
    scale = len(rows) / 10_000
    best = None
    for penalty in penalties:
        margin, _ = cross_fit(
            rows,
            lambda inside, _, at=penalty * scale: fit_linear(  # type: ignore[misc]
                inside.values, inside.outcome, inside.weights, at
            ),
            seed,
        )
        loss = mean_log_loss(sigmoid(margin), rows.outcome, rows.weights)
        if best is None or loss < best[0]:
            best = (loss, penalty, margin)
    assert best is not None
    loss, penalty, margin = best
    slope, intercept = calibrate(margin, rows)
    return FittedModel(
        predictor=fit_linear(rows.values, rows.outcome, rows.weights, penalty * scale),
        features=rows.features,
        slope=slope,
        intercept=intercept,
        params={"penalty": penalty},
        notes={"log_loss_out_of_fold": float(np.round(loss, 6))},
    )
