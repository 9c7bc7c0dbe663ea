"""Learners compared on decisions they have not seen, and the rung of the ladder that follows."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.uplift_shops import World, decisions
from retention_ml.models.uplift import evaluation as module
from retention_ml.models.uplift.evaluation import (
    Comparison,
    Money,
    compare_learners,
    cross_fit_widening,
)
from retention_ml.models.uplift.fit import fit_uplift
from retention_ml.models.uplift.ladder import Rung, decide, errors_at_all_trainings
from retention_ml.models.uplift.learners import DEFAULT, LEARNERS
from retention_ml.models.uplift.randomisation import Randomisation, check_randomisation
from retention_ml.models.uplift.shrinkage import SlopePrior, believed_slope
from retention_ml.statistics.rate import Estimate, Profit

BY_LOT = Randomisation(auc=0.5, foreseen_z=0.0, share_z=0.0)
MONEY = Money(value=15.0, cost=1.0, budget_share=0.2)


def _compare(world: World, rows: int, seed: int = 1, names: tuple[str, ...] = ()) -> Comparison:
    sample = decisions(rows, seed, world, strength=2).sample
    return compare_learners(sample, money=MONEY, prior=SlopePrior(), seed=seed, names=names)


@pytest.fixture(scope="module")
def types() -> Comparison:
    return _compare("types", 5_000, names=tuple(LEARNERS))


def test_every_learner_is_compared_on_the_same_decisions(types: Comparison) -> None:
    assert list(types.learners) == list(LEARNERS)
    for evaluation in types.learners.values():
        assert evaluation.qini.lower > 0
        assert 0.4 < evaluation.slope.value < 1.6
        assert evaluation.profit.profit.value > types.profit_of_all.value
        assert evaluation.profit_in_budget.contacted_share <= 0.2
        assert evaluation.seconds > 0
    assert types.learners[DEFAULT].qini_above_default is None


def test_the_profit_estimated_is_near_the_true_one(types: Comparison) -> None:
    truth = decisions(100_000, seed=77, strength=2)
    bundle, _ = fit_uplift(
        decisions(5_000, 1, strength=2).sample, money=MONEY, prior=SlopePrior(), seed=1, names=()
    )
    contacted = MONEY.value * bundle.effect(truth.sample.values) > MONEY.cost
    true_profit = np.where(contacted, MONEY.value * truth.effect - MONEY.cost, 0).mean()
    estimate = types.learners[DEFAULT].profit.profit
    assert abs(estimate.value - true_profit) < 3 * estimate.error


def test_uplift_may_rank_where_the_effects_differ(types: Comparison) -> None:
    decision = decide(types, BY_LOT, rows_min=2_000)
    assert decision.rung is Rung.UPLIFT
    assert "slope" in decision.reason


@pytest.mark.parametrize("name", ["qini", "slope"])
@pytest.mark.parametrize(("above", "rung"), [(-0.2, Rung.EXPERIMENT), (0.2, Rung.UPLIFT)])
def test_what_one_look_proves_is_not_proven_at_all_trainings(
    types: Comparison, name: str, above: float, rung: Rung
) -> None:
    errors = errors_at_all_trainings(types.rows, rows_min=2_000, error_rate=0.05)
    assert 2.7 < errors < 3.2
    sure = replace(types.learners[types.chosen], qini=Estimate(0.1, 0.01), slope=Estimate(1.0, 0.1))
    figure = replace(sure, **{name: Estimate((errors + above) * 0.1, 0.1)})
    comparison = replace(types, learners={types.chosen: figure})
    assert decide(comparison, BY_LOT, rows_min=2_000).rung is Rung.UPLIFT
    assert decide(comparison, BY_LOT, rows_min=2_000, errors=errors).rung is rung


def test_with_fewer_decisions_than_asked_for_the_lot_goes_on(types: Comparison) -> None:
    decision = decide(types, BY_LOT, rows_min=5_001)
    assert decision.rung is Rung.EXPERIMENT
    assert "5,000" in decision.reason
    assert "5,001" in decision.reason


def test_where_contacts_change_nothing_nobody_is_ranked() -> None:
    comparison = _compare("none", 4_000)
    decision = decide(comparison, BY_LOT, rows_min=2_000)
    assert decision.rung in (Rung.EXPERIMENT, Rung.NOBODY)
    free = decide(replace(comparison, profit_of_all=Estimate(0.0, 0.1)), BY_LOT, rows_min=2_000)
    assert free.rung is not Rung.UPLIFT


def test_where_contacts_do_harm_nobody_is_contacted() -> None:
    decision = decide(_compare("harm", 4_000), BY_LOT, rows_min=2_000)
    assert decision.rung is Rung.NOBODY
    assert "loses money" in decision.reason


def test_harm_is_said_of_few_decisions_and_only_where_the_interval_is_below_zero() -> None:
    comparison = _compare("harm", 4_000)
    assert decide(comparison, BY_LOT, rows_min=4_001).rung is Rung.NOBODY
    evaluation = comparison.learners[DEFAULT]
    unsure = Profit(profit=Estimate(-1.0, 0.6), contacted_share=0.5)
    learners = {DEFAULT: replace(evaluation, profit=unsure)}
    decision = decide(replace(comparison, learners=learners), BY_LOT, rows_min=4_001)
    assert decision.rung is Rung.EXPERIMENT


def test_contacts_not_drawn_by_lot_prove_nothing(types: Comparison) -> None:
    foreseen = Randomisation(auc=0.8, foreseen_z=30.0, share_z=0.0)
    decision = decide(types, foreseen, rows_min=2_000)
    assert decision.rung is Rung.RULE
    assert "observational" in decision.reason
    off = decide(types, replace(BY_LOT, share_z=9.0), rows_min=2_000)
    assert off.rung is Rung.RULE
    assert "standard errors above" in off.reason


def test_equal_decisions_give_equal_figures() -> None:
    one, other = _compare("types", 1_000), _compare("types", 1_000)
    evaluations = (one.learners[DEFAULT], other.learners[DEFAULT])
    assert replace(evaluations[0], seconds=0.0) == replace(evaluations[1], seconds=0.0)


def test_the_errors_of_noise_are_widened_and_those_of_a_sure_slope_are_not() -> None:
    assert cross_fit_widening(Estimate(0.1, 0.5)) == pytest.approx(np.sqrt(2))
    assert cross_fit_widening(Estimate(1.0, 0.01)) == pytest.approx(1.0, abs=0.02)
    assert cross_fit_widening(Estimate(0.0, float("inf"))) == pytest.approx(np.sqrt(2))


def test_the_profit_is_that_of_effects_shrunk_as_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    errors = []

    def believed(measured: Estimate, prior: SlopePrior) -> float:
        errors.append(measured.error)
        return believed_slope(measured, prior)

    monkeypatch.setattr(module, "believed_slope", believed)
    reported = _compare("none", 2_000).learners[DEFAULT].slope.error
    # Four fifths of the customers say less than all: about 1.12 times the error.
    assert errors[-1] == reported
    assert min(errors[:-1]) > reported


def test_contacts_drawn_by_lot_are_not_foreseen() -> None:
    checks = [check_randomisation(decisions(3_000, seed).sample, seed) for seed in range(5)]
    assert [check.fault for check in checks] == [None] * 5
    assert all(0.45 < check.auc < 0.55 for check in checks)


def test_contacts_aimed_at_the_best_are_foreseen_unless_their_propensities_are_logged() -> None:
    sample = decisions(4_000, seed=9).sample
    rng = np.random.default_rng(10)
    propensity = 1 / (1 + np.exp(-1.5 * sample.values[:, 0]))
    aimed = replace(sample, treated=rng.random(4_000) < propensity, propensity=propensity)
    assert check_randomisation(aimed, 1).fault is None
    share = replace(aimed, propensity=np.full(4_000, aimed.treated.mean()))
    fault = check_randomisation(share, 1).fault
    assert fault is not None
    assert "foresee" in fault


def test_a_rule_that_no_line_can_foresee_is_foreseen_by_trees() -> None:
    sample = decisions(4_000, seed=11).sample
    rng = np.random.default_rng(12)
    middle = np.abs(sample.values[:, 0]) < 0.7
    treated = rng.random(4_000) < np.where(middle, 0.8, 0.2)
    aimed = replace(sample, treated=treated, propensity=np.full(4_000, treated.mean()))
    assert check_randomisation(aimed, 1).is_foreseen


def test_a_share_far_from_the_propensity_is_noticed() -> None:
    sample = decisions(4_000, seed=13).sample
    fault = check_randomisation(replace(sample, propensity=np.full(4_000, 0.3)), 1).fault
    assert fault is not None
    assert "above the propensities" in fault
