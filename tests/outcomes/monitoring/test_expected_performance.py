"""Performance before outcomes are known: the expectation over outcomes the probabilities imply."""

import numpy as np
import pytest

from retention_ml.outcomes.monitoring.expected_performance import SHOWN, expected
from retention_ml.statistics import metrics


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_estimate_is_what_outcomes_give_on_average(seed: int) -> None:
    draw = np.random.default_rng(seed)
    probability = draw.beta(1.2, 2.0, 1_500)
    worlds = [
        metrics.score(probability, (draw.random(1_500) < probability).astype(float))
        for _ in range(200)
    ]
    estimates = expected(probability)
    assert set(estimates) == {*SHOWN, "churn_rate"}
    for name in SHOWN:
        mean = np.mean([world[name][0] for world in worlds])
        assert estimates[name] == pytest.approx(mean, rel=0.01), name
    assert estimates["churn_rate"] == pytest.approx(probability.mean())


def test_customers_who_are_all_alike_are_expected_to_be_ranked_worse() -> None:
    draw = np.random.default_rng(1)
    spread, narrow = draw.beta(0.5, 0.5, 2_000), draw.beta(50, 50, 2_000)
    assert expected(spread)["roc_auc"] > expected(narrow)["roc_auc"] + 0.2


def test_the_estimate_is_misled_by_probabilities_that_are_not_true() -> None:
    """Why calibration on matured days is watched as well."""
    draw = np.random.default_rng(2)
    predictions = draw.beta(1, 2, 20_000)
    outcome = (draw.random(20_000) < predictions**3).astype(float)
    real = metrics.score(predictions, outcome)["brier"][0]
    assert abs(expected(predictions)["brier"] - real) > 0.03


def test_nobody_and_certainty_have_no_ranking() -> None:
    assert expected(np.array([])) == {}
    estimates = expected(np.zeros(10))
    assert "roc_auc" not in estimates
    assert estimates["brier"] == 0.0
