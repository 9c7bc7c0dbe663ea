"""Probabilities are probabilities: how often an action is best, never below its floor."""

from dataclasses import replace
from statistics import NormalDist

import numpy as np
import pytest

from retention_ml.models.bandit.posterior import design_of
from retention_ml.models.bandit.propensities import (
    best_shares,
    drawn_actions,
    floors_of,
    with_floors,
)
from tests.models.bandit.shops import ARMS, customers


def test_the_share_is_the_probability_that_an_action_brings_the_most() -> None:
    shop = replace(customers(1, 3), stages=np.zeros(3, dtype=np.int64))
    base = design_of(shop, 2).columns(shop.features, shop.stages)
    draws = np.zeros((20_000, 2, base.shape[1]))
    draws[:, 0, 0] = np.random.default_rng(1).normal(0.03, 0.05, 20_000)  # mail's mean effect
    allowed = np.array([[True, True, True], [True, False, True], [True, True, True]])
    shares = best_shares(ARMS, shop, base, draws, allowed)
    # Mail pays where effect x 1,000 > 2 cents; the coupon never does.
    expected = 1 - NormalDist(0.03, 0.05).cdf(0.002)
    assert shares[0] == pytest.approx([1 - expected, expected, 0], abs=0.01)
    assert shares[1].tolist() == [1, 0, 0]
    assert shares.sum(axis=1).tolist() == [1, 1, 1]


def test_a_floor_costs_no_more_than_is_allowed_and_is_never_below_the_least() -> None:
    arms = replace(ARMS, floors=np.array([0.0, 0.05, 0.05]))
    gains = np.array([[0.0, 10.0, -90.0]])  # the coupon would lose 100 cents against mail
    allowed = np.ones((1, 3), dtype=np.bool_)
    floors = floors_of(arms, gains, allowed, floor=0.01, floor_cost_cents=2.0)
    assert floors.tolist() == [[0.01, 0.05, pytest.approx(0.02)]]
    dear = floors_of(arms, gains, allowed, floor=0.01, floor_cost_cents=0.2)
    assert dear[0, 2] == 0.01
    forbidden = floors_of(arms, gains, np.array([[True, True, False]]), floor=0.01,
                          floor_cost_cents=2.0)  # fmt: skip
    assert forbidden[0, 2] == 0


def test_wishes_that_exceed_a_half_leave_every_action_its_least() -> None:
    arms = replace(ARMS, floors=np.array([0.0, 0.9, 0.3]))
    floors = floors_of(
        arms, np.zeros((1, 3)), np.ones((1, 3), dtype=np.bool_), floor=0.01, floor_cost_cents=2.0
    )
    assert floors.sum() == pytest.approx(0.5)
    assert floors[0, 0] == 0.01
    assert floors[0, 1] - 0.01 == pytest.approx((floors[0, 2] - 0.01) * 0.89 / 0.29)
    many = floors_of(
        arms, np.zeros((1, 3)), np.ones((1, 3), dtype=np.bool_), floor=0.2, floor_cost_cents=0.0
    )
    assert many[0].tolist() == pytest.approx([1 / 6] * 3)


def test_rows_sum_to_one_and_keep_their_floors() -> None:
    rng = np.random.default_rng(1)
    for size in range(2, 7):
        shares = rng.random((200, size)) * (rng.random((200, size)) > 0.3) + 1e-3
        shares /= shares.sum(axis=1, keepdims=True)
        floors = rng.random((200, size)) * (rng.random((200, size)) > 0.3)
        floors *= 0.5 / np.maximum(floors.sum(axis=1, keepdims=True), 0.5)
        propensities = with_floors(shares, floors)
        assert propensities.sum(axis=1) == pytest.approx(np.ones(200), abs=1e-12)
        assert (propensities >= floors - 1e-12).all()
        drawn = drawn_actions(propensities, rng.random(200))
        assert (propensities[np.arange(200), drawn] > 0).all()


def test_actions_are_drawn_as_often_as_their_propensity_says() -> None:
    propensities = np.tile([0.2, 0.0, 0.7, 0.1, 0.0], (50_000, 1))
    drawn = drawn_actions(propensities, np.random.default_rng(1).random(50_000))
    shares = np.bincount(drawn, minlength=5) / 50_000
    assert shares == pytest.approx([0.2, 0, 0.7, 0.1, 0], abs=0.007)
    assert drawn_actions(propensities[:1], np.array([np.nextafter(1, 0)])).tolist() == [3]
