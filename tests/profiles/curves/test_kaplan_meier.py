"""Kaplan–Meier against a textbook, a naive walk, and simulated worlds with known survival."""

import numpy as np
import pytest

from retention_ml.profiles.curves.kaplan_meier import kaplan_meier

# Weeks of remission under 6-MP (Freireich et al., 1963), + is censored: the example of most textbooks.
REMISSION = "6 6 6 6+ 7 9+ 10 10+ 11+ 13 16 17+ 19+ 20+ 22 23 25+ 32+ 32+ 34+ 35+".split()
# Survival and 95 % log-log interval at each event.
TEXTBOOK = {
    6: (0.857, 0.620, 0.952),
    7: (0.807, 0.563, 0.923),
    10: (0.753, 0.503, 0.889),
    13: (0.690, 0.432, 0.849),
    16: (0.627, 0.368, 0.805),
    22: (0.538, 0.268, 0.747),
    23: (0.448, 0.188, 0.680),
}


def test_the_textbook_example() -> None:
    durations = np.array([int(week.rstrip("+")) for week in REMISSION])
    is_event = np.array(["+" not in week for week in REMISSION])
    curve = kaplan_meier(durations, is_event)
    for time, expected in TEXTBOOK.items():
        assert curve.at(time) == pytest.approx(expected, abs=6e-4)
    assert curve.median() == 23
    assert curve.at(5) == (
        1.0,
        pytest.approx(np.nan, nan_ok=True),
        pytest.approx(np.nan, nan_ok=True),
    )
    assert curve.at_risk[curve.time == 10].tolist() == [15]


def test_who_is_censored_at_a_time_is_at_risk_at_it() -> None:
    curve = kaplan_meier(np.array([5, 5]), np.array([True, False]))
    assert (curve.survival.tolist(), curve.at_risk.tolist()) == ([0.5], [2])


@pytest.mark.parametrize("seed", range(20))
def test_the_curve_is_that_of_a_naive_walk(seed: int) -> None:
    draw = np.random.default_rng(seed)
    n = int(draw.integers(1, 60))
    durations, is_event = draw.integers(0, 25, n), draw.random(n) < 0.6
    curve = kaplan_meier(durations, is_event)
    share, variance = 1.0, 0.0
    for place, time in enumerate(sorted(set(durations.tolist()))):
        risk = int((durations >= time).sum())
        events = int((is_event & (durations == time)).sum())
        share *= 1 - events / risk
        variance += events / (risk * (risk - events)) if events < risk else 0.0
        assert curve.survival[place] == pytest.approx(share, abs=1e-12)
        assert (curve.at_risk[place], curve.events[place]) == (risk, events)
        if 0 < share < 1:
            spread = 1.959963984540054 * np.sqrt(variance) / abs(np.log(share))
            ends = share ** np.exp(spread), share ** np.exp(-spread)
            assert (curve.lower[place], curve.upper[place]) == pytest.approx(ends, abs=1e-12)
        else:
            assert np.isnan(curve.lower[place])


def test_intervals_cover_the_survival_of_a_simulated_world_as_often_as_they_promise() -> None:
    """1,000 shops of 300 customers, half of them censored."""
    draw = np.random.default_rng(7)
    times, rounds, n = np.array([10.0, 30.0, 60.0, 90.0]), 1_000, 300
    covered = np.zeros(len(times))
    for _ in range(rounds):
        event, until = draw.exponential(60.0, n), draw.exponential(60.0, n)
        curve = kaplan_meier(np.minimum(event, until), event <= until)
        for place, time in enumerate(times):
            _, lower, upper = curve.at(float(time))
            covered[place] += lower <= np.exp(-time / 60.0) <= upper
    assert ((covered / rounds > 0.93) & (covered / rounds < 0.97)).all(), covered / rounds


def test_without_censoring_it_is_the_share_that_is_left() -> None:
    durations = np.array([1, 2, 2, 3, 8])
    curve = kaplan_meier(durations, np.ones(5, dtype=bool))
    assert curve.survival == pytest.approx([(durations > t).mean() for t in curve.time])


@pytest.mark.parametrize("durations", [[-1.0, 2.0], [np.nan, 1.0], [np.inf, 1.0]])
def test_impossible_durations_are_refused(durations: list[float]) -> None:
    with pytest.raises(ValueError, match="negative or not finite"):
        kaplan_meier(np.array(durations), np.ones(2, dtype=bool))


def test_nobody_gives_an_empty_curve() -> None:
    curve = kaplan_meier(np.empty(0), np.empty(0, dtype=bool))
    assert (len(curve.time), np.isnan(curve.median())) == (0, True)
