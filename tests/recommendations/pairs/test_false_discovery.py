"""Against scipy, and what the rate promises."""

import numpy as np
from scipy.stats import false_discovery_control

from retention_ml.recommendations.pairs.false_discovery import q_values


def test_the_values_are_those_of_scipy() -> None:
    p_values = np.random.default_rng(2).random(500) ** 4
    np.testing.assert_allclose(q_values(p_values), false_discovery_control(p_values), rtol=1e-12)


def test_tests_that_showed_nothing_count() -> None:
    shown = np.array([1e-6, 2e-5, 0.01])
    everything = np.concatenate([shown, np.ones(997)])
    expected = false_discovery_control(everything)[:3]
    np.testing.assert_allclose(q_values(shown, tests_count=1_000), expected, rtol=1e-12)


def test_of_the_discoveries_no_more_than_the_rate_are_false() -> None:
    rng = np.random.default_rng(3)
    shares = []
    for _ in range(200):
        is_effect = np.arange(400) < 40
        p_values = np.where(is_effect, rng.random(400) * 1e-4, rng.random(400))
        discovered = q_values(p_values) <= 0.1
        shares.append((discovered & ~is_effect).sum() / max(1, discovered.sum()))
    assert 0.05 < np.mean(shares) <= 0.1
