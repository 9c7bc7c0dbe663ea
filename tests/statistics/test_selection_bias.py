"""What being the best of several brings by itself, against worlds in which the truth is known."""

import numpy as np
import pytest

from retention_ml.statistics.arrays import Floats, sigmoid
from retention_ml.statistics.metrics import Predictions, evaluate
from retention_ml.statistics.selection_bias import selection_optimism

MODELS, CUSTOMERS = 6, 400


def _world(seed: int, noise: Floats) -> tuple[Floats, Floats, Floats]:
    """ROC AUC of models, its resamples, and outcomes of models that see truth through noise."""
    draw = np.random.default_rng(seed)
    truth = draw.normal(size=CUSTOMERS)
    outcome = (draw.random(CUSTOMERS) < sigmoid(truth)).astype(float)
    models = {
        str(number): sigmoid(truth + spread * draw.normal(size=CUSTOMERS))
        for number, spread in enumerate(noise)
    }
    evaluation = evaluate(
        Predictions(
            days=np.zeros(CUSTOMERS, dtype=np.int64),
            groups=np.arange(CUSTOMERS),
            outcome=outcome,
            models=models,
        ),
        draws=200,
        seed=seed,
    )
    values = np.array([evaluation.values[name]["roc_auc"].value for name in models])
    draws = np.column_stack([evaluation.draws[name]["roc_auc"] for name in models])
    return values, draws, outcome


def test_the_best_of_equals_is_too_high_by_about_what_resamples_say() -> None:
    """All are equally good, so their mean is what each is worth."""
    excesses, estimates = [], []
    for seed in range(60):
        values, draws, _ = _world(seed, np.full(MODELS, 1.0))
        excesses.append(values.max() - values.mean())
        estimates.append(selection_optimism(values, draws))
    assert np.mean(excesses) > 0.02
    # Resamples scatter about values that differ by chance already: the estimate is cautious.
    assert 0.4 * np.mean(excesses) < np.mean(estimates) < 1.1 * np.mean(excesses)


def test_a_clear_winner_was_not_chosen_by_chance() -> None:
    values, draws, _ = _world(1, np.array([0.1, *[6.0] * (MODELS - 1)]))
    assert selection_optimism(values, draws) < 5e-4
    assert selection_optimism(values[:1], draws[:, :1]) == pytest.approx(0, abs=1e-12)


def test_a_preferred_model_that_is_hard_to_displace_leaves_little_to_chance() -> None:
    values, draws, _ = _world(2, np.full(MODELS, 1.0))
    free = selection_optimism(values, draws)
    margins = np.full(MODELS, 0.05)
    guarded = selection_optimism(values, draws, preferred=0, margins=margins)
    never = selection_optimism(values, draws, preferred=0, margins=np.full(MODELS, 1.0))
    assert never == pytest.approx(0, abs=1e-12)
    assert guarded < 0.6 * free
