"""Intervals from past forecasts: they hold what they promise, and widen with the noise."""

import numpy as np
import pytest

from retention_ml.profiles.forecast.expected import expected
from retention_ml.profiles.forecast.intervals import days_needed, forecast

WEEK = np.array([30.0, 40.0, 50.0, 60.0, 90.0, 120.0, 10.0])


def poisson(draw: np.random.Generator, days: int) -> np.ndarray:
    return draw.poisson(np.resize(WEEK, days)).astype(np.float64)


def test_intervals_hold_four_days_in_five_of_a_world_without_trend() -> None:
    draw = np.random.default_rng(7)
    inside, totals = [], []
    for _ in range(60):
        values = poisson(draw, 300)
        ahead = forecast(values[:-28], 28, coverage=0.8)
        observed = values[-28:]
        inside.append(((observed >= ahead.lower) & (observed <= ahead.upper)).mean())
        totals.append(ahead.total_lower <= observed.sum() <= ahead.total_upper)
    assert 0.76 <= np.mean(inside) <= 0.84
    assert 0.7 <= np.mean(totals) <= 0.95


def test_the_forecast_is_the_expected_course() -> None:
    values = poisson(np.random.default_rng(3), 200)
    ahead = forecast(values, 28, coverage=0.8)
    assert ahead.expected.tolist() == expected(values, 28).tolist()
    assert ahead.total == pytest.approx(ahead.expected.sum())
    assert (ahead.lower <= ahead.expected).all()
    assert (ahead.expected <= ahead.upper).all()
    assert ahead.lower.min() >= 0
    assert 0 < ahead.total_error_share < 0.1


def test_errors_partly_cancel_in_the_total() -> None:
    ahead = forecast(poisson(np.random.default_rng(5), 300), 28, coverage=0.8)
    assert ahead.total_upper - ahead.total_lower < (ahead.upper - ahead.lower).sum() / 2


def test_a_higher_coverage_is_wider() -> None:
    values = poisson(np.random.default_rng(11), 200)
    narrow, wide = (forecast(values, 28, coverage=share) for share in (0.5, 0.95))
    assert (wide.upper - wide.lower).sum() > 1.5 * (narrow.upper - narrow.lower).sum()


def test_a_shop_of_constant_days_has_intervals_without_width() -> None:
    ahead = forecast(np.full(120, 5.0), 28, coverage=0.8)
    assert (ahead.upper - ahead.lower).max() == pytest.approx(0.0, abs=1e-9)


def test_too_few_days_are_refused() -> None:
    assert days_needed(28) == 105
    assert forecast(np.ones(105), 28, coverage=0.8).past_forecasts == 8
    with pytest.raises(ValueError, match=r"104 days of history\. Expected at least 105"):
        forecast(np.ones(104), 28, coverage=0.8)


def test_days_are_not_below_zero_but_totals_take_refunds_off() -> None:
    ahead = forecast(np.tile([-3_000.0, *[1_000.0] * 6], 30), 28, coverage=0.8)
    assert ahead.expected[:7].tolist() == pytest.approx([0.0, *[1_000.0] * 6])
    assert ahead.total == pytest.approx(12_000)
    assert (ahead.total_lower, ahead.total_upper) == pytest.approx((12_000, 12_000))
    assert ahead.upper.max() == pytest.approx(1_000)


def test_weeks_in_which_all_was_free_do_not_blow_up_the_errors() -> None:
    """Past forecasts of nothing are off by at most the usual total, in tenths of it: ten or so."""
    ahead = forecast(np.append(np.zeros(42), np.full(140, 1_000.0)), 28, coverage=0.8)
    assert ahead.total == pytest.approx(28_000, rel=0.02)
    assert ahead.total_upper < 6 * ahead.total
    assert ahead.upper.max() < 10_000
    assert 0 < ahead.total_error_share < 10 * 182 / 140


def test_days_that_bring_nothing_on_average_are_refused() -> None:
    for nothing in (np.zeros(210), np.full(210, -50.0)):
        with pytest.raises(ValueError, match="Expected more than 0"):
            forecast(nothing, 28, coverage=0.8)


def test_past_forecasts_are_made_by_the_rule_as_it_was_then() -> None:
    """Twice the season, then the same again: the year before would have known, and did not."""
    season = np.ones(364)
    season[300:328] = 3.0
    young, old = np.append(season, season[:100]), np.tile(season, 4)
    assert forecast(young, 28, coverage=0.9).total_error_share > 0.1
    assert forecast(old, 28, coverage=0.9).total_error_share < 0.05
