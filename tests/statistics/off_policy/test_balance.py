"""True propensities pass as often as promised; others are refused."""

from dataclasses import replace

import numpy as np

from retention_ml.statistics.off_policy.balance import balance
from retention_ml.statistics.off_policy.log import Log
from tests.statistics.off_policy.logs import N_ACTIONS, world


def _with_shares(log: Log) -> Log:
    shares = np.bincount(log.actions, minlength=N_ACTIONS) / len(log.actions)
    return replace(log, propensities=np.tile(shares, (len(log.actions), 1)))


def test_true_propensities_are_refused_as_rarely_as_promised() -> None:
    p_values = []
    for seed in range(60):
        log, features = world(seed, n=400)
        p_values.append(balance(log, features, draws=99, seed=seed).p_value)
    assert np.mean(np.array(p_values) <= 0.10) <= 0.20  # 2.6 se above the level
    assert 0.35 < np.mean(p_values) < 0.65


def test_one_over_the_number_of_actions_is_refused() -> None:
    for seed in range(3):
        log, features = world(seed, n=1000)
        even = replace(log, propensities=np.full(log.propensities.shape, 1 / N_ACTIONS))
        assert balance(even, features).p_value <= 0.01


def test_the_share_of_each_arm_is_refused_though_it_adds_up() -> None:
    for seed in range(3):
        log, features = world(seed, n=1000)
        shares = _with_shares(log)
        check = balance(shares, features)
        assert abs(check.ratio - 1) < 1e-9  # the plain sum of 1/p sees nothing
        assert check.p_value <= 0.01


def test_a_drift_of_the_policy_is_seen_without_features() -> None:
    log, _ = world(1)
    assert balance(_with_shares(log)).p_value <= 0.01


def test_an_action_that_never_arrives_is_noticed() -> None:
    log, features = world(2)
    arrived = log.actions != 2
    check = balance(log.subset(arrived), features[arrived])
    assert check.p_value <= 0.01


def test_an_action_that_is_not_allowed_or_certain_does_not_disturb() -> None:
    rng = np.random.default_rng(1)
    propensities = np.repeat([[0.5, 0.5, 0.0], [1.0, 0.0, 0.0]], 200, axis=0)
    actions = (rng.random(400) >= propensities[:, 0]).astype(np.int64)
    log = Log(actions=actions, rewards=np.zeros(400), propensities=propensities)
    assert balance(log, np.zeros((400, 1))).p_value > 0.01


def test_where_only_the_drawn_propensity_was_logged_large_errors_are_still_seen() -> None:
    log, _ = world(3, n=4000)
    drawn = np.full(log.propensities.shape, np.nan)
    rows = np.arange(len(log.actions))
    drawn[rows, log.actions] = log.drawn_propensities
    assert balance(replace(log, propensities=drawn)).p_value > 0.01
    drawn[rows, log.actions] = 1 / N_ACTIONS
    assert balance(replace(log, propensities=drawn)).p_value <= 0.01


def test_the_same_seed_gives_the_same_answer() -> None:
    log, features = world(4, n=500)
    assert balance(log, features, seed=7) == balance(log, features, seed=7)
