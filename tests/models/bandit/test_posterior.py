"""Effects are found, also where the forecast is wrong or the log adapts."""

from dataclasses import replace

import numpy as np
import pytest

from retention_ml.models.bandit.posterior import Posterior, design_of, prior, updated
from tests.models.bandit.shops import closed, customers, effects, lot


def _error(posterior: Posterior) -> float:
    shop = customers(99, 2000)
    mean, _ = posterior.effects(3)
    estimated = design_of(customers(1, 8000), 2).columns(shop.features, shop.stages) @ mean.T
    return float(np.abs(estimated[:, 0] - effects(shop)[:, 1]).mean())


@pytest.mark.parametrize("bias", [0.0, 0.2])
def test_the_effect_is_found_whatever_the_error_of_the_forecast(bias: float) -> None:
    shop = customers(1, 30_000)
    design = design_of(customers(1, 8000), 2)
    decisions = closed(shop, lot(shop), seed=2, bias=bias)
    posterior = updated(prior(3, design, 0.05), design, decisions)
    assert _error(posterior) < 0.02


def test_propensities_that_follow_the_forecasts_error_do_not_bias_the_effect() -> None:
    # Mail mostly where the forecast is too low: without centring the mail would seem to help.
    shop = customers(1, 40_000)
    design = design_of(customers(1, 8000), 2)
    error = np.where(np.sin(40 * shop.order_probabilities) > 0, 0.2, -0.1)
    mail = np.where(error > 0, 0.9, 0.1)
    propensities = np.column_stack([1 - mail - 0.05, mail, np.full(len(mail), 0.05)])
    rng = np.random.default_rng(3)
    actions = (rng.random(len(mail))[:, None] > np.cumsum(propensities, axis=1)[:, :2]).sum(axis=1)
    decisions = closed(shop, propensities, seed=3)
    chance = shop.order_probabilities + error + effects(shop)[np.arange(len(mail)), actions]
    ordered = (rng.random(len(mail)) < chance).astype(float)
    decisions = replace(decisions, actions=actions, ordered=ordered)
    unlogged = replace(decisions, propensities=np.zeros_like(propensities))
    centred, naive = (
        updated(prior(3, design, 0.05), design, each) for each in (decisions, unlogged)
    )
    assert _error(centred) < 0.02
    assert _error(naive) > 0.1


def test_parts_in_any_order_give_the_same_posterior() -> None:
    shop = customers(1, 500)
    design = design_of(shop, 2)
    decisions = closed(shop, lot(shop), seed=1)
    half = np.arange(500) < 200
    start = prior(3, design, 0.05)
    whole = updated(start, design, decisions)
    parts = updated(updated(start, design, decisions.subset(~half)), design, decisions.subset(half))
    np.testing.assert_allclose(parts.precision, whole.precision)
    np.testing.assert_allclose(parts.shift, whole.shift)


def test_a_certain_action_says_nothing_of_effects() -> None:
    shop = customers(1, 500)
    design = design_of(shop, 2)
    certain = np.tile([0.0, 1.0, 0.0], (500, 1))
    posterior = updated(prior(3, design, 0.05), design, closed(shop, certain, seed=1))
    mean, covariance = posterior.effects(3)
    _, before = prior(3, design, 0.05).effects(3)
    assert np.allclose(mean, 0)
    assert np.allclose(covariance, before)


def test_a_missing_feature_counts_as_its_mean_and_other_stages_are_refused() -> None:
    shop = customers(1, 100)
    design = design_of(shop, 2)
    missing = design.columns(np.full((1, 1), np.nan), np.array([0]))
    assert missing.tolist() == [[1.0, 1.0, 0.0, 0.0]]
    with pytest.raises(ValueError, match="Begin a new one"):
        design.columns(np.zeros((1, 1)), np.array([2]))
    with pytest.raises(ValueError, match="Begin a new one"):
        design.columns(np.zeros((1, 2)), np.array([0]))
