"""The benchmarks of the closed loop on small shops: their rules, and what they must show."""

import numpy as np
import pytest

from benchmarks import labels_bias
from benchmarks.closed_loop import POLICIES, Loop, run
from benchmarks.closed_loop_readout import least_half_width, profit_interval
from retention_ml.simulate.response.worlds import FOUR_TYPES, NO_EFFECT

EMAIL = FOUR_TYPES.only("email")
SMALL = {"customers": 6_000, "weeks": 16}


@pytest.fixture(scope="module")
def loops() -> dict[str, Loop]:
    """Every policy in the world of four types."""
    return {name: run(name, EMAIL, seed=3, **SMALL) for name in POLICIES}


def test_nobody_earns_more_than_the_oracle_and_the_riskiest_earn_least(
    loops: dict[str, Loop],
) -> None:
    net = {name: loop.net.sum() for name, loop in loops.items()}
    assert net["oracle"] > 3 * max(net["lot"], net["learn"], net["risk"])
    assert (loops["oracle"].net >= 0).all()
    assert net["learn"] > net["risk"]
    assert net["lot"] > net["risk"]


def test_all_policies_keep_budget_and_holdout(loops: dict[str, Loop]) -> None:
    holdouts = set()
    for loop in loops.values():
        decisions = loop.decisions
        rounds = decisions.round_number
        for number in np.unique(rounds):
            current = decisions.rows(rounds == number)
            assert current.propensity.mean() <= 0.5 + 1e-9
            assert len(set(current.customer.tolist())) == len(current)
        holdouts.add(frozenset(range(6_000)) - frozenset(decisions.customer.tolist()))
    assert min(map(len, holdouts)) > 500
    assert set(loops["learn"].decisions.propensity.round(6).tolist()) <= {0.5, 0.05, 0.95}


def test_the_readout_of_the_decisions_is_right_and_narrower_than_that_of_the_holdout(
    loops: dict[str, Loop],
) -> None:
    for name in ("lot", "learn"):
        decisions = loops[name].decisions
        estimate, half_width = profit_interval(decisions, EMAIL)
        assert abs(estimate - loops[name].net.sum()) < 1.8 * half_width
        assert half_width < loops[name].holdout_half_width / 2
        # No model forecasts better than the truth, and ours is near to it.
        assert 0.85 * half_width < least_half_width(decisions) < half_width


def test_the_more_is_left_to_the_lot_the_narrower_the_readout(loops: dict[str, Loop]) -> None:
    much = run("learn", EMAIL, seed=3, explore_share=0.3, **SMALL)
    assert set(much.decisions.propensity.round(6).tolist()) <= {0.5, 0.15, 0.85}
    widths = [profit_interval(each.decisions, EMAIL)[1] for each in (much, loops["learn"])]
    assert widths[0] < widths[1]


def test_equal_seeds_give_equal_runs() -> None:
    one, two = (run("learn", EMAIL, seed=4, customers=2_000, weeks=8) for _ in range(2))
    np.testing.assert_array_equal(one.net, two.net)
    np.testing.assert_array_equal(one.decisions.features, two.decisions.features)


def test_without_an_effect_it_stops_by_itself() -> None:
    world = NO_EFFECT.only("email")
    learn = run("learn", world, seed=5, customers=20_000, weeks=12)
    risk = run("risk", world, seed=5, customers=20_000, weeks=12)
    assert learn.stopped[True] <= 4
    assert 0 > learn.net.sum() > 0.6 * risk.net.sum()
    assert learn.net[-1] > 0.2 * risk.net[-1]


def test_ignoring_contacts_biases_the_labels_and_leaving_them_out_does_not() -> None:
    bias = labels_bias.biases(seed=1, customers=12_000, count=5)
    assert set(bias) == set(labels_bias.LABELS)
    risky, quiet = ({name: values[k] for name, values in bias.items()} for k in (0, 1))
    assert risky["ignore contacts"] - risky["no campaign"] > 0.006
    assert abs(risky["leave out"] - risky["no campaign"]) < 0.006
    assert quiet["ignore contacts"] > quiet["no campaign"]


def test_a_model_is_evaluated_on_those_left_alone_with_weights() -> None:
    errors = labels_bias.evaluation_errors(seed=1, customers=12_000, count=5)
    assert set(errors) == set(labels_bias.POPULATIONS)
    brier = {name: abs(values[1]) for name, values in errors.items()}
    assert brier["leave out, weighted"] < 0.004
    assert brier["leave out"] > 0.01
