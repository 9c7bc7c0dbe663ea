"""Rhythm by the buying process."""

import numpy as np
import pytest

from retention_ml.models.btyd.nbd import BetaGeoNBD
from retention_ml.profiles.cadence import cadence, fit_process
from tests.worlds.histories import histories_of, random_purchases

PROCESS = BetaGeoNBD(r=1.0, alpha=30.0, a=0.5, b=4.0, modified=True)


def test_the_wait_is_the_quantile_of_a_customer_who_has_not_left() -> None:
    """Rates are Gamma(r + x, alpha + t_x) at the last purchase day: the wait is a Lomax."""
    history = histories_of({"a": [0, 10, 20, 30], "b": [0]}, 60)
    rhythm = cadence(history, PROCESS, overdue_probability=0.9)
    expected = [60.0 * (2 ** (1 / 4) - 1), 30.0 * (2 - 1)]
    assert rhythm.interval_days == pytest.approx(expected)
    late = [60.0 * (10 ** (1 / 4) - 1), 30.0 * (10 - 1)]  # 46.7 and 270 days of silence
    assert late[0] > 30 > rhythm.interval_days[0]
    assert rhythm.is_overdue.tolist() == [False, False]
    assert rhythm.overdue_after_days == pytest.approx(late)
    assert cadence(
        histories_of({"a": [0, 10, 20, 30], "b": [0]}, 77), PROCESS, overdue_probability=0.9
    ).is_overdue.tolist() == [True, False]


def test_simulated_waits_exceed_the_limit_as_often_as_it_says() -> None:
    draw = np.random.default_rng(5)
    rate = draw.gamma(PROCESS.r, 1 / PROCESS.alpha, 200_000)
    wait = draw.exponential(1 / rate)
    late = PROCESS.days_to_order_quantile(np.array(0.0), np.array(0.0), 0.9)
    assert (wait > late).mean() == pytest.approx(0.1, abs=0.003)


def test_a_silent_regular_has_probably_left_and_expects_no_order() -> None:
    process = BetaGeoNBD(r=2.0, alpha=10.0, a=1.0, b=3.0, modified=True)
    history = histories_of({"a": list(range(0, 100, 5)), "b": list(range(0, 400, 5))}, 400)
    rhythm = cadence(history, process, overdue_probability=0.9)
    assert rhythm.still_customer_probability[0] < 0.05 < 0.9 < rhythm.still_customer_probability[1]
    assert np.isnan(rhythm.next_order_days[0])
    assert 0 < rhythm.next_order_days[1] < 10
    assert rhythm.is_overdue.tolist() == [True, False]


def test_one_order_per_customer_still_gives_a_process() -> None:
    history = histories_of({f"c{number}": [number] for number in range(60)}, 90)
    rhythm = cadence(history, fit_process(history), overdue_probability=0.9)
    assert np.isfinite(rhythm.interval_days).all()
    assert (
        (rhythm.still_customer_probability >= 0) & (rhythm.still_customer_probability <= 1)
    ).all()


def test_the_process_is_that_of_all_customers() -> None:
    history = histories_of(random_purchases(np.random.default_rng(2), 300, 365), 365)
    process = fit_process(history)
    assert process.modified
    mean_wait = process.alpha / process.r
    assert 5 < mean_wait < 60
