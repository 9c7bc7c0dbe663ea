"""Customers needed before the start: textbook sizes for one look, drawn paths for many."""

import numpy as np
import pytest

from retention_ml.experiments.design import Design
from retention_ml.experiments.effects import share_effects
from retention_ml.experiments.power import (
    Expectation,
    Price,
    Size,
    money_factor,
    retained_needed,
    shown,
    sizes,
)
from retention_ml.statistics.asymptotic import differences


def _size(share: float, metric: str = "retained", **facts: float) -> Size:
    design = Design(
        experiment_id="spring", arms={"none": 1 - share, "mail": share}, tiers=("high",)
    )
    expectation = Expectation(tier="high", **{"customers_count": 1_000, **facts})
    planned = sizes([expectation], design, prices={"mail": Price(cost=0.5)})
    return next(one for one in planned if one.metric == metric)


@pytest.mark.parametrize(
    ("churn", "share", "expected"),
    [(0.88, 0.5, 548), (0.70, 0.5, 1_420), (0.47, 0.8, 5_510), (0.20, 0.9, 34_614)],
)
def test_one_look_needs_what_the_formula_for_two_shares_states(
    churn: float, share: float, expected: int
) -> None:
    """Oracle: n = (1.96 + 0.8416)² (p₁q₁ / r₁ + p₀q₀ / r₀) / δ², by hand."""
    size = _size(share, churn_rate=churn)
    assert size.needed_at_end == expected
    assert 1.5 * expected < size.needed < 3.5 * expected
    assert size.missing == size.needed - 1_000
    assert f"{size.missing:,} are missing." in size.sentence


def test_enough_customers_are_not_called_too_few() -> None:
    size = _size(0.5, churn_rate=0.88, customers_count=5_000)
    assert size.missing == 0
    assert "missing" not in size.sentence


def test_an_action_that_costs_more_than_it_can_save_needs_no_number() -> None:
    size = _size(0.5, "margin", churn_rate=0.5, margin_if_retained=5.0, margin_spread=10.0)
    assert "does not pay" in size.sentence
    assert size.missing > 0
    assert (shown(size.needed), shown(size.missing)) == (None, None)


def test_money_that_never_varies_needs_one_decision_and_not_none() -> None:
    size = _size(0.5, "margin", churn_rate=0.5, margin_if_retained=50.0, margin_spread=0.0)
    assert size.effect > 0
    assert 1 <= size.needed_at_end <= size.needed < 10


def test_looking_always_costs_seven_tenths_more_for_money() -> None:
    factor = money_factor(0.05, 0.8)
    assert 1.55 < factor < 1.85
    once, streams, per_look = 4_000, 200, 40
    effect = (1.96 + 0.8416) * 2 / np.sqrt(once)
    total = int(factor * once) // per_look * per_look
    looks = np.arange(per_look, total + 1, per_look)
    reached = 0
    for seed in range(streams):
        random = np.random.default_rng(seed)
        is_treated = random.random(total) < 0.5
        values = random.normal(size=total) + effect * is_treated
        path = differences(
            values, is_treated, looks, error_rate=0.05, count_planned=float(total), burn_in=20
        )
        reached += any(one.lower > 0 for one in path)
    assert 0.70 < reached / streams < 0.90


def test_the_bets_reach_the_power_planned_for() -> None:
    control, treated, share = 0.3, 0.42, 0.5
    total = retained_needed(control, treated, share, error_rate=0.05, power=0.8)
    looks = np.linspace(total / 20, total, 20).astype(np.int64)
    reached = 0
    for seed in range(100):
        random = np.random.default_rng(seed)
        is_treated = random.random(total) < share
        retained = random.random(total) < np.where(is_treated, treated, control)
        path = share_effects(
            retained.astype(float),
            is_treated,
            share,
            looks,
            error_rate=0.05,
            forecast=np.full(total, control),
        )
        reached += any(one.is_better for one in path)
    assert 0.66 < reached / 100 < 0.92


def test_without_any_customer_there_is_nothing_to_plan() -> None:
    with pytest.raises(ValueError, match="at least one"):
        _size(0.5, churn_rate=0.5, customers_count=0)
