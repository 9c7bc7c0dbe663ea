"""Learners on decisions with known effects, and their files."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.uplift_shops import Decisions, decisions
from retention_ml.models.uplift.effect_models import LinearEffect, TreeEffect, TwoModels
from retention_ml.models.uplift.learners import LEARNERS, ridge
from retention_ml.models.uplift.sample import UpliftSample, folds

KINDS = {kind.kind: kind for kind in (TwoModels, LinearEffect, TreeEffect)}


@pytest.fixture(scope="module")
def shop() -> Decisions:
    return decisions(4_000, seed=1, strength=2)


def _amounts(sample: UpliftSample) -> UpliftSample:
    """The same decisions with money as the outcome."""
    orders = np.random.default_rng(3).lognormal(3, 0.5, len(sample))
    return replace(sample, outcome=np.where(sample.outcome == 1, orders, 0.0))


@pytest.mark.parametrize("name", LEARNERS)
def test_a_learner_finds_whom_a_contact_moves(name: str, shop: Decisions) -> None:
    others = decisions(4_000, seed=2, strength=2)
    effect = LEARNERS[name](shop.sample, 0).effect(others.sample.values)
    assert np.corrcoef(effect, others.effect)[0, 1] > 0.35
    best = np.argsort(-effect)[:1_200]
    assert others.effect[best].mean() > 2 * others.effect.mean()


@pytest.mark.parametrize("is_money", [False, True])
@pytest.mark.parametrize("name", LEARNERS)
def test_a_model_is_what_its_files_say(name: str, is_money: bool, shop: Decisions) -> None:
    model = LEARNERS[name](_amounts(shop.sample) if is_money else shop.sample, 0)
    values = shop.sample.values[:50].copy()
    values[3, 2] = np.nan
    again = KINDS[model.kind].from_files(model.files(), shop.sample.features)
    assert again.effect(values) == pytest.approx(model.effect(values), abs=1e-12)
    assert np.isfinite(model.effect(values)).all()


@pytest.mark.parametrize("name", LEARNERS)
def test_money_is_an_outcome_too(name: str, shop: Decisions) -> None:
    amounts = _amounts(shop.sample)
    assert not amounts.is_binary
    effect = LEARNERS[name](amounts, 0).effect(amounts.values)
    assert np.corrcoef(effect, shop.effect)[0, 1] > 0.2


@pytest.mark.parametrize("name", LEARNERS)
def test_an_arm_in_which_nobody_orders_is_no_obstacle(name: str) -> None:
    sample = decisions(400, seed=4).sample
    sample.outcome[~sample.treated] = 0
    assert np.isfinite(LEARNERS[name](sample, 0).effect(sample.values)).all()


def test_ridge_is_least_squares_without_a_penalty() -> None:
    rng = np.random.default_rng(5)
    design = rng.normal(size=(200, 3))
    outcome = design @ [1.0, -2.0, 0.5] + 4 + rng.normal(size=200)
    coefficients, intercept = ridge(design, outcome, 0.0)
    expected = np.linalg.lstsq(np.column_stack([design, np.ones(200)]), outcome, rcond=None)[0]
    assert [*coefficients, intercept] == pytest.approx(expected)


def test_folds_keep_a_customer_together_and_share_out_rare_outcomes() -> None:
    sample = decisions(1_000, seed=6).sample
    sample.groups[:] = np.arange(1_000) // 2
    sample.outcome[:] = 0
    sample.outcome[:40:2] = 1
    fold = folds(sample, 5, seed=0)
    assert (fold[::2] == fold[1::2]).all()
    assert np.bincount(fold).tolist() == [200] * 5
    assert np.bincount(fold[sample.outcome == 1], minlength=5).min() >= 2
    assert (folds(sample, 5, seed=1) != fold).any()
