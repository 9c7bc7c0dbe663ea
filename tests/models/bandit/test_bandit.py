"""Begin, decide, learn: deterministic, each decision once, probabilities that can be logged."""

from dataclasses import replace

import numpy as np
import pytest

from retention_ml.models.bandit.bandit import Parameters, begin, decide, learn
from retention_ml.models.bandit.customers import concatenated
from tests.models.bandit.shops import (
    ARMS,
    FEATURES,
    PARAMETERS,
    STAGES,
    beginning,
    closed,
    customers,
    effects,
    lot,
)


def test_equal_seeds_days_and_customers_give_equal_propensities() -> None:
    shop = customers(2)
    first, again = (
        decide(beginning(), ARMS, shop, parameters=PARAMETERS, day=3).propensities for _ in "12"
    )
    other_day = decide(beginning(), ARMS, shop, parameters=PARAMETERS, day=4).propensities
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other_day)
    assert first.sum(axis=1) == pytest.approx(np.ones(len(shop)), abs=1e-12)
    assert (first >= PARAMETERS.floor - 1e-12).all()


def test_a_customers_propensities_do_not_depend_on_the_others() -> None:
    shop = customers(2)
    some = np.arange(len(shop)) < 7
    whole = decide(beginning(), ARMS, shop, parameters=PARAMETERS, day=3).propensities
    part = decide(beginning(), ARMS, shop.subset(some), parameters=PARAMETERS, day=3).propensities
    assert part == pytest.approx(whole[some], abs=1e-12)


def test_what_is_not_allowed_has_no_probability() -> None:
    shop = customers(2)
    allowed = shop.allowed.copy()
    allowed[:100, 1], allowed[50:, 2] = False, False
    some = replace(shop, allowed=allowed)
    propensities = decide(beginning(), ARMS, some, parameters=PARAMETERS, day=3).propensities
    assert np.array_equal(propensities > 0, allowed)


def test_after_many_decisions_those_who_answer_get_the_mail_and_nobody_the_coupon() -> None:
    state = beginning()
    for day in range(10):
        shop = customers(10 + day, 3000)
        decisions = closed(shop, lot(shop), seed=day, day=day)
        state = learn(state, ARMS, decisions, parameters=PARAMETERS, closed_until=day + 1)
    shop = customers(50, 2000)
    proposal = decide(state, ARMS, shop, parameters=PARAMETERS, day=60)
    pays = effects(shop)[:, 1] > 0.03
    hurts = effects(shop)[:, 1] < -0.03
    assert proposal.propensities[pays, 1].mean() > 0.85
    assert proposal.propensities[hurts, 1].mean() < 0.15
    assert state.decisions_count == 30_000
    assert state.retired[:, 2].all()
    assert (proposal.propensities[:, 2] == 0).all()
    assert not state.retired[:, :2].any()
    assert (proposal.propensities[:, :2] >= PARAMETERS.floor).all()


def test_a_second_run_and_an_earlier_day_change_nothing() -> None:
    shop = customers(3)
    decisions = closed(shop, lot(shop), seed=1, day=4)
    once = learn(beginning(), ARMS, decisions, parameters=PARAMETERS, closed_until=5)
    again = learn(once, ARMS, decisions, parameters=PARAMETERS, closed_until=5)
    later = learn(once, ARMS, decisions, parameters=PARAMETERS, closed_until=9)
    assert again.to_json() == once.to_json()
    assert later.decisions_count == once.decisions_count == len(shop)
    assert np.array_equal(later.posterior.shift, once.posterior.shift)
    assert learn(once, ARMS, decisions, parameters=PARAMETERS, closed_until=2) is once


def test_a_decision_whose_window_is_open_is_not_counted() -> None:
    shop = customers(3)
    decisions = closed(shop, lot(shop), seed=1, day=4)
    state = learn(beginning(), ARMS, decisions, parameters=PARAMETERS, closed_until=4)
    assert state.decisions_count == 0
    assert np.array_equal(state.posterior.shift, beginning().posterior.shift)


def test_daily_and_weekly_learning_end_in_the_same_posterior() -> None:
    shops = [customers(day, 300) for day in range(14)]
    logs = [closed(shop, lot(shop), seed=day, day=day) for day, shop in enumerate(shops)]
    daily = beginning()
    for day, decisions in enumerate(logs):
        daily = learn(daily, ARMS, decisions, parameters=PARAMETERS, closed_until=day + 1)
    assert daily.decisions_count == 14 * 300
    whole = concatenated(logs)
    weekly = beginning()
    for week in (7, 14):
        weekly = learn(weekly, ARMS, whole, parameters=PARAMETERS, closed_until=week)
    np.testing.assert_allclose(daily.posterior.precision, weekly.posterior.precision)
    np.testing.assert_allclose(daily.posterior.shift, weekly.posterior.shift, atol=1e-8)


def test_an_action_that_could_still_pay_is_not_retired() -> None:
    shop = customers(3, 60)
    state = learn(
        beginning(), ARMS, closed(shop, lot(shop), seed=1), parameters=PARAMETERS, closed_until=1
    )
    assert not state.retired[:, 1].any()


def test_another_catalogue_and_impossible_parameters_are_refused() -> None:
    other = replace(ARMS, names=("none", "email", "push"))
    with pytest.raises(ValueError, match="Begin a new one where the catalogue has changed"):
        decide(beginning(), other, customers(1), parameters=PARAMETERS, day=1)
    with pytest.raises(ValueError, match="too coarse"):
        Parameters(draws=100)
    with pytest.raises(ValueError, match="floor is 0"):
        Parameters(floor=0)
    with pytest.raises(ValueError, match="exploration is 2"):
        Parameters(exploration=2)
    shared = {"parameters": Parameters(floor=0.2), "day": 0, "seed": 1}
    with pytest.raises(ValueError, match="more than half"):
        begin(ARMS, customers(1), stages=STAGES, features=FEATURES, **shared)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="2 names of"):
        begin(ARMS, customers(1), stages=STAGES, features=("a", "b"), parameters=PARAMETERS,
              day=0, seed=1)  # fmt: skip
