"""The sequential test errs as seldom as promised, however often one looks, and does decide."""

from functools import cache
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import sequential as worlds
from benchmarks.sequential import ERROR_RATE, Trial, World, trial
from retention_ml.statistics.arrays import Floats
from retention_ml.statistics.sequential import BETS, bounds_of, differences_of, log_mixture, looks

STREAMS = 1000
MARGIN = 3 * np.sqrt(ERROR_RATE * (1 - ERROR_RATE) / STREAMS)
"""Three standard deviations of a share of 5 % among 1,000 streams: 2.1 percentage points."""


@cache
def trials(world: World, streams: int = STREAMS) -> list[Trial]:
    """Streams of 40 daily looks, 100 customers each."""
    return [trial(world, seed=seed, day_count=40, customers_per_day=100) for seed in range(streams)]


def share_won(world: World, streams: int = STREAMS) -> float:
    return float(np.mean([t.won_on is not None for t in trials(world, streams)]))


def test_a_deliberately_worse_challenger_never_wins_in_200_streams() -> None:
    assert share_won(worlds.worse, 200) == 0
    assert np.mean([t.is_lost for t in trials(worlds.worse, 200)]) > 0.8


def test_an_equally_good_challenger_wins_no_more_often_than_the_error_rate() -> None:
    assert share_won(worlds.equally_good) <= ERROR_RATE + MARGIN
    found_worse = np.mean([t.is_lost for t in trials(worlds.equally_good)])
    assert found_worse <= ERROR_RATE + MARGIN


def test_seasons_in_which_it_is_better_do_not_let_an_equally_good_challenger_win() -> None:
    assert share_won(worlds.equally_good_by_season) <= ERROR_RATE + MARGIN


def test_a_fixed_sample_test_looked_at_daily_is_caught_on_the_same_streams() -> None:
    # The negative control: one-sided z-test at 5 %.
    naive = np.mean([(t.z > 1.645).any() for t in trials(worlds.equally_good)])
    assert naive > 3 * (ERROR_RATE + MARGIN)


def test_an_identical_challenger_never_wins_and_is_never_found_worse() -> None:
    for t in trials(worlds.identical, 5):
        assert all(look.e_better == look.e_worse == pytest.approx(1) for look in t.looks)
        assert all(look.lower <= 0 <= look.upper and look.mean == 0 for look in t.looks)


@pytest.mark.parametrize(
    "world", [worlds.equally_good, worlds.equally_good_by_season, worlds.worse]
)
def test_each_end_of_the_interval_holds_at_all_looks_together(world: World) -> None:
    streams = 200 if world is worlds.worse else STREAMS
    margin = 3 * np.sqrt(ERROR_RATE * (1 - ERROR_RATE) / streams)
    lower = np.array([[look.lower for look in t.looks] for t in trials(world, streams)])
    upper = np.array([[look.upper for look in t.looks] for t in trials(world, streams)])
    expected = np.array([t.expected for t in trials(world, streams)])
    assert (expected < lower).any(axis=1).mean() <= ERROR_RATE + margin
    assert (expected > upper).any(axis=1).mean() <= ERROR_RATE + margin


def test_a_better_challenger_wins_as_often_and_as_soon_as_forecast() -> None:
    plan = worlds.plan(worlds.better, day_count=40, customers_per_day=100)
    won_on = np.array([t.won_on or 10**6 for t in trials(worlds.better, 400)])
    share = (won_on < 10**6).mean()
    assert plan.power > 0.9
    assert share >= plan.power - 3 * np.sqrt(plan.power * (1 - plan.power) / 400)
    assert plan.days_expected is not None
    assert plan.days_most is not None
    # Half of the streams, and nine in ten, within three standard deviations of those shares.
    assert (won_on <= plan.days_expected).mean() >= 0.5 - 3 * np.sqrt(0.25 / 400)
    assert (won_on <= plan.days_most).mean() >= 0.9 - 3 * np.sqrt(0.09 / 400)


def test_an_e_value_beyond_the_threshold_and_an_interval_beyond_zero_are_the_same() -> None:
    combinations = set()
    for world in (worlds.better, worlds.worse):
        for look in (look for t in trials(world, 200) for look in t.looks):
            won, lost = look.e_better >= 1 / ERROR_RATE, look.e_worse >= 1 / ERROR_RATE
            assert (look.lower >= 0, look.upper <= 0) == (won, lost)
            assert look.lower <= look.mean <= look.upper
            combinations.add((won, lost))
    assert combinations == {(True, False), (False, True), (False, False)}


def test_no_bettor_gains_on_average_over_all_outcomes_of_a_fair_game() -> None:
    # All 4,096 outcomes of twelve customers for whom neither outcome is likelier: the mean
    # e-value must be 1, not about 1.
    champion = np.linspace(0.3, 0.6, 12)
    challenger = 1 - champion
    e_values = [
        look.e_better
        for outcome in product((0.0, 1.0), repeat=12)
        for look in looks(
            differences_of(champion, challenger, np.array(outcome)),
            np.array([12]),
            error_rate=0.05,
            bounds=bounds_of(champion, challenger),
        )
    ]
    assert np.mean(e_values) == pytest.approx(1, abs=1e-12)


def test_it_is_never_worth_less_than_the_empirical_bernstein_process() -> None:
    # Howard et al. (2021), Theorem 4 with the centre 0: exp(λ S − ψ(λ) V), ψ(λ) = −log(1 − λ) − λ.
    bets = BETS[BETS < 1]
    counts = 100 * np.arange(1, 41)
    for seed in range(20):
        champion, challenger, true = worlds.better(np.random.default_rng(seed), np.zeros(4000, int))
        churned = (np.random.default_rng(seed).random(4000) < true).astype(float)
        differences = differences_of(champion, challenger, churned)
        sums = np.cumsum(differences)[counts - 1, None]
        squares = np.cumsum(differences**2)[counts - 1, None]
        bernstein = log_mixture(bets * sums - (-np.log1p(-bets) - bets) * squares, bets)
        e_values = [look.e_better for look in looks(differences, counts, error_rate=0.05)]
        assert (np.log(e_values) >= bernstein - 1e-9).all()


def test_known_bounds_let_a_better_challenger_win_sooner() -> None:
    champion, challenger, true = worlds.better(np.random.default_rng(5), np.zeros(4000, int))
    churned = (np.random.default_rng(6).random(4000) < true).astype(float)
    differences, last = differences_of(champion, challenger, churned), np.array([4000])
    bounds = bounds_of(champion, challenger)
    assert (np.abs(differences) <= bounds).all()
    [without] = looks(differences, last, error_rate=0.05)
    [with_them] = looks(differences, last, error_rate=0.05, bounds=bounds)
    assert with_them.e_better > 2 * without.e_better


def test_a_bettor_leaves_before_a_customer_who_could_cost_them_all() -> None:
    # Staying on after seeing the good outcome would gain from hindsight.
    differences = np.append(np.full(500, 0.05), 1.0)
    bounds = np.append(np.full(500, 0.05), 1.0)
    before, after = looks(differences, np.array([500, 501]), error_rate=0.05, bounds=bounds)
    assert after.e_better < before.e_better


differences_strategy = st.lists(st.floats(-1, 1), min_size=1, max_size=60).map(np.array)


@given(differences_strategy, st.integers(0, 2**32))
def test_what_comes_later_and_the_order_between_two_looks_change_nothing(
    differences: Floats, seed: int
) -> None:
    n = len(differences)
    half = n // 2
    rng = np.random.default_rng(seed)
    shuffled = np.concatenate(
        [rng.permutation(differences[:half]), rng.permutation(differences[half:])]
    )
    early = looks(differences[:half], np.array([0, half]), error_rate=0.05)
    whole = looks(differences, np.array([0, half, n]), error_rate=0.05)
    other = looks(shuffled, np.array([0, half, n]), error_rate=0.05)
    assert early == whole[:2]
    for a, b in zip(whole, other, strict=True):
        assert (a.count, a.mean) == (b.count, pytest.approx(b.mean))
        assert (a.lower, a.upper) == pytest.approx((b.lower, b.upper), abs=1e-9)
        assert (a.e_better, a.e_worse) == pytest.approx((b.e_better, b.e_worse))


@given(differences_strategy)
def test_exchanging_the_models_exchanges_the_answers(differences: Floats) -> None:
    [one] = looks(differences, np.array([len(differences)]), error_rate=0.1)
    [other] = looks(-differences, np.array([len(differences)]), error_rate=0.1)
    assert (one.e_better, one.e_worse) == (other.e_worse, other.e_better)
    assert (one.lower, one.upper, one.mean) == (-other.upper, -other.lower, -other.mean)
    assert -1 <= one.lower <= one.mean <= one.upper <= 1


def test_before_the_first_customer_nothing_is_known() -> None:
    [look] = looks(np.array([]), np.array([0]), error_rate=0.05)
    assert (look.count, look.mean, look.lower, look.upper) == (0, 0, -1, 1)
    assert (look.e_better, look.e_worse) == (1, 1)
    assert looks(np.array([0.5]), np.array([], int), error_rate=0.05) == []


def test_overwhelming_evidence_stays_a_finite_number() -> None:
    [look] = looks(np.full(300_000, 0.9), np.array([300_000]), error_rate=0.05)
    assert np.isfinite(look.e_better)
    assert look.e_better > 1e300
    assert look.e_worse == 0
    assert 0.89 < look.lower < 0.9 < look.upper < 0.91


@pytest.mark.parametrize(
    ("differences", "counts", "error_rate", "bounds", "words"),
    [
        ([0.1, np.nan], [2], 0.05, None, "1 of 2 differences are missing"),
        ([0.1, 1.1], [2], 0.05, None, "1 of 2 differences are missing or beyond"),
        ([0.1, 0.3], [2], 0.05, [0.2, 0.2], "beyond their bound"),
        ([0.1, 0.3], [2], 0.05, [0.2, np.nan], "beyond their bound"),
        ([0.1, 0.3], [2], 0.05, [0.5], "2 differences and 1 bounds"),
        ([0.1, 0.3], [3], 0.05, None, "the 2 there are"),
        ([0.1, 0.3], [2, 1], 0.05, None, "do not fall"),
        ([0.1, 0.3], [2], 0.0, None, "error rate is 0.0"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    differences: list[float],
    counts: list[int],
    error_rate: float,
    bounds: list[float] | None,
    words: str,
) -> None:
    with pytest.raises(ValueError, match=words):
        looks(
            np.array(differences),
            np.array(counts),
            error_rate=error_rate,
            bounds=None if bounds is None else np.array(bounds),
        )
