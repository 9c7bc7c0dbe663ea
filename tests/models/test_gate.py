"""The gate is closed in any doubt."""

from typing import Any

import numpy as np
import pytest

from retention_ml.models.arrays import sigmoid
from retention_ml.models.gate import Gate, decide
from retention_ml.models.metrics import METRICS, Evaluation, Interval, Predictions, evaluate


def _evaluation(noise: dict[str, float], count: int = 800) -> Evaluation:
    draw = np.random.default_rng(1)
    truth = 1.5 * draw.normal(size=count)
    outcome = (draw.random(count) < sigmoid(truth)).astype(float)
    models = {name: sigmoid(truth + own * draw.normal(size=count)) for name, own in noise.items()}
    return evaluate(
        Predictions(
            days=np.zeros(count, dtype=np.int64),
            groups=np.arange(count),
            outcome=outcome,
            models=models,
        ),
        draws=200,
        seed=1,
    )


def _decide(evaluation: Any, **more: Any) -> Gate:
    options = {"baseline": "recency", "churned": 400, "retained": 400, "has_champion": False}
    return decide(evaluation, **{**options, **more})


CLEAR = _evaluation({"recency": 4.0, "lightgbm": 0.1, "logistic": 1.0})


def test_clear_evidence_without_a_champion_promotes_the_best() -> None:
    said = _decide(CLEAR)
    assert (said.verdict, said.best, said.is_challenger) == ("promote", "lightgbm", True)
    assert "The interval lies above zero" in said.reason
    assert said.evidence["roc_auc_difference_lower"] > 0


def test_with_a_champion_the_best_becomes_challenger_only() -> None:
    said = _decide(CLEAR, has_champion=True)
    assert (said.verdict, said.best, said.is_challenger) == ("keep", "lightgbm", True)


def test_among_near_equals_the_preferred_candidate_is_best() -> None:
    near = _evaluation({"recency": 4.0, "lightgbm": 0.30, "ensemble": 0.32})
    assert _decide(near).best == "lightgbm"
    assert _decide(near, preferred="ensemble").best == "ensemble"


def test_a_candidate_that_is_clearly_better_than_the_preferred_one_is_best() -> None:
    assert _decide(CLEAR, preferred="logistic").best == "lightgbm"
    assert _decide(CLEAR, preferred="not_fitted").best == "lightgbm"


def test_a_candidate_within_noise_of_the_baseline_is_not_promoted() -> None:
    said = _decide(_evaluation({"recency": 1.0, "lightgbm": 1.0}))
    assert said.verdict == "inconclusive"
    assert "The interval holds zero" in said.reason


def test_a_tie_is_not_promoted() -> None:
    world = _evaluation({"recency": 1.0})
    tied = Evaluation(
        values={**world.values, "copy": world.values["recency"]},
        draws={**world.draws, "copy": world.draws["recency"]},
    )
    assert _decide(tied).verdict == "keep"
    assert not _decide(tied).is_challenger


def test_a_candidate_that_is_worse_is_not_even_challenger() -> None:
    said = _decide(_evaluation({"recency": 0.1, "lightgbm": 5.0}))
    assert (said.verdict, said.is_challenger) == ("keep", False)
    assert "no better" in said.reason


@pytest.mark.parametrize(("churned", "retained"), [(0, 500), (500, 0), (24, 500), (500, 3)])
def test_too_few_of_one_outcome_promotes_nobody(churned: int, retained: int) -> None:
    said = _decide(CLEAR, churned=churned, retained=retained)
    assert (said.verdict, said.is_challenger) == ("keep", False)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("field", [0, 1, 2])
def test_a_metric_that_is_not_finite_takes_its_candidate_out(metric: str, field: int) -> None:
    own = dict(CLEAR.values["lightgbm"])
    numbers = [own[metric].value, own[metric].lower, own[metric].upper]
    numbers[field] = float("nan")
    own[metric] = Interval(*numbers)
    said = _decide(Evaluation(values={**CLEAR.values, "lightgbm": own}, draws=CLEAR.draws))
    assert said.best == "logistic"
    assert said.evidence["not_finite"] == ["lightgbm"]


def test_a_baseline_that_is_not_finite_promotes_nobody() -> None:
    own = {name: Interval(float("nan"), 0, 1) for name in METRICS}
    said = _decide(Evaluation(values={**CLEAR.values, "recency": own}, draws=CLEAR.draws))
    assert (said.verdict, said.is_challenger) == ("keep", False)


@pytest.mark.parametrize(
    "evaluation",
    [
        Evaluation(values={}, draws={}),
        Evaluation(values={"recency": CLEAR.values["recency"]}, draws=CLEAR.draws),
        Evaluation(values={"lightgbm": CLEAR.values["lightgbm"]}, draws=CLEAR.draws),
        Evaluation(values=CLEAR.values, draws={}),
        Evaluation(values={"recency": {}, "lightgbm": {}}, draws={}),
        None,
    ],
    ids=["nothing", "only the baseline", "no baseline", "no draws", "no metrics", "None"],
)
def test_what_cannot_be_judged_promotes_nobody(evaluation: Any) -> None:
    said = _decide(evaluation)
    assert (said.verdict, said.is_challenger) == ("keep", False)
    assert said.reason.endswith(".")


def test_the_negative_control_that_swallows_errors_would_promote() -> None:
    """The mistake this gate must not make: an exception counts as passed."""

    def naive(evaluation: Any) -> bool:
        try:
            return bool(evaluation.values["lightgbm"]["roc_auc"].value > 0.5)
        except Exception:
            return True

    assert naive(None)
    assert _decide(None).verdict == "keep"
