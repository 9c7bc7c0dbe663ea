"""Metrics and their intervals."""

import numpy as np
import pytest

from retention_ml.statistics.arrays import Floats, sigmoid
from retention_ml.statistics.bootstrap import percentile_interval
from retention_ml.statistics.metrics import METRICS, Predictions, ece_by_chance, evaluate, score


def _world(count: int, seed: int, noise: float = 0.0) -> tuple[Floats, Floats]:
    draw = np.random.default_rng(seed)
    truth = draw.normal(size=count)
    outcome = (draw.random(count) < sigmoid(truth)).astype(float)
    return sigmoid(truth + noise * draw.normal(size=count)), outcome


def test_the_set_of_metrics_is_the_expected_one() -> None:
    probability, outcome = _world(100, 1)
    assert tuple(score(probability, outcome)) == METRICS


def test_a_perfect_and_a_useless_ranking_have_known_values() -> None:
    outcome = np.repeat([1.0, 0.0], 50)
    perfect = score(np.linspace(0.9, 0.1, 100), outcome)
    assert perfect["roc_auc"][0] == 1
    assert perfect["pr_auc"][0] == 1
    assert perfect["pr_auc_retained"][0] == 1
    assert perfect["lift_at_10"][0] == 2
    assert perfect["recall_at_10"][0] == pytest.approx(0.2)
    useless = score(np.full(100, 0.5), outcome)
    assert useless["roc_auc"][0] == 0.5
    assert useless["lift_at_10"][0] == pytest.approx(1)
    assert useless["ece"][0] == pytest.approx(0.5)
    assert useless["log_loss"][0] == pytest.approx(np.log(2))


def test_a_single_class_has_no_ranking_metrics() -> None:
    metrics = score(np.linspace(0.1, 0.9, 20), np.ones(20))
    assert np.isnan(metrics["roc_auc"][0])
    assert np.isnan(metrics["pr_auc_retained"][0])
    assert np.isfinite(metrics["log_loss"][0])


def test_a_weight_of_two_is_the_row_twice() -> None:
    probability, outcome = _world(200, 3)
    times = np.random.default_rng(4).integers(0, 4, 200)
    weighted = score(probability, outcome, times[None, :].astype(float))
    repeated = score(np.repeat(probability, times), np.repeat(outcome, times))
    for name in METRICS:
        if name != "ece":  # its bins are those of the rows as they are
            assert weighted[name][0] == pytest.approx(repeated[name][0]), name


def test_intervals_cover_the_truth_about_as_often_as_they_say() -> None:
    truth = float(score(*_world(200_000, 0, noise=0.5))["roc_auc"][0])
    covered = 0
    for seed in range(60):
        probability, outcome = _world(400, seed + 1, noise=0.5)
        interval = evaluate(
            Predictions(
                days=np.zeros(400, dtype=np.int64),
                groups=np.arange(400),
                outcome=outcome,
                models={"m": probability},
            ),
            draws=200,
            seed=seed,
        ).values["m"]["roc_auc"]
        covered += interval.lower <= truth <= interval.upper
    assert 51 <= covered <= 60


def _one_day(probability: dict[str, Floats], outcome: Floats) -> Predictions:
    count = len(outcome)
    return Predictions(
        days=np.zeros(count, dtype=np.int64),
        groups=np.arange(count),
        outcome=outcome,
        models=probability,
    )


def test_where_probabilities_are_true_the_interval_of_the_calibration_error_holds_it() -> None:
    is_inside_naive_interval = []
    for seed in range(10):
        probability, outcome = _world(5_000, seed)
        evaluation = evaluate(_one_day({"true": probability}, outcome), draws=200, seed=seed)
        for ece in (evaluation.values["true"]["ece"], evaluation.by_day[0]["true"]["ece"]):
            assert 0 <= ece.lower < ece.value < ece.upper < 0.05
        naive = percentile_interval(ece.value, evaluation.draws["true"]["ece"])
        assert naive.upper - ece.value > 2 * (ece.value - naive.lower)
        is_inside_naive_interval.append(naive.lower <= ece.value)
    assert not all(is_inside_naive_interval)


def test_a_difference_in_calibration_error_holds_its_value_and_may_lie_below_zero() -> None:
    probability, outcome = _world(5_000, 1)
    models = {"true": probability, "bold": sigmoid(3 * np.log(probability / (1 - probability)))}
    evaluation = evaluate(_one_day(models, outcome), draws=200, seed=1)
    better = evaluation.difference("true", "bold", "ece")
    assert better.lower < better.value < better.upper < 0
    worse = evaluation.difference("bold", "true", "ece")
    assert (worse.lower, worse.upper) == pytest.approx((-better.upper, -better.lower))


def _two_days(count: int = 1_000) -> Predictions:
    draw = np.random.default_rng(2)
    truth = np.tile(draw.normal(size=count), 2)
    outcome = (draw.random(2 * count) < sigmoid(truth)).astype(float)
    return Predictions(
        days=np.repeat([0, 1], count),
        groups=np.tile(np.arange(count), 2),
        outcome=outcome,
        models={
            "good": sigmoid(truth),
            "same": sigmoid(3 * truth),
            "worse": sigmoid(truth + draw.normal(size=2 * count)),
        },
    )


def test_a_paired_difference_is_narrower_than_the_intervals_it_compares() -> None:
    evaluation = evaluate(_two_days(), draws=300, seed=1)
    interval = evaluation.values["good"]["roc_auc"]
    difference = evaluation.difference("good", "worse", "roc_auc")
    assert difference.lower > 0
    assert difference.upper - difference.lower < interval.upper - interval.lower
    tie = evaluation.difference("good", "same", "roc_auc")
    assert tie.lower == tie.value == tie.upper == 0


def test_equal_seeds_give_equal_intervals() -> None:
    first, again = (evaluate(_two_days(), draws=100, seed=9) for _ in range(2))
    other = evaluate(_two_days(), draws=100, seed=10)
    assert first.values == again.values
    assert first.values["good"]["roc_auc"].lower != other.values["good"]["roc_auc"].lower


@pytest.mark.parametrize("count", [200, 5_000])
def test_chance_brings_as_much_calibration_error_as_true_probabilities_show(count: int) -> None:
    draw = np.random.default_rng(1)
    probability = draw.beta(2, 3, count)
    simulated = [
        score(probability, (draw.random(count) < probability).astype(float))["ece"][0]
        for _ in range(300)
    ]
    assert ece_by_chance(probability) == pytest.approx(np.mean(simulated), rel=0.06)
