"""Comparisons where the platform decides anew every day: as in a world without its contacts."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from retention_ml.labels.definition import ChurnDefinition
from retention_ml.labels.left_alone import left_alone_weights
from retention_ml.outcomes.contacts import Contamination, contamination
from retention_ml.outcomes.forecasts import Forecasts, ScoredSnapshot
from retention_ml.outcomes.performance import ALL, performance
from retention_ml.outcomes.trial.look import InterimAnalysis
from retention_ml.statistics.arrays import Floats
from retention_ml.statistics.metrics import Predictions, evaluate
from tests.worlds.daily_campaign import DAY, DailyCampaign

DEFINITION = ChurnDefinition(active_days=90, lead_days=0, horizon_days=DailyCampaign.DAYS)
WORLDS = 3


@pytest.fixture(scope="module")
def worlds() -> list[DailyCampaign]:
    return [DailyCampaign(seed) for seed in range(1, WORLDS + 1)]


def _truth(world: DailyCampaign) -> Floats:
    """P(no order in the window) of a world without contacts."""
    return np.asarray((1 - world.rate) ** world.DAYS)


def _churned(world: DailyCampaign) -> Floats:
    return (world.time_to_next_order >= world.DAYS).astype(float)


def _contamination(world: DailyCampaign) -> Contamination:
    rows = world.contacts.drop_columns("event_at")
    return contamination(world.names, rows.append_column("is_own", pa.repeat(True, rows.num_rows)))


def _forecasts(world: DailyCampaign, champion: Floats, challenger: Floats) -> Forecasts:
    n = len(world.rate)
    return Forecasts(
        snapshot=ScoredSnapshot(
            snapshot_id=1,
            as_of=DAY,
            champion_version="1",
            champion_sha256="a",
            challenger_version="2",
            challenger_sha256="b",
            challenger_share=0.1,
        ),
        customer_ids=world.names,
        champion=champion,
        challenger=challenger,
        assigned_to_challenger=np.zeros(n, dtype=bool),
        churned=_churned(world),
        is_abnormal=np.zeros(n, dtype=bool),
        contamination=_contamination(world),
        segments={},
        revenue_cents=np.zeros(n),
        recency_days=np.full(n, np.nan),
        unlabelled_count=0,
    )


def _briers(world: DailyCampaign, weights: Floats | None) -> float:
    n = len(world.rate)
    truth = _truth(world)
    predictions = Predictions(
        days=np.zeros(n, dtype=np.int64),
        groups=np.arange(n),
        outcome=_churned(world),
        models={"truth": truth},
        weights=weights,
    )
    value = evaluate(predictions, draws=2, seed=1).values["truth"]["brier"].value
    return value - float((truth * (1 - truth)).mean())


def test_a_training_evaluates_as_if_nobody_had_been_contacted(worlds: list[DailyCampaign]) -> None:
    errors: dict[str, list[float]] = {"weighted": [], "contacts ignored": [], "left out": []}
    for world in worlds:
        weights = left_alone_weights(
            DEFINITION, DAY, world.names, world.time_to_next_order, world.contacts
        )
        errors["weighted"].append(_briers(world, weights))
        errors["contacts ignored"].append(_briers(world, None))
        errors["left out"].append(_briers(world, np.isinf(world.contacted_at).astype(float)))
    means = {name: round(float(np.mean(each)), 4) for name, each in errors.items()}
    assert abs(means["weighted"]) <= 0.003, means
    # Left out and not weighted is further off than doing nothing.
    assert means["left out"] > 2 * means["contacts ignored"] > 0.006, means


def test_published_scores_are_measured_on_those_left_alone(worlds: list[DailyCampaign]) -> None:
    gaps: dict[str, list[float]] = {"measured": [], "left out, not weighted": []}
    for world in worlds:
        truth = _truth(world)
        forecasts = _forecasts(world, truth, truth)
        rows = performance(forecasts, draws=2, seed=1)
        brier = next(r["value"] for r in rows if (r["segment"], r["metric"]) == (ALL, "brier"))
        without = replace(forecasts.contamination, has_own=False)
        rows = performance(replace(forecasts, contamination=without), draws=2, seed=1)
        naive = next(r["value"] for r in rows if (r["segment"], r["metric"]) == (ALL, "brier"))
        target = float((truth * (1 - truth)).mean())
        gaps["measured"].append(float(str(brier)) - target)
        gaps["left out, not weighted"].append(float(str(naive)) - target)
    means = {name: round(float(np.mean(each)), 4) for name, each in gaps.items()}
    assert abs(means["measured"]) <= 0.004, means
    assert means["left out, not weighted"] > 0.01, means


def _mean_difference(world: DailyCampaign, forecasts: Forecasts) -> float:
    analysis = InterimAnalysis(window_days=DailyCampaign.DAYS, salt="s")
    analysis.add(forecasts)
    sample = analysis._not_contacted.sample()
    return float(
        np.mean((sample.champion - sample.churned) ** 2 - (sample.challenger - sample.churned) ** 2)
    )


def test_a_trial_does_not_favour_a_model_that_learned_from_who_orders_alone(
    worlds: list[DailyCampaign],
) -> None:
    expected, measured, naive = [], [], []
    for world in worlds:
        truth = _truth(world)
        biased = np.clip(truth - 0.08, 0.01, 0.99)  # what leaving out without weights teaches
        forecasts = _forecasts(world, truth, biased)
        expected.append(float(-np.mean((biased - truth) ** 2)))
        measured.append(_mean_difference(world, forecasts))
        without = replace(forecasts.contamination, has_own=False)
        naive.append(_mean_difference(world, replace(forecasts, contamination=without)))
    assert np.mean(expected) < 0
    assert np.mean(measured) < 0
    assert abs(np.mean(measured) - np.mean(expected)) < 0.004, (measured, expected)
    # Not weighted, the biased model would be the better one.
    assert np.mean(naive) > 0
