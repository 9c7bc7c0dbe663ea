"""Against scipy, element by element."""

import numpy as np
from scipy.stats import hypergeom

from retention_ml.recommendations.pairs.hypergeometric import upper_tail


def test_the_tail_is_that_of_scipy() -> None:
    rng = np.random.default_rng(1)
    population = rng.integers(2, 200_000, 3_000)
    first = (population * rng.random(3_000) ** 3).astype(int) + 1
    second = (population * rng.random(3_000) ** 3).astype(int) + 1
    most, mean = np.minimum(first, second), first * (second / population)
    around = mean + rng.normal(size=3_000) * np.sqrt(mean + 1) * 3
    together = np.clip(np.rint(around), 0, most).astype(int)
    expected = hypergeom.sf(together - 1, population, first, second)
    tail = upper_tail(together, population, first, second)
    assert (expected < 1e-6).sum() > 10
    assert (expected > 0.9).sum() > 100
    np.testing.assert_allclose(tail, expected, rtol=1e-7, atol=1e-300)


def test_sets_that_must_overlap_say_nothing_and_impossible_overlaps_do_not_happen() -> None:
    assert upper_tail([6, 5, 0], 10, [8, 4, 3], [8, 9, 3]).tolist() == [1.0, 0.0, 1.0]
    assert upper_tail(2, 3, 5, 5) == 1.0  # fewer baskets than one of the sets has
    assert upper_tail([], [], [], []).tolist() == []
