"""Metrics against scikit-learn 1.9, an independent implementation."""

import numpy as np
import pytest
from sklearn.metrics import (
    average_precision_score,
    brier_score_loss,
    log_loss,
    roc_auc_score,
)

from retention_ml.statistics.metrics import score


@pytest.mark.parametrize("digits", [1, 2, 9])
@pytest.mark.parametrize("weighted", [False, True])
def test_scores_equal_those_of_scikit_learn(digits: int, weighted: bool) -> None:
    draw = np.random.default_rng(digits)
    # Rounding makes ties: many at one digit, none at nine.
    probability = np.clip(np.round(draw.beta(2, 3, 700), digits), 0.001, 0.999)
    outcome = (draw.random(700) < probability).astype(float)
    weights = draw.integers(0, 4, 700).astype(float) if weighted else np.ones(700)
    metrics = score(probability, outcome, weights[None, :])
    options = {"sample_weight": weights}
    expected = {
        "roc_auc": roc_auc_score(outcome, probability, **options),
        "pr_auc": average_precision_score(outcome, probability, **options),
        "pr_auc_retained": average_precision_score(1 - outcome, 1 - probability, **options),
        "log_loss": log_loss(outcome, probability, **options),
        "brier": brier_score_loss(outcome, probability, **options),
    }
    for name, value in expected.items():
        assert metrics[name][0] == pytest.approx(value, abs=1e-12), name
