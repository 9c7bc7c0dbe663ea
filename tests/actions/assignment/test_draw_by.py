"""A bandit's draw within budget and quotas: the logged probabilities are the true ones."""

import json

import numpy as np
import pytest

from retention_ml.actions.assignment.decision import Decision, decide
from retention_ml.actions.assignment.rule import Expected
from retention_ml.statistics.arrays import Floats
from tests.actions.assignment.test_decision import NAMES, none_open

N = 60


def _expected() -> Expected:
    rng = np.random.default_rng(5)
    cost = np.column_stack([np.zeros(N), np.full(N, 1.0), rng.uniform(2, 4, N)])
    effect = np.column_stack([np.zeros(N), rng.uniform(0, 0.2, N), rng.uniform(0, 0.3, N)])
    shares = rng.dirichlet([1.0, 1.0, 1.0], N)
    shares[::5, 2] = 0.0  # given up there
    shares[1::20, 1:] = 0.0  # and here everything
    shares[:, 0] = 1 - shares[:, 1:].sum(axis=1)
    return Expected(
        effect=effect, cost_cents=cost, margin_cents=effect * 40 - cost, slope=None,
        is_measured=True, propensities=shares,
    )  # fmt: skip


def _decide(
    lots: Floats, *, budget: float = 1_000.0, quotas: Floats | None = None, seed: int = 0
) -> Decision:
    allowed = np.ones((N, 3), dtype=np.bool_)
    allowed[::4, 1] = False
    return decide(
        NAMES, allowed, np.full(N, None, dtype=object), _expected(),
        is_holdout=np.arange(N) % 10 == 3, experiments=none_open(N), lots=lots,
        places=np.random.default_rng(seed).random(N), explore_share=0.1, budget_cents=budget,
        quotas=np.full(3, np.inf) if quotas is None else quotas,
    )  # fmt: skip


@pytest.mark.parametrize("budget", [1_000.0, 40.0])
@pytest.mark.parametrize("quota", [np.inf, 9.0])
def test_the_logged_probabilities_are_the_true_ones(budget: float, quota: float) -> None:
    rng = np.random.default_rng(3)
    rounds = 1_500
    counts, chances = np.zeros((N, 3)), np.zeros((N, 3))
    rows_count = np.zeros(N)
    cost = _expected().cost_cents
    for _ in range(rounds):
        decision = _decide(rng.random(N), budget=budget, quotas=np.array([np.inf, quota, np.inf]))
        assert cost[np.arange(N), decision.action].sum() <= budget
        assert (decision.action == 1).sum() <= quota
        rows = np.flatnonzero(~decision.is_capped)
        texts = [json.loads(text) for text in decision.propensities.to_pylist()]
        rows_count[rows] += 1
        counts[rows, decision.action[rows]] += 1
        for row in rows:
            chances[row] += [texts[row].get(name, 0.0) for name in NAMES]
    drawn = rows_count > rounds / 2
    assert drawn.sum() > 20
    stated = chances[drawn]
    total = rows_count[drawn][:, None]
    spread = np.sqrt(np.maximum(stated * (1 - stated / total), 0.0))
    assert (abs(counts[drawn] - stated) < 4.5 * spread + 1e-6).all()


def test_every_allowed_action_is_logged_and_what_was_given_up_has_probability_zero() -> None:
    decision = _decide(np.random.default_rng(1).random(N))
    texts = [json.loads(text) for text in decision.propensities.to_pylist()]
    assert set(texts[4]) == {"none", "coupon"}  # mail is not allowed
    assert texts[5]["coupon"] == 0.0 < texts[5]["mail"]
    assert all(abs(sum(text.values()) - 1) < 1e-12 for text in texts)
    assert set(texts[3]) == {"none"}  # in the holdout
    assert decision.is_holdout[3]
    for row, text in enumerate(texts):
        assert decision.propensity[row] == text[NAMES[decision.action[row]]]
    assert decision.explore_share == 1.0
    assert decision.is_explored.sum() > 40


def test_who_has_nothing_left_that_could_pay_is_excluded() -> None:
    decision = _decide(np.random.default_rng(1).random(N))
    hopeless = [row for row in range(1, N, 20) if row % 10 != 3]
    assert hopeless
    assert {decision.reason[row] for row in hopeless} == {"no_gain"}
    assert (decision.action[hopeless] == 0).all()


def test_a_short_budget_goes_to_those_of_whom_most_is_expected_for_it() -> None:
    decision = _decide(np.random.default_rng(1).random(N), budget=30.0)
    expected = _expected()
    assert expected.propensities is not None
    shares = expected.propensities.copy()
    shares[::4, 1] = 0.0
    gain = (shares * expected.margin_cents).sum(axis=1)
    spend = (shares * expected.cost_cents).sum(axis=1)
    could = (spend > 0) & ~decision.is_holdout
    worth = gain / np.maximum(spend, 1e-9)
    is_open = decision.is_explored & could
    assert 3 < is_open.sum() < could.sum() - 10
    assert np.median(worth[is_open]) > np.quantile(worth[could & ~is_open], 0.9)
    assert decision.is_capped[could & ~is_open].all()


def test_equal_inputs_give_equal_draws_and_the_order_among_equals_is_that_of_places() -> None:
    lots = np.random.default_rng(2).random(N)
    once, again = _decide(lots), _decide(lots)
    assert once.action.tolist() == again.action.tolist()
    assert once.propensities.to_pylist() == again.propensities.to_pylist()
