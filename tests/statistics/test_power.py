"""The power analysis of a trial comes true where its assumption does."""

from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pytest

from benchmarks import sequential as worlds
from retention_ml.statistics.arrays import Floats
from retention_ml.statistics.power import Plan, power_analysis

CHAMPION, CHALLENGER, _ = worlds.better(np.random.default_rng(1), np.zeros(5000, int))


def plan(champion: Floats = CHAMPION, challenger: Floats = CHALLENGER, **changed: Any) -> Plan:
    terms: dict[str, Any] = {
        "customers_per_day": 100,
        "horizon_days": 29,
        "days_max": 182,
        "error_rate": 0.05,
        "draws": 1000,
        "seed": 7,
    }
    return power_analysis(champion, challenger, **(terms | changed))


def test_the_power_in_doubt_is_that_of_the_test_itself() -> None:
    # Half the advantage: about half of the streams are won in time, where a wrong power shows.
    forecast = worlds.plan(worlds.better_by_half, day_count=60, customers_per_day=100, truth=0.75)
    won = [
        worlds.trial(worlds.better_by_half, seed=seed, day_count=60, customers_per_day=100).won_on
        is not None
        for seed in range(300)
    ]
    assert 0.3 < forecast.power < 0.7
    # Three standard deviations of each side.
    assert np.mean(won) == pytest.approx(
        forecast.power, abs=3 * np.sqrt(0.25 / 300) + 3 * np.sqrt(0.25 / 1000)
    )


def test_equal_forecasts_have_no_power_and_the_plan_says_so() -> None:
    hopeless = plan(CHAMPION, CHAMPION.copy())
    assert (hopeless.power, hopeless.days_expected, hopeless.customers_expected) == (0, None, None)
    assert "nothing can tell them apart" in hopeless.assumption


def test_outcomes_that_come_too_late_leave_no_power_and_the_plan_says_so() -> None:
    assert plan(days_max=29).power == 0
    assert (
        "Nothing can be decided within 29 days: that takes 30 days" in plan(days_max=29).assumption
    )
    assert plan(customers_per_day=0.0).power == 0


def test_no_win_is_forecast_before_anything_may_be_decided() -> None:
    soon, late = plan(customers_per_day=2000), plan(customers_per_day=2000, earliest_day=57)
    assert soon.days_expected is not None
    assert soon.days_expected < 57 == late.days_expected
    assert late.power == pytest.approx(soon.power, abs=0.01)


def test_half_way_to_the_challenger_the_chance_is_the_error_rate_at_most() -> None:
    margin = 3 * np.sqrt(0.05 * 0.95 / 1000)
    assert plan(truth=0.5).power <= 0.05 + margin
    assert plan(truth=0.0).power <= 0.01


def test_more_customers_a_day_decide_sooner_and_a_shorter_time_less_often() -> None:
    slow, quick = plan(customers_per_day=20), plan(customers_per_day=500)
    assert slow.days_expected is not None
    assert quick.days_expected is not None
    assert quick.days_expected < slow.days_expected
    assert plan(customers_per_day=20, days_max=60).power < slow.power


def test_the_sentence_states_the_assumption_and_what_follows() -> None:
    forecast = plan()
    assert forecast.assumption.startswith(
        "If the challenger's probabilities are true, it wins within"
    )
    assert f"by day {forecast.days_expected}, with {forecast.customers_expected:,} customers" in (
        forecast.assumption
    )
    assert f"nine in ten by day {forecast.days_most}." in forecast.assumption
    assert "the truth lies 70% of the way" in plan(truth=0.7).assumption
    unlikely = plan(truth=0.6, days_max=60)
    assert unlikely.days_expected is None
    assert unlikely.assumption.endswith("%.")


def test_the_same_seed_gives_the_same_plan_and_it_is_plain_data() -> None:
    assert plan() == plan()
    assert replace(plan(), power=0.0) != plan()
    assert {type(value) for value in asdict(plan()).values()} <= {float, int, str}


def test_forecasts_of_no_or_other_customers_are_refused() -> None:
    with pytest.raises(ValueError, match="the same customers, at least one"):
        plan(CHAMPION, CHALLENGER[:10])
    with pytest.raises(ValueError, match="There are 0 probabilities"):
        plan(CHAMPION[:0], CHALLENGER[:0])


def test_probabilities_of_nought_and_one_cause_no_overflow() -> None:
    certain = plan(np.array([0.0, 1.0, 0.5]), np.array([1.0, 1.0, 0.5]))
    assert certain.power == 1
