"""What offers by a ranking earn: worked by hand, ties, budget, pairing."""

from dataclasses import replace

import numpy as np
import pytest

from retention_ml.statistics.arrays import sigmoid
from retention_ml.statistics.metrics import Predictions
from retention_ml.statistics.profit import (
    PROFIT,
    Offer,
    earned_per_thousand,
    expected_gain_cents,
    profits,
)

OFFER = Offer(cost_cents=500, save_rate=0.1, margin_share=0.5, budget_share=0.5, minor_units=100)


def test_the_customers_most_worth_an_offer_are_reached_and_what_happened_counts() -> None:
    probability = np.array([0.9, 0.8, 0.7, 0.6])
    revenue = np.array([20_000.0, 400_000.0, 300_000.0, 20_000.0])
    outcome = np.array([1.0, 1.0, 0.0, 1.0])
    gain = expected_gain_cents(probability, revenue, OFFER)
    assert gain.tolist() == pytest.approx([400, 15_500, 10_000, 100])
    # Half of four are reached, the second and the third: the second left, worth 0.1 x 0.5 x 4,000.
    earned = (0.1 * 0.5 * 4_000 - 5) + (0 - 5)
    earned_amounts = earned_per_thousand(probability, outcome, revenue_cents=revenue, offer=OFFER)
    assert earned_amounts.tolist() == pytest.approx([earned / 4 * 1_000])


@pytest.mark.parametrize("minor_units", [1, 1_000])
def test_profit_is_in_units_of_money_whatever_its_minor_units(minor_units: int) -> None:
    probability, outcome = np.array([0.9, 0.8, 0.7]), np.array([1.0, 1.0, 0.0])
    revenue = np.array([200.0, 4_000.0, 3_000.0])
    offer = replace(OFFER, cost_cents=5 * minor_units, minor_units=minor_units)
    earned = earned_per_thousand(
        probability, outcome, revenue_cents=minor_units * revenue, offer=offer
    )
    in_cents = earned_per_thousand(probability, outcome, revenue_cents=100 * revenue, offer=OFFER)
    assert earned == pytest.approx(in_cents)


def test_nobody_is_reached_at_an_expected_loss() -> None:
    probability, outcome = np.full(10, 0.01), np.ones(10)
    assert earned_per_thousand(
        probability, outcome, revenue_cents=np.full(10, 1_000.0), offer=OFFER
    ).tolist() == [0.0]
    unknown = np.array([np.nan, -5.0, np.inf, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0])
    assert earned_per_thousand(
        np.full(10, 0.9), outcome, revenue_cents=unknown, offer=OFFER
    ).tolist() == [0.0]


def test_equal_customers_share_what_is_left_of_the_budget_whatever_their_order() -> None:
    probability, revenue = np.full(6, 0.5), np.full(6, 100_000.0)
    outcome = np.array([1.0, 0, 0, 1, 0, 0])
    earned_amounts = earned_per_thousand(probability, outcome, revenue_cents=revenue, offer=OFFER)
    back = earned_per_thousand(probability, outcome[::-1], revenue_cents=revenue, offer=OFFER)
    assert earned_amounts.tolist() == pytest.approx(back.tolist())
    # Three of six, a third of whom left: 0.1 x 0.5 x 1,000 each.
    assert earned_amounts.tolist() == pytest.approx([(1 * 50 - 3 * 5) / 6 * 1_000])


def test_weights_count_customers_as_often_as_they_are_drawn() -> None:
    draw = np.random.default_rng(1)
    probability, revenue = draw.random(50), draw.gamma(2, 50_000, 50)
    outcome = (draw.random(50) < probability).astype(float)
    weights = draw.integers(0, 3, (4, 50)).astype(float)
    earned_amounts = earned_per_thousand(
        probability, outcome, weights, revenue_cents=revenue, offer=OFFER
    )
    for row, weight in zip(earned_amounts, weights, strict=True):
        times = np.repeat(np.arange(50), weight.astype(int))
        repeated = earned_per_thousand(
            probability[times], outcome[times], revenue_cents=revenue[times], offer=OFFER
        )
        assert row == pytest.approx(repeated[0])


def test_the_better_ranking_earns_more_and_the_difference_is_paired() -> None:
    draw = np.random.default_rng(1)
    count = 4_000
    signal = 2.0 * draw.normal(size=count)
    world = Predictions(
        days=np.repeat([1, 2], count // 2),
        groups=np.tile(np.arange(count // 2), 2),
        outcome=(draw.random(count) < sigmoid(signal)).astype(float),
        models={
            "sharp": sigmoid(signal),
            "blunt": sigmoid(0.3 * signal + draw.normal(size=count)),
            "copy": sigmoid(signal),
        },
    )
    offer = Offer(
        cost_cents=500, save_rate=0.1, margin_share=0.3, budget_share=0.1, minor_units=100
    )
    evaluation = profits(world, np.full(count, 60_000.0), offer, draws=200, seed=1)
    assert evaluation.difference("sharp", "blunt", PROFIT).lower > 0
    tie = evaluation.difference("sharp", "copy", PROFIT)
    assert (tie.value, tie.lower, tie.upper) == (0, 0, 0)
