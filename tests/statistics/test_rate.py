"""RATE: against all orders of ties by brute force, resamples, and effects that are known."""

from itertools import pairwise, permutations

import numpy as np
import pytest

from retention_ml.statistics.arrays import Floats
from retention_ml.statistics.rate import (
    Estimate,
    contact_weights,
    effect_scores,
    gain_curve,
    mean_effect,
    pooled,
    profit,
    qini_difference,
    rate,
)


def _naive(scores: Floats, priority: Floats) -> tuple[float, float]:
    """QINI and AUTOC of the definition, averaged over every order of the rows that ties allow."""
    n, figures = len(scores), []
    for order in permutations(range(n)):
        if all(priority[a] >= priority[b] for a, b in pairwise(order)):
            sums, first = np.cumsum(scores[list(order)]), np.arange(1, n + 1)
            gains = (sums - first * scores.mean()) / n
            figures.append((gains.mean(), (sums / first - scores.mean()).mean()))
    return tuple(np.mean(figures, axis=0))


def _world(rows: int, seed: int) -> tuple[Floats, Floats]:
    rng = np.random.default_rng(seed)
    trait = rng.normal(size=rows)
    return 1 + 0.3 * trait + 2 * rng.normal(size=rows), np.round(trait, 1)


def test_qini_and_autoc_are_those_of_the_definition_with_ties_in_random_order() -> None:
    rng = np.random.default_rng(3)
    for ties in (1, 2, 3, 6):
        scores, priority = rng.normal(size=6), rng.integers(0, ties, 6).astype(float)
        ranking = rate(scores, priority)
        assert (ranking.qini.value, ranking.autoc.value) == pytest.approx(
            _naive(scores, priority), abs=1e-12
        )


@pytest.mark.parametrize("seed", range(10))
def test_no_order_of_rows_changes_a_figure(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores, priority = rng.normal(size=60) * 100, rng.integers(0, 9, 60).astype(float)
    order = rng.permutation(60)
    before, after = rate(scores, priority), rate(scores[order], priority[order])
    assert after.qini == pytest.approx(before.qini, abs=1e-9)
    assert after.autoc == pytest.approx(before.autoc, abs=1e-9)
    for share in (1.0, 0.3):
        terms = {"value": 2.0, "cost": 3.0, "share": share}
        assert profit(scores[order], priority[order], **terms).profit == pytest.approx(
            profit(scores, priority, **terms).profit, abs=1e-9
        )
    shares = np.linspace(0, 1, 11)
    assert gain_curve(scores[order], priority[order], shares) == pytest.approx(
        gain_curve(scores, priority, shares), abs=1e-9
    )


@pytest.mark.parametrize("seed", range(10))
def test_the_reverse_of_a_ranking_has_the_negative_qini(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores, priority = rng.normal(size=50), rng.integers(0, 12, 50).astype(float)
    ranking, reverse = rate(scores, priority).qini, rate(scores, -priority).qini
    assert reverse.value == pytest.approx(-ranking.value, abs=1e-12)
    assert reverse.error == pytest.approx(ranking.error, abs=1e-12)


def test_a_constant_priority_is_a_draw_by_lot() -> None:
    scores, _ = _world(500, 1)
    ranking = rate(scores, np.zeros(500))
    assert ranking.qini.value == pytest.approx(0, abs=1e-12)
    assert ranking.autoc.value == pytest.approx(0, abs=1e-12)
    assert ranking.qini.error < 1e-12


def test_the_errors_are_those_of_resamples() -> None:
    scores, priority = _world(900, 5)
    ranking, rng = rate(scores, priority), np.random.default_rng(6)
    drawn = [rate(scores[rows], priority[rows]) for rows in rng.integers(0, 900, (600, 900))]
    assert ranking.qini.error == pytest.approx(np.std([d.qini.value for d in drawn]), rel=0.12)
    assert ranking.autoc.error == pytest.approx(np.std([d.autoc.value for d in drawn]), rel=0.12)


def test_ninety_five_of_a_hundred_intervals_hold_the_truth() -> None:
    truth = rate(*_world(1_000_000, 7)).qini.value
    rankings = [rate(*_world(600, seed)).qini for seed in range(400)]
    coverage = np.mean([each.lower < truth < each.upper for each in rankings])
    assert 0.92 <= coverage <= 0.98


def test_rows_of_one_customer_are_not_independent() -> None:
    scores, priority = _world(400, 8)
    once = rate(scores, priority)
    groups = np.repeat(np.arange(400), 3)
    thrice = rate(np.repeat(scores, 3), np.repeat(priority, 3), groups)
    assert thrice.qini.error == pytest.approx(once.qini.error, rel=0.01)
    naive = rate(np.repeat(scores, 3), np.repeat(priority, 3))
    assert naive.qini.error < 0.6 * once.qini.error


def test_scores_average_to_the_effect_whatever_the_forecasts_and_propensities() -> None:
    rng = np.random.default_rng(9)
    rows = 200_000
    trait = rng.random(rows)
    propensity = 0.1 + 0.8 * trait  # who is better is contacted more often
    treated = rng.random(rows) < propensity
    outcome = 3 * trait + 0.5 * treated + rng.normal(size=rows)
    poor, good = np.zeros(rows), 3 * trait
    for if_treated, if_control in ((poor, poor), (good + 0.5, good)):
        average = mean_effect(effect_scores(outcome, treated, propensity, if_treated, if_control))
        assert average.lower < 0.5 < average.upper
    share = np.full(rows, treated.mean())
    wrong = mean_effect(effect_scores(outcome, treated, share, poor, poor))
    assert wrong.lower > 1.0, "with propensities that were not logged the test above proves nothing"


def test_a_paired_difference_is_narrower_than_two_intervals() -> None:
    scores, priority = _world(2_000, 10)
    other = priority + 0.1 * np.random.default_rng(1).normal(size=2_000)
    difference = qini_difference(scores, priority, other)
    assert difference.error < 0.5 * rate(scores, priority).qini.error
    assert qini_difference(scores, priority, priority).value == 0


def test_the_gain_of_everybody_is_the_mean_effect() -> None:
    scores, priority = _world(300, 11)
    gains = gain_curve(scores, priority, np.array([0.0, 0.5, 1.0]))
    assert gains[0] == 0
    assert gains[2] == pytest.approx(scores.mean())


def test_a_contact_pays_where_its_effect_is_worth_more_than_it_costs() -> None:
    scores = np.array([0.5, 0.2, 0.0, -0.1])
    effect = np.array([0.4, 0.11, 0.1, -0.2])
    everybody = profit(scores, effect, value=10.0, cost=1.0)
    assert everybody.contacted_share == 0.5  # an effect worth just the cost does not pay
    assert everybody.profit.value == pytest.approx((4.0 + 1.0) / 4)
    first = profit(scores, effect, value=10.0, cost=1.0, share=0.25)
    assert (first.contacted_share, first.profit.value) == (0.25, pytest.approx(1.0))
    nobody = profit(scores, effect, value=1.0, cost=1.0)
    assert (nobody.contacted_share, nobody.profit.value, nobody.profit.error) == (0, 0, 0)


def test_a_budget_is_never_exceeded_and_never_spent_at_a_loss() -> None:
    net = np.array([3.0, 2.0, 2.0, 2.0, -1.0])
    assert contact_weights(net, 0.4).sum() == pytest.approx(2.0)
    assert contact_weights(net, 1.0).tolist() == [1, 1, 1, 1, 0]


def test_pooling_counts_every_row_once() -> None:
    assert pooled([Estimate(1.0, 0.0), Estimate(4.0, 0.0)], [2, 1]).value == pytest.approx(2.0)
