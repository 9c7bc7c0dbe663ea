"""The bandit decides only where its log shows that it earns more than the fixed winner."""

import numpy as np

from retention_ml.models.bandit.choice import (
    Choice,
    choose_policy,
    fixed_winner,
    money_log,
)
from retention_ml.models.bandit.customers import ClosedDecisions
from retention_ml.statistics.arrays import Floats
from retention_ml.statistics.off_policy.evaluation import Verdict
from tests.models.bandit.shops import ARMS, closed, customers, effects, lot


def _log(n: int, seed: int = 1) -> ClosedDecisions:
    shop = customers(seed, n)
    return closed(shop, lot(shop), seed=seed)


def _by_effect(decisions: ClosedDecisions) -> Floats:
    """A good shadow: the mail where it pays."""
    pays = (effects(decisions.customers)[:, 1] > 0.002).astype(int)
    return np.eye(3)[pays]


def _choose(decisions: ClosedDecisions, shadow: Floats, **changes: float) -> Choice:
    limits = {"floor": 0.01, "effective_min": 500.0} | changes
    return choose_policy(ARMS, decisions, shadow, fixed=1, **limits)  # type: ignore[arg-type]


def test_the_winner_of_the_experiment_is_the_action_that_earns_the_most_for_everybody() -> None:
    assert ARMS.names[fixed_winner(ARMS, _log(20_000))] == "email"


def test_money_is_margin_after_discount_and_cost() -> None:
    decisions = _log(200)
    rewards = money_log(ARMS, decisions).rewards
    orders = decisions.ordered == 1
    assert set(rewards[orders & (decisions.actions == 2)]) == {700.0}
    assert set(rewards[orders & (decisions.actions == 1)]) == {998.0}
    assert set(rewards[~orders]) <= {0.0, -2.0}


def test_a_bandit_that_earns_more_is_chosen() -> None:
    decisions = _log(30_000)
    choice = _choose(decisions, _by_effect(decisions), count_planned=60_000)
    assert choice.is_bandit
    assert choice.evaluation.verdict is Verdict.BETTER
    assert choice.reason.startswith("The bandit decides: it earns more than email")


def test_a_bandit_with_too_few_decisions_or_no_advantage_is_not_chosen() -> None:
    few = _log(600)
    assert not _choose(few, _by_effect(few)).is_bandit
    many = _log(30_000)
    same = _choose(many, np.tile([0.0, 1.0, 0.0], (30_000, 1)))
    assert not same.is_bandit
    assert same.evaluation.verdict is Verdict.UNDECIDED
    worse = _choose(many, np.tile([0.0, 0.0, 1.0], (30_000, 1)))
    assert worse.evaluation.verdict is Verdict.WORSE
    assert worse.reason.startswith("email for everybody stays")


def test_propensities_that_were_not_those_of_the_draw_choose_nobody() -> None:
    shop = customers(1, 20_000)
    leaning = np.where(shop.features > 0, [[0.1, 0.8, 0.1]], [[0.8, 0.1, 0.1]])
    honest = closed(shop, leaning, seed=1)
    false = ClosedDecisions(
        customers=shop,
        actions=honest.actions,
        propensities=lot(shop),
        ordered=honest.ordered,
        decided_on=honest.decided_on,
    )
    assert _choose(honest, _by_effect(honest)).evaluation.verdict is Verdict.BETTER
    refused = _choose(false, _by_effect(false))
    assert not refused.is_bandit
    assert refused.evaluation.verdict is Verdict.NOT_EVALUABLE
