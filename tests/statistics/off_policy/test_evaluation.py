"""What can be evaluated is judged right; what cannot says why."""

from dataclasses import replace

import numpy as np
import pytest

from retention_ml.statistics.arrays import Floats
from retention_ml.statistics.off_policy.estimators import always, cross_fitted_predictions
from retention_ml.statistics.off_policy.evaluation import Evaluation, Verdict, evaluate_policy
from retention_ml.statistics.off_policy.log import Log
from tests.statistics.off_policy.logs import N_ACTIONS, best, world


def _evaluate(
    log: Log, features: Floats, policy: Floats, other: Floats, **limits: float
) -> Evaluation:
    parameters = {"floor": 0.05, "effective_min": 100.0} | limits
    return evaluate_policy(
        log,
        policy,
        cross_fitted_predictions(features, log.actions, log.rewards, n_actions=N_ACTIONS),
        other=other,
        features=features,
        **parameters,  # type: ignore[arg-type]
    )


def test_a_better_policy_is_better_and_the_other_one_worse() -> None:
    log, features = world(1)
    forwards = _evaluate(log, features, best(features), always(0, log))
    backwards = _evaluate(log, features, always(0, log), best(features))
    assert forwards.verdict is Verdict.BETTER
    assert backwards.verdict is Verdict.WORSE
    assert forwards.difference is not None
    assert backwards.difference is not None
    assert forwards.difference.lower == pytest.approx(-backwards.difference.upper)
    assert forwards.support_share == 1
    assert forwards.weight_max <= 1 / 0.05 + 1e-9
    assert forwards.value is not None


def test_two_equal_policies_stay_undecided() -> None:
    log, features = world(2)
    same = _evaluate(log, features, always(1, log), always(1, log))
    assert same.verdict is Verdict.UNDECIDED
    assert same.difference is not None
    assert same.difference.value == 0


def test_an_interval_for_every_look_decides_later() -> None:
    log, features = world(1, n=150)
    once = _evaluate(log, features, best(features), always(2, log), effective_min=10)
    ever = _evaluate(
        log, features, best(features), always(2, log), effective_min=10, count_planned=100_000
    )
    assert once.difference is not None
    assert ever.difference is not None
    assert ever.difference.lower < once.difference.lower


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"floor": 0.2}, "one decision would stand for too many"),
        ({"effective_min": 1e6}, "wait, or explore more"),
    ],
)
def test_too_little_evidence_is_no_verdict(changes: dict[str, float], words: str) -> None:
    log, features = world(3)
    evaluation = _evaluate(log, features, best(features), always(0, log), **changes)
    assert evaluation.verdict is Verdict.NOT_EVALUABLE
    assert words in evaluation.reason
    assert evaluation.value is None
    assert evaluation.difference is None


def test_wrong_propensities_are_refused_before_anything_is_estimated() -> None:
    log, features = world(4)
    even = replace(log, propensities=np.full(log.propensities.shape, 1 / N_ACTIONS))
    evaluation = _evaluate(even, features, best(features), always(0, log))
    assert evaluation.verdict is Verdict.NOT_EVALUABLE
    assert "not distributed as the logged propensities say" in evaluation.reason
    assert evaluation.value is None


def test_an_action_that_was_hardly_ever_allowed_cannot_be_evaluated() -> None:
    log, features = world(5)
    rows = np.arange(len(log.actions)) < 600
    only = log.propensities.copy()
    only[~rows] = np.eye(N_ACTIONS)[log.actions[~rows]]
    evaluation = _evaluate(
        replace(log, propensities=only), features, always(0, log), always(1, log)
    )
    assert evaluation.verdict is Verdict.NOT_EVALUABLE
    assert "could have been followed" in evaluation.reason
    assert evaluation.support_share == pytest.approx(0.2)
