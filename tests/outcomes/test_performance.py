"""What scores were worth, with intervals."""

import numpy as np
import pytest

from retention_ml.outcomes import performance
from retention_ml.outcomes.performance import metrics_of, over_recency
from retention_ml.statistics.arrays import Floats, sigmoid
from retention_ml.statistics.metrics import Predictions, evaluate


def _sample(n: int, seed: int = 1) -> tuple[Floats, Floats]:
    draw = np.random.default_rng(seed)
    probability = sigmoid(draw.normal(0, 1.5, n))
    return probability, (draw.random(n) < probability).astype(float)


def test_intervals_are_those_of_resampled_customers() -> None:
    probability, churned = _sample(2_000)
    metrics = metrics_of(probability, churned, draws=800, seed=1)
    oracle = evaluate(
        Predictions(
            days=np.zeros(2_000, dtype=np.int64),
            groups=np.arange(2_000),
            outcome=churned,
            models={"m": probability},
        ),
        draws=800,
        seed=2,
    ).values["m"]
    assert set(metrics) == set(oracle)
    for name, interval in metrics.items():
        assert interval.value == pytest.approx(oracle[name].value)
        assert interval.upper - interval.lower == pytest.approx(
            oracle[name].upper - oracle[name].lower, rel=0.15
        )


def test_of_many_customers_some_are_resampled_and_the_interval_is_that_of_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    probability, churned = _sample(20_000)
    whole = metrics_of(probability, churned, draws=400, seed=1)
    monkeypatch.setattr(performance, "_INTERVAL_ROWS_MAX", 4_000)
    part = metrics_of(probability, churned, draws=400, seed=1)
    for name in ("roc_auc", "brier", "log_loss"):
        assert part[name].value == whole[name].value
        assert part[name].upper - part[name].lower == pytest.approx(
            whole[name].upper - whole[name].lower, rel=0.2
        )


def test_one_class_has_no_ranking_but_a_level() -> None:
    metrics = metrics_of(np.full(50, 0.3), np.zeros(50), draws=60, seed=1)
    assert "roc_auc" not in metrics
    assert metrics["brier"].value == pytest.approx(0.09)


def test_the_same_seed_gives_the_same_interval() -> None:
    probability, churned = _sample(500)
    assert metrics_of(probability, churned, draws=60, seed=3) == metrics_of(
        probability, churned, draws=60, seed=3
    )


def test_a_model_is_compared_with_recency_on_the_same_customers() -> None:
    draw = np.random.default_rng(4)
    recency_days = draw.integers(1, 90, 900).astype(float)
    truth = 1 / (1 + np.exp(-(recency_days - 45) / 20))
    churned = (draw.random(900) < truth).astype(float)
    same = over_recency(truth, recency_days, churned, draws=80, seed=1)
    assert same is not None
    assert tuple(same) == pytest.approx((0, 0, 0))
    lead = over_recency(np.where(churned, 0.9, 0.1), recency_days, churned, draws=80, seed=1)
    assert lead is not None
    by_recency = float(metrics_of(recency_days / 100, churned, draws=9, seed=1)["roc_auc"].value)
    assert lead.value == pytest.approx(1 - by_recency)
    assert 0 < lead.lower < lead.value < lead.upper


def test_a_day_of_one_class_has_no_lead_over_recency() -> None:
    assert over_recency(np.full(50, 0.3), np.ones(50), np.zeros(50), draws=20, seed=1) is None
