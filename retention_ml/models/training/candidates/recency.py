"""The best recency rule: churn probability by days since the last purchase, and nothing else.

A monotone step function (isotonic regression, pool adjacent violators), joined by straight lines
between the centres of its steps so that customers within a step keep their order.
"""

import numpy as np

from retention_ml.models.predictors.curve import Curve
from retention_ml.models.training.fitting import FittedModel, Params, calibrate
from retention_ml.models.training.sample import Rows, cross_fit
from retention_ml.statistics.arrays import Floats, logit

FEATURE = "recency_days"


def fit(
    rows: Rows,
    *,
    seed: int,
    threads: int,  # noqa: ARG001
    params: Params | None = None,  # noqa: ARG001
    trials: int = 0,  # noqa: ARG001
    seconds: float = 0.0,  # noqa: ARG001
) -> FittedModel:
    """The calibrated recency rule."""
    rows = rows.matured()
    chosen = rows.only((FEATURE,))
    margin, _ = cross_fit(chosen, lambda inside, _: _curve(inside), seed)
    slope, intercept = calibrate(margin, chosen)
    return FittedModel(
        predictor=_curve(chosen), features=(FEATURE,), slope=slope, intercept=intercept
    )


def _curve(rows: Rows) -> Curve:
    present = ~np.isnan(rows.values[:, 0])
    base = float(logit(np.average(rows.outcome, weights=rows.weights, keepdims=True))[0])
    if not present.any():
        return Curve(knots=np.zeros(1), heights=np.full(1, base), centre=base, missing=base)
    days, position = np.unique(rows.values[present, 0], return_inverse=True)
    weights = rows.weights[present]
    counts: Floats = np.bincount(position, weights).astype(np.float64)
    churned: Floats = np.bincount(position, weights * rows.outcome[present]).astype(np.float64)
    centres, rates = _pooled(days, counts, churned)
    curve = Curve(knots=centres, heights=logit(rates), centre=0.0, missing=base)
    centre = float(np.average(curve.margin(rows.values), weights=rows.weights))
    return Curve(knots=curve.knots, heights=curve.heights, centre=centre, missing=base)


def _pooled(days: Floats, weights: Floats, churned: Floats) -> tuple[Floats, Floats]:
    """Centre and rate of the blocks of the best rising step function.

    Each block's rate is drawn towards the overall one by one customer's weight, so that a block
    in which everybody churned does not become certainty.
    """
    overall = churned.sum() / weights.sum()
    blocks: list[list[float]] = []
    for day, weight, churn in zip(days, weights, churned, strict=True):
        blocks.append([day * weight, weight, churn])
        while len(blocks) > 1 and blocks[-2][2] * blocks[-1][1] >= blocks[-1][2] * blocks[-2][1]:
            last = blocks.pop()
            blocks[-1] = [a + b for a, b in zip(blocks[-1], last, strict=True)]
    table = np.array(blocks)
    return table[:, 0] / table[:, 1], (table[:, 2] + overall) / (table[:, 1] + 1)
