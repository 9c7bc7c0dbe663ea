"""The calibration slope against known effects, and the prior it is averaged with."""

import numpy as np
import pytest

from retention_ml.models.uplift.shrinkage import (
    SlopePrior,
    believed_slope,
    calibration_slope,
    shrink,
)
from retention_ml.statistics.rate import Estimate


def test_the_slope_is_the_share_of_the_promise_that_came_true() -> None:
    rng = np.random.default_rng(1)
    promised = rng.normal(size=20_000)
    scores = 5 + 0.4 * promised + rng.normal(size=20_000)
    slope = calibration_slope(scores, promised, np.zeros(20_000, dtype=np.int64))
    assert slope.lower < 0.4 < slope.upper
    assert slope.error == pytest.approx(1 / np.sqrt(20_000), rel=0.05)


def test_differences_between_the_models_of_two_parts_do_not_count() -> None:
    rng = np.random.default_rng(2)
    parts = np.repeat([0, 1], 500)
    promised = rng.normal(size=1_000)
    scores = promised + 0.1 * rng.normal(size=1_000)
    one = calibration_slope(scores, promised, parts)
    moved = calibration_slope(scores, promised + 100.0 * parts, parts)
    assert moved == pytest.approx(one, rel=1e-6)


def test_rows_of_one_customer_do_not_make_the_slope_more_certain() -> None:
    rng = np.random.default_rng(3)
    promised, noise = rng.normal(size=300), rng.normal(size=300)
    parts = np.zeros(300, dtype=np.int64)
    once = calibration_slope(promised + noise, promised, parts)
    twice = calibration_slope(
        np.repeat(promised + noise, 2),
        np.repeat(promised, 2),
        np.zeros(600, dtype=np.int64),
        np.repeat(np.arange(300), 2),
    )
    assert twice == pytest.approx(once)


def test_a_model_that_promises_everybody_the_same_has_no_slope() -> None:
    slope = calibration_slope(np.arange(9.0), np.full(9, 0.1), np.zeros(9, dtype=np.int64))
    assert not np.isfinite(slope.error)
    assert believed_slope(slope, SlopePrior()) == 0.5


@pytest.mark.parametrize(
    ("measured", "believed"),
    [
        (Estimate(0.0, 0.25), 0.25),  # as firm as the prior: half-way
        (Estimate(0.9, 0.01), 0.9),
        (Estimate(1.7, 0.01), 1.0),
        (Estimate(-0.8, 0.01), 0.0),
        (Estimate(9.0, 100.0), 0.5),
    ],
)
def test_slope_and_prior_are_averaged_by_precision_within_0_and_1(
    measured: Estimate, believed: float
) -> None:
    assert believed_slope(measured, SlopePrior()) == pytest.approx(believed, abs=0.005)


def test_what_is_not_believed_is_the_average_effect() -> None:
    promised = np.array([0.0, 0.2, 0.4])
    terms = {"centre": 0.2, "average_effect": 0.05}
    assert shrink(promised, slope=0.0, **terms) == pytest.approx([0.05] * 3)
    assert shrink(promised, slope=0.5, **terms) == pytest.approx([-0.05, 0.05, 0.15])
