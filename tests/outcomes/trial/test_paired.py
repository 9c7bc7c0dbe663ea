"""Differences of two models on the same customers, and of the arms they served."""

import numpy as np
import pytest

from retention_ml.outcomes.trial.arms import arms
from retention_ml.outcomes.trial.paired import paired, roc_auc
from retention_ml.outcomes.trial.sample import TrialSample
from retention_ml.statistics.arrays import Floats, sigmoid
from retention_ml.statistics.metrics import OUTCOMES_MIN, Predictions, evaluate, score


def _sample(
    champion: Floats,
    challenger: Floats,
    churned: Floats,
    *,
    days: Floats | None = None,
    customers: Floats | None = None,
    assigned_to_challenger: Floats | None = None,
    **segments: Floats,
) -> TrialSample:
    n = len(churned)
    return TrialSample(
        days=np.full(n, 1) if days is None else days.astype(np.int64),
        codes=(np.arange(n) if customers is None else customers).astype(np.uint64),
        champion=champion,
        challenger=challenger,
        churned=churned,
        assigned_to_challenger=np.zeros(n, bool)
        if assigned_to_challenger is None
        else assigned_to_challenger.astype(bool),
        revenue_cents=np.zeros(n),
        segments={name: inside.astype(bool) for name, inside in segments.items()},
        whole_days=(1,),
    )


def _world(count: int, seed: int) -> tuple[Floats, Floats, Floats]:
    draw = np.random.default_rng(seed)
    log_odds = draw.normal(0, 1.5, count)
    churned = (draw.random(count) < sigmoid(log_odds)).astype(float)
    champion = sigmoid(log_odds + draw.normal(0, 1, count))
    return champion.round(2), sigmoid(log_odds).round(2), churned


def test_values_are_those_of_the_metrics() -> None:
    champion, challenger, churned = _world(2_000, 1)
    rows = {row.metric: row for row in paired(_sample(champion, challenger, churned))}
    for metric, row in rows.items():
        assert row.champion_value == pytest.approx(score(champion, churned)[metric][0])
        assert row.challenger_value == pytest.approx(score(challenger, churned)[metric][0])
        assert row.difference == pytest.approx(row.challenger_value - row.champion_value)


@pytest.mark.parametrize("windows", [1, 3])
def test_intervals_agree_with_resampling_customers(windows: int) -> None:
    """Oracle: the paired bootstrap over customers, each with `windows` equal outcomes."""
    champion, challenger, churned = (np.tile(one, windows) for one in _world(1_500, 2))
    customers = np.tile(np.arange(1_500), windows)
    days = np.repeat(np.arange(windows), 1_500)
    sample = _sample(champion, challenger, churned, days=days, customers=customers)
    drawn = evaluate(
        Predictions(
            days=days,
            groups=customers,
            outcome=churned,
            models={"champion": champion, "challenger": challenger},
        ),
        draws=1_000,
        seed=3,
    )
    for row in paired(sample):
        oracle = drawn.difference("challenger", "champion", row.metric)
        width, expected = row.upper - row.lower, oracle.upper - oracle.lower
        assert row.difference == pytest.approx(oracle.value)
        assert width == pytest.approx(expected, rel=0.1)


def test_counting_the_same_outcomes_again_adds_no_evidence() -> None:
    once = _world(800, 4)
    thrice = [np.tile(one, 3) for one in once]
    customers = np.tile(np.arange(800), 3)
    [single] = [row for row in paired(_sample(*once)) if row.metric == "brier"]
    [clustered] = [
        row for row in paired(_sample(*thrice, customers=customers)) if row.metric == "brier"
    ]
    [naive] = [row for row in paired(_sample(*thrice)) if row.metric == "brier"]
    assert clustered.upper - clustered.lower == pytest.approx(single.upper - single.lower)
    assert naive.upper - naive.lower < 0.6 * (single.upper - single.lower)


def test_customers_are_ranked_within_their_day_only() -> None:
    # Everybody of the second day churns more, and both models say less: across days, order is lost.
    days = np.repeat([1, 2], 4)
    churned = np.array([1.0, 0, 0, 0, 1, 1, 1, 0])
    probability = np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2])
    value, influence = roc_auc(probability, churned, days)
    assert value == 1
    assert influence == pytest.approx(np.zeros(8))


def test_a_day_of_one_class_says_nothing_about_order() -> None:
    value, _ = roc_auc(np.array([0.1, 0.2]), np.array([1.0, 1.0]), np.array([1, 1]))
    assert np.isnan(value)


def test_a_segment_with_few_outcomes_is_not_compared() -> None:
    champion, challenger, churned = _world(1_000, 5)
    few = np.zeros(1_000)
    few[np.flatnonzero(churned == 1)[: OUTCOMES_MIN - 1]] = 1
    few[np.flatnonzero(churned == 0)[:100]] = 1
    many = np.arange(1_000) < 500
    rows = paired(_sample(champion, challenger, churned, few=few, many=many))
    assert {row.segment for row in rows} == {"all", "many"}


def test_newcombe_s_example() -> None:
    """Newcombe (1998), table II, method 10: 56/70 - 48/80 is .2000 (.0524 to .3339)."""
    mask = np.arange(150) < 70
    retained = np.concatenate([np.arange(70) < 56, np.arange(80) < 48]).astype(float)
    row = arms(_sample(retained, retained, 1 - retained, assigned_to_challenger=mask), "all")
    assert row is not None
    assert row.difference == pytest.approx(0.2)
    assert (row.lower, row.upper) == (
        pytest.approx(0.0524, abs=5e-4), pytest.approx(0.3339, abs=5e-4),
    )  # fmt: skip


def test_an_arm_without_customers_is_no_comparison() -> None:
    champion, challenger, churned = _world(50, 6)
    assert arms(_sample(champion, challenger, churned), "all") is None


def test_customers_counted_in_several_windows_make_no_narrower_arms() -> None:
    champion, challenger, churned = _world(600, 7)
    mask = np.arange(600) < 100
    once = arms(_sample(champion, challenger, churned, assigned_to_challenger=mask), "all")
    four = [np.tile(one, 4) for one in (champion, challenger, churned)]
    many = arms(
        _sample(
            *four, customers=np.tile(np.arange(600), 4), assigned_to_challenger=np.tile(mask, 4)
        ),
        "all",
    )
    assert once is not None
    assert many is not None
    assert many.upper - many.lower == pytest.approx(once.upper - once.lower, rel=0.02)
