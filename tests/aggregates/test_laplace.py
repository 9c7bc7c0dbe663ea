"""Noise: its distribution, what an attacker learns from it, and how far counts are off.

OpenDP takes no seed, so bounds are so wide that chance breaks one of them less than once in 10,000
runs; each test says how it comes to its bound.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from retention_ml.aggregates.kinds import CUSTOMER_CELLS_MAX
from retention_ml.aggregates.laplace import half_width, laplace, suppress
from retention_ml.errors import UsageError
from retention_ml.settings import PROJECT

EPSILON, CELL_MIN = 0.2, 10
PAIRS, DRAWS = 1_000, 40
Draw = Callable[[Sequence[int]], list[int]]


def _tiers_mechanism(epsilon: float = EPSILON) -> Draw:
    return laplace(epsilon, customer_cells_max=CUSTOMER_CELLS_MAX).draw


def test_without_the_extra_it_says_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("retention_ml.aggregates.laplace.find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"--require-hashes -r requirements-aggregates\.txt"):
        laplace(EPSILON, customer_cells_max=CUSTOMER_CELLS_MAX)
    lock = (PROJECT / "requirements-aggregates.txt").read_text(encoding="utf-8")
    assert "\nopendp==" in lock


@pytest.mark.parametrize("epsilon", [0.01, 0.1, 0.2, 0.3, 0.7, 1.0, 1.5, 10.0])
def test_opendp_confirms_that_noise_costs_no_more_than_it_is_booked_for(epsilon: float) -> None:
    from opendp.domains import atom_domain, vector_domain
    from opendp.measurements import make_laplace
    from opendp.metrics import l1_distance

    mechanism = laplace(epsilon, customer_cells_max=CUSTOMER_CELLS_MAX)
    space = vector_domain(atom_domain(T="i64")), l1_distance(T="i64")
    cost = make_laplace(*space, scale=mechanism.scale).map(CUSTOMER_CELLS_MAX)
    assert 0.999 * epsilon < cost <= epsilon


def test_noise_has_the_distribution_of_the_two_sided_geometric_law() -> None:
    count = 60_000
    noise = np.array(_tiers_mechanism()([0] * count))
    q = math.exp(-EPSILON)
    for size in range(-25, 26):
        expected = (1 - q) / (1 + q) * q ** abs(size)
        bound = 5 * math.sqrt(expected * (1 - expected) / count)  # 51 × 6e-7
        assert abs((noise == size).mean() - expected) < bound, size
    outside = (np.abs(noise) > half_width(1 / EPSILON)).mean()
    assert outside < 0.05 + 5 * math.sqrt(0.05 * 0.95 / count)


def test_noise_is_drawn_anew_each_time() -> None:
    draw = _tiers_mechanism()
    assert draw([0] * 60) != draw([0] * 60)  # equal by chance: less than 1e-50


def _released(draw: Draw, counts: np.ndarray) -> np.ndarray:
    """Releases of each count, shape (n, DRAWS); -1 where they are suppressed."""
    repeated = np.repeat(counts, DRAWS)
    values = suppress(draw(repeated.tolist()), CELL_MIN)
    return np.array([-1 if value is None else value for value in values]).reshape(-1, DRAWS)


def _advantage(hit: np.ndarray, false: np.ndarray) -> np.ndarray:
    """How far an attacker's hit rate exceeds what epsilon allows, in standard errors.

    Along the last axis are tries; `hit` in shops with the customer, `false` in shops without.
    """
    factor, tries = math.exp(EPSILON), hit.shape[-1]
    h, f = hit.mean(axis=-1), false.mean(axis=-1)
    # The variances of the shares, with a customer more on either side so that none is 0.
    h_smooth, f_smooth = (h * tries + 1) / (tries + 2), (f * tries + 1) / (tries + 2)
    variance = h_smooth * (1 - h_smooth) + factor**2 * f_smooth * (1 - f_smooth)
    return (h - factor * f) / np.sqrt(variance / tries)


def _attack(draw: Draw) -> tuple[float, float]:
    """The best an attacker does on neighbouring shops: over all pairs, and on any one of them.

    Half of the shops have a tier about as large as the bound below which counts are suppressed. The
    attacker knows all other customers of the shop, and asks of a release whether one more is in it,
    by each threshold and by whether the count is suppressed; and the other way round.
    """
    dice = np.random.default_rng(7)
    without = np.where(
        np.arange(PAIRS) % 2, dice.integers(0, 25, PAIRS), dice.integers(25, 500, PAIRS)
    )
    shops = _released(draw, without), _released(draw, without + 1)
    centre = without[:, None]
    pooled, single = [], []
    for first, second in (shops, shops[::-1]):
        events = [
            (a >= centre + k, b >= centre + k) for a, b in [(first, second)] for k in range(-8, 10)
        ]
        events += [(~a, ~b) for a, b in events]
        events += [(first == -1, second == -1)]
        for false, hit in events:
            pooled.append(float(_advantage(hit.ravel(), false.ravel())))
            single.append(float(_advantage(hit, false).max()))
    return max(pooled), max(single)


def test_an_attacker_on_a_thousand_pairs_of_neighbouring_shops_stays_within_epsilon() -> None:
    pooled, single = _attack(_tiers_mechanism())
    # 74 events: 5 standard errors are exceeded by chance in 1 of 40,000 runs. On single pairs 74,000
    # are asked, of 40 tries each, whose tails are a little heavier than those of the normal law.
    assert pooled < 5
    assert single < 6.5


@pytest.mark.parametrize(
    "naive",
    [
        pytest.param(lambda: list, id="no noise"),
        pytest.param(lambda: _tiers_mechanism(2 * EPSILON), id="noise of half the size"),
        pytest.param(
            lambda: (
                lambda counts: [c + d for c, d in zip(counts, [-5, 5] * len(counts), strict=False)]
            ),
            id="always the same noise",
        ),
    ],
)
def test_the_attacker_wins_against_less_noise(naive: Callable[[], Draw]) -> None:
    pooled, _ = _attack(naive())
    assert pooled > 10


def test_the_mean_of_many_draws_is_the_exact_count() -> None:
    """Why a release is drawn once and stored."""
    draws = np.array([_tiers_mechanism()([123, 45])]).mean(axis=0)
    assert draws.shape == (2,)
    many = np.array(_tiers_mechanism()([123] * 40_000)).mean()
    assert round(many) == 123


# Tiers of a shop of 2,000 customers of whom 515 to 705 are active, and ten times that.
@pytest.mark.parametrize(
    ("sizes", "error_max"),
    [((130, 155, 190, 230), 0.03), ((1_300, 1_550, 1_900, 2_300), 0.005)],
)
def test_weekly_tiers_at_an_epsilon_of_one_a_month_are_about_right(
    sizes: tuple[int, ...], error_max: float
) -> None:
    truth = np.tile(sizes, 4_000)
    error = np.abs(np.array(_tiers_mechanism()(truth.tolist())) - truth)
    assert np.median(error / truth) <= error_max
    # Half of all counts are off by at most 3: P(|k| <= 3) = 1 - 2 q^4 / (1 + q) = 0.506, and
    # P(|k| <= 2) = 0.397, 20 standard errors away.
    assert np.median(error) in (3, 4)
    assert (error <= 2).mean() < 0.45


def test_no_count_below_the_bound_is_published() -> None:
    values = suppress(_tiers_mechanism()(list(range(30)) * 200), CELL_MIN)
    published = [value for value in values if value is not None]
    assert min(published) == CELL_MIN
    assert 0 < len(published) < len(values)
