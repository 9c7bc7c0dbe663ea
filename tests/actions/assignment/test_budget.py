"""The price of money: as good as the linear programme, never over a limit."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from retention_ml.actions.assignment.budget import choose
from retention_ml.actions.assignment.exploration import nobody
from retention_ml.statistics.arrays import Floats


def _shop(n: int, seed: int) -> tuple[Floats, Floats]:
    """Margins after cost and costs of four actions for n customers."""
    rng = np.random.default_rng(seed)
    value = rng.lognormal(7, 1, n)
    cost = np.column_stack([np.zeros(n), np.full(n, 2.0), rng.lognormal(3, 1, n), np.full(n, 5.0)])
    margin = value[:, None] * rng.uniform(0, 0.2, (n, 4)) - cost
    margin[:, 0] = 0
    return margin, cost


def _bound(margin: Floats, cost: Floats, budget: float, quotas: Floats) -> float:
    """The optimum of the linear programme by HiGHS: an independent oracle."""
    n, k = margin.shape
    limits = [cost.ravel(), *(np.eye(k)[place][None, :].repeat(n, 0).ravel() for place in range(k))]
    bounds = [budget, *np.minimum(quotas, n)]
    from scipy.sparse import identity, kron

    one_each = kron(identity(n), np.ones((1, k)))
    solved = linprog(
        -margin.ravel(), A_ub=np.array(limits), b_ub=bounds, A_eq=one_each, b_eq=np.ones(n),
        method="highs",
    )  # fmt: skip
    assert solved.success
    return float(-solved.fun)


@pytest.mark.parametrize("budget", [50.0, 1_000.0, 8_000.0])
def test_the_margin_is_that_of_the_linear_programme(budget: float) -> None:
    margin, cost = _shop(2_000, seed=3)
    rows, quotas = np.arange(2_000), np.full(4, np.inf)
    chosen = choose(
        margin, cost, nobody(2_000), places=rows / 2_000, budget_cents=budget, quotas=quotas
    )
    assert cost[rows, chosen.action].sum() <= budget
    value = margin[rows, chosen.action].sum()
    least = 0.95 if budget == 50 else 0.999
    assert least <= value / _bound(margin, cost, budget, quotas) <= 1 + 1e-9
    greedy = np.argsort(-margin.max(axis=1))
    best = margin.argmax(axis=1)
    spent = np.cumsum(cost[greedy, best[greedy]])
    naive = margin[greedy, best[greedy]][spent <= budget].sum()
    assert value > naive  # best action each until the money is spent


def test_quotas_are_kept_at_nearly_the_margin_of_the_linear_programme() -> None:
    margin, cost = _shop(2_000, seed=4)
    rows, quotas = np.arange(2_000), np.array([np.inf, 200.0, 10.0, np.inf])
    chosen = choose(
        margin, cost, nobody(2_000), places=rows / 2_000, budget_cents=3_000, quotas=quotas
    )
    counts = np.bincount(chosen.action, minlength=4)
    assert (counts <= quotas).all()
    assert cost[rows, chosen.action].sum() <= 3_000
    assert margin[rows, chosen.action].sum() >= 0.98 * _bound(margin, cost, 3_000, quotas)
    assert 0 < chosen.is_marginal.sum() <= 20


def test_with_money_left_everybody_gets_the_best_and_money_has_no_price() -> None:
    margin, cost = _shop(300, seed=5)
    chosen = choose(
        margin, cost, nobody(300), places=np.arange(300) / 300, budget_cents=1e9,
        quotas=np.full(4, np.inf),
    )  # fmt: skip
    assert (chosen.action == margin.argmax(axis=1)).all()
    assert chosen.money_price == 0


def test_what_costs_nothing_is_taken_first() -> None:
    margin = np.array([[0.0, 3.0, 4.0], [0.0, -1.0, 5.0]])
    cost = np.array([[0.0, 0.0, 2.0], [0.0, 0.0, 2.0]])
    chosen = choose(
        margin, cost, nobody(2), places=np.zeros(2), budget_cents=2, quotas=np.full(3, np.inf)
    )
    assert chosen.action.tolist() == [1, 2]


@settings(deadline=None)
@given(seed=st.integers(0, 10_000), budget=st.floats(0.01, 5_000), quota=st.integers(0, 20))
def test_no_limit_is_ever_passed(seed: int, budget: float, quota: int) -> None:
    margin, cost = _shop(60, seed)
    margin[:, 2] = np.where(np.arange(60) % 3 == 0, -np.inf, margin[:, 2])
    quotas = np.array([np.inf, float(quota), np.inf, 7.0])
    rows = np.arange(60)
    chosen = choose(margin, cost, nobody(60), places=rows / 60, budget_cents=budget, quotas=quotas)
    assert cost[rows, chosen.action].sum() <= budget * (1 + 1e-12)
    assert (np.bincount(chosen.action, minlength=4) <= quotas).all()
    assert np.isfinite(margin[rows, chosen.action]).all()


def test_who_costs_more_than_the_budget_closes_the_day_for_nobody_else() -> None:
    cost = np.column_stack([np.zeros(1_001), np.r_[20_000.0, np.full(1_000, 2.0)]])
    margin = np.column_stack([np.zeros(1_001), np.r_[900_000.0, np.full(1_000, 10.0)]])
    chosen = choose(
        margin, cost, nobody(1_001), places=np.arange(1_001) / 1_001, budget_cents=10_000,
        quotas=np.full(2, np.inf),
    )  # fmt: skip
    assert chosen.action.tolist() == [0] + [1] * 1_000
