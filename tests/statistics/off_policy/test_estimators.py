"""Worked by hand, in a known world, and against the policy's own log."""

import numpy as np
import pytest

from retention_ml.statistics.arrays import Floats
from retention_ml.statistics.bootstrap import Interval
from retention_ml.statistics.off_policy.estimators import (
    always,
    cross_fitted_predictions,
    doubly_robust,
    effective_count,
    inverse_propensity,
    mean_interval,
    self_normalized,
    supported,
    weights,
)
from retention_ml.statistics.off_policy.log import Log
from tests.statistics.off_policy.logs import N_ACTIONS, best, expected, world

LOG = Log(
    actions=np.array([0, 1, 0, 1]),
    rewards=np.array([2.0, 4.0, 0.0, 8.0]),
    propensities=np.array([[0.5, 0.5], [0.5, 0.5], [0.8, 0.2], [0.8, 0.2]]),
)


def test_the_estimators_are_what_the_papers_say() -> None:
    policy = np.array([[0.0, 1.0], [0.0, 1.0], [0.0, 1.0], [0.5, 0.5]])
    assert weights(LOG, policy).tolist() == [0, 2, 0, 2.5]
    assert inverse_propensity(LOG, policy).value == pytest.approx((2 * 4 + 2.5 * 8) / 4)
    assert self_normalized(LOG, policy).value == pytest.approx((2 * 4 + 2.5 * 8) / 4.5)
    predictions = np.array([[1.0, 3.0], [1.0, 3.0], [1.0, 7.0], [1.0, 7.0]])
    scores = [3.0, 3 + 2 * (4 - 3), 7.0, 4 + 2.5 * (8 - 7)]
    assert doubly_robust(LOG, policy, predictions).value == pytest.approx(np.mean(scores))


def test_on_its_own_log_a_policy_is_worth_what_it_brought() -> None:
    policy = LOG.propensities
    for interval in (inverse_propensity(LOG, policy), self_normalized(LOG, policy)):
        assert interval.value == pytest.approx(LOG.rewards.mean())
    assert effective_count(weights(LOG, policy)) == 4


def test_what_could_never_be_drawn_is_not_supported() -> None:
    log = Log(
        actions=np.array([0, 0]),
        rewards=np.zeros(2),
        propensities=np.array([[0.5, 0.5], [1.0, 0.0]]),
    )
    assert supported(log, always(1, log)).tolist() == [True, False]
    assert supported(log, always(0, log)).all()
    with pytest.raises(ValueError, match="agrees with no decision"):
        self_normalized(log, always(1, log))


def test_doubly_robust_covers_and_errs_less_than_weights_alone() -> None:
    covered, errors = [], {"IPS": [], "SNIPS": [], "DR": []}
    for seed in range(1000, 1120):
        log, features = world(seed, n=1500)
        policy = best(features)
        truth = float((policy * expected(features)).sum(axis=1).mean())
        predictions = cross_fitted_predictions(
            features, log.actions, log.rewards, n_actions=N_ACTIONS
        )
        intervals: dict[str, Interval] = {
            "IPS": inverse_propensity(log, policy),
            "SNIPS": self_normalized(log, policy),
            "DR": doubly_robust(log, policy, predictions),
        }
        for name, interval in intervals.items():
            errors[name].append(interval.value - truth)
        covered.append(intervals["DR"].lower <= truth <= intervals["DR"].upper)
    rmse = {name: np.sqrt(np.mean(np.square(each))) for name, each in errors.items()}
    assert rmse["DR"] <= 0.6 * rmse["IPS"]
    assert rmse["DR"] < rmse["SNIPS"]
    assert abs(np.mean(errors["DR"])) < 3 * np.std(errors["DR"]) / np.sqrt(120)
    assert np.mean(covered) >= 0.88


def test_a_wrong_outcome_model_widens_the_interval_but_does_not_bias_it() -> None:
    errors = []
    for seed in range(40):
        log, features = world(seed, n=1500)
        policy = best(features)
        truth = float((policy * expected(features)).sum(axis=1).mean())
        wrong = np.full(policy.shape, 5.0)
        errors.append(doubly_robust(log, policy, wrong).value - truth)
        assert abs((policy * wrong).sum(axis=1).mean() - truth) > 2  # the direct method's error
    assert abs(np.mean(errors)) < 4 * np.std(errors) / np.sqrt(len(errors))


def _rotated(values: Floats) -> Floats:
    return np.concatenate([values[1:], values[:1]])


def test_predictions_do_not_know_the_outcome_of_their_own_row() -> None:
    log, features = world(1, n=500)
    first = cross_fitted_predictions(features, log.actions, log.rewards, n_actions=N_ACTIONS)
    changed = log.rewards.copy()
    changed[0] += 1000
    second = cross_fitted_predictions(features, log.actions, changed, n_actions=N_ACTIONS)
    fold = np.arange(500) % 5 == 0
    assert np.array_equal(first[fold], second[fold])
    assert not np.array_equal(_rotated(first), _rotated(second))


def test_an_interval_for_every_look_is_wider_than_one_for_a_single_look() -> None:
    scores = np.random.default_rng(1).standard_normal(4000)
    once, always_valid = mean_interval(scores), mean_interval(scores, count_planned=8000)
    assert once.value == always_valid.value
    assert 1.3 < (always_valid.upper - always_valid.lower) / (once.upper - once.lower) < 2
    assert mean_interval(np.array([1.0])).upper == np.inf
