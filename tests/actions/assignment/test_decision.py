"""One action each, and how probable it was: the logged probabilities are the true ones."""

import json
from dataclasses import replace

import numpy as np
import pytest

from retention_ml.actions.assignment.decision import Decision, decide
from retention_ml.actions.assignment.experiment_lots import ExperimentLots, draw
from retention_ml.actions.assignment.exploration import explore
from retention_ml.actions.assignment.rule import Expected
from retention_ml.experiments.design import Design
from retention_ml.statistics.arrays import Floats

NAMES = ("none", "mail", "coupon")


def none_open(n: int) -> ExperimentLots:
    """No experiment is open."""
    return ExperimentLots(
        experiment_id=np.full(n, None, dtype=object), action=np.zeros(n, dtype=np.int64),
        lots=np.zeros(n), shares={},
    )  # fmt: skip


def _expected(n: int, *, is_measured: bool = True) -> Expected:
    rng = np.random.default_rng(7)
    cost = np.column_stack([np.zeros(n), np.full(n, 1.0), rng.uniform(2, 4, n)])
    effect = np.column_stack([np.zeros(n), rng.uniform(0, 0.2, n), rng.uniform(0, 0.3, n)])
    return Expected(
        effect=effect, cost_cents=cost, margin_cents=effect * 40 - cost, slope=None,
        is_measured=is_measured,
    )  # fmt: skip


def _decide(
    n: int, rng: np.random.Generator, *, is_measured: bool = True, share: float = 0.3,
    budget: float = 10.0, quotas: Floats | None = None,
) -> Decision:  # fmt: skip
    allowed = np.ones((n, 3), dtype=np.bool_)
    allowed[::4, 2] = False
    return decide(
        NAMES, allowed, np.full(n, None, dtype=object), _expected(n, is_measured=is_measured),
        is_holdout=np.arange(n) % 10 == 3,
        experiments=none_open(n), lots=rng.random(n), places=rng.random(n),
        explore_share=share, budget_cents=budget,
        quotas=np.full(3, np.inf) if quotas is None else quotas,
    )  # fmt: skip


def _cost(n: int, decision: Decision) -> float:
    return float(_expected(n).cost_cents[np.arange(n), decision.action].sum())


@pytest.mark.parametrize("is_measured", [True, False])
@pytest.mark.parametrize("quota", [np.inf, 2.0])
def test_the_logged_probabilities_are_the_true_ones(is_measured: bool, quota: float) -> None:
    """Over many draws each action comes as often as was logged, for every customer by themselves.

    Rows at a limit are left out, as estimates do. Their being left out must not depend on what
    was drawn, or this would fail as well.
    """
    n, draws = 24, 1_500
    rng = np.random.default_rng(11)
    surplus, variance = np.zeros((n, 3)), np.zeros((n, 3))
    capped = 0
    for _ in range(draws):
        decision = _decide(
            n, rng, is_measured=is_measured, quotas=np.array([np.inf, np.inf, quota])
        )
        logged = [json.loads(text) for text in decision.propensities.to_pylist()]
        p = np.array([[each.get(name, 0.0) for name in NAMES] for each in logged])
        evidence = ~decision.is_capped
        capped += int(decision.is_capped.sum())
        surplus += (np.eye(3)[decision.action] - p) * evidence[:, None]
        variance += p * (1 - p) * evidence[:, None]
    z = surplus / np.sqrt(np.maximum(variance, 25))
    assert np.abs(z).max() < 4.2
    assert capped < 0.9 * n * draws  # the budget suffices for few


def test_probabilities_are_true_where_money_suffices_and_a_quota_does_not() -> None:
    """Whether somebody is left out as at the edge of a quota must not depend on their own lot."""
    n, draws = 60, 1_500
    rng = np.random.default_rng(13)
    margin = rng.normal(3, 8, (n, 3))
    surplus, variance = np.zeros((n, 3)), np.zeros((n, 3))
    for _ in range(draws):
        decision = decide(
            NAMES,
            np.ones((n, 3), dtype=np.bool_),
            np.full(n, None, dtype=object),
            replace(_expected(n), margin_cents=np.where(np.arange(3) == 0, 0.0, margin)),
            is_holdout=np.zeros(n, dtype=np.bool_),
            experiments=none_open(n),
            lots=rng.random(n),
            places=np.arange(n) / n,
            explore_share=0.3,
            budget_cents=1e9,
            quotas=np.array([np.inf, np.inf, 8.0]),
        )
        logged = [json.loads(text) for text in decision.propensities.to_pylist()]
        p = np.array([[each.get(name, 0.0) for name in NAMES] for each in logged])
        evidence = ~decision.is_capped[:, None]
        surplus += (np.eye(3)[decision.action] - p) * evidence
        variance += p * (1 - p) * evidence
    z = surplus / np.sqrt(np.maximum(variance, 10))
    assert np.abs(z).max() < 4.2


def test_probabilities_sum_to_one_and_are_above_zero_for_what_was_done() -> None:
    decision = _decide(400, np.random.default_rng(1), budget=60)
    for text, action, propensity in zip(
        decision.propensities.to_pylist(), decision.action, decision.propensity, strict=True
    ):
        probabilities = json.loads(text)
        assert sum(probabilities.values()) == pytest.approx(1, abs=1e-12)
        assert probabilities[NAMES[action]] == propensity > 0


def test_the_budget_is_never_passed() -> None:
    rng = np.random.default_rng(2)
    for budget in (0.5, 3.0, 10.0, 60.0, 1e6):
        for measured in (True, False):
            decision = _decide(200, rng, budget=budget, is_measured=measured)
            assert _cost(200, decision) <= budget


def test_until_effects_are_measured_all_that_is_done_is_drawn_by_lot() -> None:
    decision = _decide(400, np.random.default_rng(3), is_measured=False, budget=1e6)
    assert set(np.flatnonzero(decision.action)) <= set(np.flatnonzero(decision.is_explored))
    assert decision.is_explored.mean() == pytest.approx(0.3 * 0.9, abs=0.06)
    assert decision.explore_share == 0.3


def test_a_small_budget_is_used_for_the_first_in_an_order_of_its_own() -> None:
    decision = _decide(2_000, np.random.default_rng(4), is_measured=False, budget=30)
    assert decision.explore_share == 0.3
    assert 10 < _cost(2_000, decision) <= 30
    assert (decision.action == 1).sum() > (decision.action == 2).sum() > 0


def test_a_scarce_action_does_not_hold_back_the_others() -> None:
    quotas = np.array([np.inf, np.inf, 1.0])
    decision = _decide(
        2_000, np.random.default_rng(5), is_measured=False, budget=1e6, quotas=quotas
    )
    counts = np.bincount(decision.action, minlength=3)
    assert counts[2] <= 1
    assert counts[1] > 100


def test_one_dear_coupon_does_not_close_the_others() -> None:
    n, rng = 5_000, np.random.default_rng(9)
    cost = np.column_stack([np.zeros(n), np.full(n, 2.0), np.full(n, 50.0)])
    order = rng.random(n)
    dear = int(order.argmin())
    cost[dear, 2] = 26_000.0
    drawn = explore(
        np.ones((n, 3), dtype=np.bool_), cost, lots=rng.random(n), places=order, share=0.1,
        budget_cents=10_000, quotas=np.full(3, np.inf),
    )  # fmt: skip
    assert drawn.can_draw[:, 2].sum() > 3_000
    assert drawn.can_draw[dear].tolist() == [True, True, False]
    assert drawn.is_open[dear]


def test_one_dear_customer_does_not_close_an_experiment() -> None:
    n, allowed = 50, np.ones((50, 3), dtype=np.bool_)
    cost = np.column_stack([np.zeros(n), np.full(n, 1.0), np.full(n, 1.0)])
    cost[0, 1] = 101.0
    lots = draw(
        [Design(experiment_id="spring", arms={"none": 0.5, "mail": 0.5}, tiers=("high",))], NAMES,
        [str(i) for i in range(n)], np.full(n, "high", dtype=object), allowed, cost,
        places=np.arange(n) / n, budget_cents=100, quotas=np.full(3, np.inf), day="2026-03-01",
    )  # fmt: skip
    assert lots.takes_part.tolist() == [False] + [True] * 49


def test_the_holdout_gets_nothing_for_certain() -> None:
    decision = _decide(200, np.random.default_rng(5), budget=1e6)
    assert decision.is_holdout.sum() == 20
    assert (decision.action[decision.is_holdout] == 0).all()
    assert (decision.propensity[decision.is_holdout] == 1).all()


def test_without_exploration_who_gets_nothing_is_told_apart_by_why() -> None:
    decision = _decide(200, np.random.default_rng(6), share=0.0, budget=20)
    reasons = {name: int((decision.reason == name).sum()) for name in ("no_gain", "budget")}
    assert min(reasons.values()) > 0
    contacted = decision.action > 0
    assert (decision.reason[contacted] == None).all()  # noqa: E711
    assert (decision.propensity[contacted] == 1).all()
    assert sum(reasons.values()) + contacted.sum() + decision.is_holdout.sum() == 200


def test_an_experiment_draws_first_within_the_budget_and_logs_its_shares() -> None:
    n = 400
    rng = np.random.default_rng(8)
    expected, allowed = _expected(n), np.ones((n, 3), dtype=np.bool_)
    is_holdout = np.arange(n) % 10 == 3
    design = Design(
        experiment_id="spring", arms={"none": 0.5, "coupon": 0.5}, tiers=("high", "critical")
    )
    tier = np.array(["low", "high"] * (n // 2), dtype=object)
    order, quotas = rng.random(n), np.array([np.inf, np.inf, 60.0])
    lots = draw(
        [design], NAMES, [str(i) for i in range(n)], tier, allowed & ~is_holdout[:, None],
        expected.cost_cents, places=order, budget_cents=150, quotas=quotas, day="2026-03-01",
    )  # fmt: skip
    decision = decide(
        NAMES, allowed, np.full(n, None, dtype=object), expected, is_holdout=is_holdout,
        experiments=lots, lots=rng.random(n), places=order, explore_share=0.2, budget_cents=150,
        quotas=quotas,
    )  # fmt: skip
    rows = decision.experiment_id == "spring"
    assert 30 < rows.sum() <= 60
    assert set(tier[rows]) == {"high"}
    assert not (rows & is_holdout).any()
    assert set(decision.action[rows].tolist()) == {0, 2}
    assert abs((decision.action[rows] == 2).sum() - rows.sum() / 2) <= 1
    assert (decision.propensity[rows] == 0.5).all()
    texts = np.array(decision.propensities.to_pylist())
    assert set(texts[rows].tolist()) == {'{"none": 0.5, "coupon": 0.5}'}
    assert _cost(n, decision) <= 150
    assert (decision.action == 2).sum() <= 60
    assert (decision.action[~rows] > 0).sum() > 5
