"""Ratios of sums in two arms: delta method and covariate, against means, OLS and resampling."""

import math

import numpy as np
import pytest
from scipy import stats

from retention_ml.statistics.contrast import ratio_contrast


def _world(n: int = 6_000, seed: int = 0) -> tuple[np.ndarray, ...]:
    random = np.random.default_rng(seed)
    is_treated = random.random(n) < 0.3
    taste = random.gamma(2, 0.5, n)
    before = (taste * random.gamma(4, 5, n), 1 + random.poisson(taste))
    contacts = 1 + random.poisson(0.5, n)
    margin = taste * contacts * random.gamma(4, 5, n) * np.where(is_treated, 1.1, 1.0)
    return margin, contacts.astype(float), is_treated, before[0], before[1].astype(float)


def test_a_denominator_of_ones_is_welch() -> None:
    margin, _, is_treated, *_ = _world()
    result = ratio_contrast(margin, np.ones(len(margin)), is_treated)
    expected = stats.ttest_ind(margin[is_treated], margin[~is_treated], equal_var=False)
    assert result.effect / result.standard_error == pytest.approx(expected.statistic, rel=1e-9)


def test_the_spread_of_a_ratio_is_that_of_resampled_ones() -> None:
    margin, contacts, is_treated, *_ = _world()
    result = ratio_contrast(margin, contacts, is_treated)
    assert result.control == pytest.approx(
        margin[~is_treated].sum() / contacts[~is_treated].sum(), rel=1e-12
    )
    random = np.random.default_rng(1)
    draws = []
    for _ in range(400):
        rows = random.integers(0, len(margin), len(margin))
        draws.append(ratio_contrast(margin[rows], contacts[rows], is_treated[rows]).effect)
    assert result.standard_error == pytest.approx(np.std(draws), rel=0.12)


def test_a_covariate_from_before_narrows_and_does_not_move() -> None:
    margin, contacts, is_treated, before, orders = _world()
    plain = ratio_contrast(margin, contacts, is_treated)
    adjusted = ratio_contrast(margin, contacts, is_treated, covariate=(before, orders))
    assert adjusted.standard_error < plain.standard_error
    assert abs(adjusted.effect - plain.effect) < 2 * plain.standard_error
    constant = ratio_contrast(
        margin, contacts, is_treated, covariate=(np.ones(len(margin)), np.ones(len(margin)))
    )
    assert constant.effect == pytest.approx(plain.effect, rel=1e-12)


def test_an_arm_without_customers_is_refused() -> None:
    ones = np.ones(4)
    with pytest.raises(ValueError, match="expected two or more"):
        ratio_contrast(ones, ones, np.array([True, True, True, False]))
    with pytest.raises(ValueError, match="more than 0"):
        ratio_contrast(ones, 0 * ones, np.array([True, True, False, False]))
    assert math.isfinite(ratio_contrast(ones, ones, np.array([True, True, False, False])).effect)
