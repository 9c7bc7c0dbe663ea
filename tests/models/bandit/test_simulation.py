"""The benchmark's world and stream: late outcomes, equal seeds, logged propensities."""

from importlib.util import find_spec

import numpy as np
import pytest

from benchmarks.bandit import ARMS, fixed_shares, peer_shares, share, stream
from benchmarks.bandit_world import OUTCOME_DAYS, decisions
from retention_ml.models.bandit.choice import money_log
from retention_ml.statistics.off_policy.balance import balance


def test_the_world_is_one_in_which_learning_may_pay() -> None:
    gains = decisions(np.random.default_rng(0), 50_000).gains
    oracle = gains.max(axis=1).mean()
    email, coupon, recommendation = gains.mean(axis=0)[1:] / oracle
    assert -0.3 < email < 0.1
    assert -5.5 < coupon < -3.5
    assert 0.45 < recommendation < 0.65


def test_without_effects_no_action_is_worth_its_cost() -> None:
    gains = decisions(np.random.default_rng(0), 2000, effect=0.0).gains
    assert (gains[:, 1:] < 0).all()


def test_outcomes_are_not_used_before_their_window_has_closed() -> None:
    days = list(stream(1, per_day=30, days=OUTCOME_DAYS + 8))
    for number, (_, state) in enumerate(days):
        assert state.closed_until <= max(0, number - OUTCOME_DAYS)
        assert state.decisions_count <= 30 * max(0, number - OUTCOME_DAYS)
    assert days[-1][1].decisions_count > 0


def test_equal_seeds_give_equal_streams_whose_propensities_are_true() -> None:
    once, again = ([day for day, _ in stream(2, per_day=100, days=12)] for _ in "12")
    assert share(once) == share(again)
    assert np.array_equal(once[-1].shadow, again[-1].shadow)
    log = money_log(ARMS, once[5].log)
    assert balance(log, once[5].log.customers.features).p_value > 0.01
    assert fixed_shares(once)[0] == 0


@pytest.mark.skipif(
    find_spec("mabwiser") is not None or find_spec("vowpalwabbit") is not None,
    reason="a peer is installed here",
)
def test_peers_that_are_not_installed_are_named() -> None:
    days = [day for day, _ in stream(3, per_day=20, days=35)]
    assert peer_shares(days, 5) == {"mabwiser": None, "vowpalwabbit": None}
