"""Resamples of customers, and the intervals they give."""

import numpy as np
import pytest

from retention_ml.statistics import bootstrap
from retention_ml.statistics.bootstrap import (
    batches,
    customer_weights,
    metric_interval,
    row_weights,
)


def test_all_rows_of_a_customer_are_drawn_together() -> None:
    groups = np.array([7, 3, 7, 9, 3, 7])
    weights = customer_weights(groups, draws=50, seed=1)
    assert weights.shape == (50, 6)
    assert (weights[:, [0]] == weights[:, [2, 5]]).all()
    assert (weights[:, 0] + weights[:, 1] + weights[:, 3] == 3).all()


def test_equal_seeds_draw_equal_customers() -> None:
    groups = np.arange(50)
    first, again, other = (customer_weights(groups, 20, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_rows_drawn_in_batches_are_those_drawn_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    [whole] = row_weights(np.random.default_rng(3), 40, 30)
    monkeypatch.setattr(bootstrap, "_CELLS_MAX", 100)
    parts = list(row_weights(np.random.default_rng(3), 40, 30))
    assert [len(part) for part in parts] == [3] * 13 + [1]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    assert (whole.sum(axis=1) == 30).all()


@pytest.mark.parametrize(("draws", "rows"), [(1, 1), (7, 300_000), (3, 5_000_000), (0, 10), (5, 0)])
def test_batches_hold_every_draw_once(draws: int, rows: int) -> None:
    covered = [draw for part in batches(draws, rows) for draw in range(draws)[part]]
    assert covered == list(range(draws))


def test_only_the_calibration_error_of_a_model_is_centred_and_cut_at_zero() -> None:
    draws = np.linspace(0.02, 0.06, 1_001)
    assert metric_interval("brier", 0.01, draws).lower == pytest.approx(0.021)
    assert metric_interval("ece", 0.01, draws).lower == 0
    assert metric_interval("ece", 0.03, draws).lower == pytest.approx(0.011)
    assert metric_interval("ece", 0.01, draws, is_difference=True).lower == pytest.approx(-0.009)
    assert metric_interval("brier", 0.01, draws, is_difference=True).lower == pytest.approx(0.021)
