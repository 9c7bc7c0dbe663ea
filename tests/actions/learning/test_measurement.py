"""What is said of an action at every training has to hold at all of them together."""

from dataclasses import replace

import numpy as np
import pytest

from retention_ml.actions.learning.evidence import Evidence
from retention_ml.actions.learning.measurement import ActionEffect, measure
from retention_ml.models.uplift.ladder import Rung
from retention_ml.settings import load

N = 600


@pytest.fixture(scope="module")
def evidence() -> Evidence:
    """Mail or none by the toss of a coin; it changes nothing, and an order is worth 10."""
    rng = np.random.default_rng(4)
    return Evidence(
        actions=("none", "mail"),
        features=("recency_days", "orders_count_90d"),
        values=rng.normal(size=(N, 2)),
        day=np.full(N, 738_000),
        customer=np.arange(N),
        action=rng.permutation(np.arange(N) % 2),
        stage=np.zeros(N, dtype=np.int64),
        chances=np.full((N, 2), 0.5),
        retained=(rng.random(N) < 0.4).astype(np.float64),
        margin=np.zeros(N),
        churn_probability=np.full(N, 0.6),
        value=np.full(N, 10.0),
        cost=np.zeros(N),
    )


def _at_cost(evidence: Evidence, cost: float) -> ActionEffect:
    return measure(replace(evidence, cost=np.full(N, cost)), "mail", load({}), meaning={})


@pytest.mark.parametrize(
    ("errors", "rung"), [(1.0, Rung.EXPERIMENT), (2.3, Rung.EXPERIMENT), (5.0, Rung.NOBODY)]
)
def test_a_loss_that_one_look_would_show_has_to_be_shown_for_all_trainings(
    evidence: Evidence, errors: float, rung: Rung
) -> None:
    dear = _at_cost(evidence, 100.0).measured
    assert dear is not None
    assert dear.comparison.learners[dear.comparison.chosen].profit.contacted_share == 0
    of_all = dear.comparison.profit_of_all
    cost = 100.0 + of_all.value + errors * of_all.error
    effect = _at_cost(evidence, cost)
    assert effect.measured is not None
    profit = effect.measured.comparison.profit_of_all
    assert profit.value == pytest.approx(-errors * profit.error)
    assert effect.rung == rung
    assert ("loses money" in effect.reason) == (rung == Rung.NOBODY)
