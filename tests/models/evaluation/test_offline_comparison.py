"""Candidate against champion: better, worse, tied, tiny, one class; it fails closed."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from retention_ml.models.evaluation import checks
from retention_ml.models.evaluation.checks import Check, PromotionCriteria, hard_limits
from retention_ml.models.evaluation.offline_comparison import (
    CANDIDATE,
    CHAMPION,
    OfflineComparison,
    _tier_moves,
    compare_offline,
    tier_positions,
)
from retention_ml.statistics.arrays import Bools, Floats, sigmoid
from retention_ml.statistics.bootstrap import Interval
from retention_ml.statistics.metrics import Predictions, evaluate
from retention_ml.statistics.profit import Offer

CRITERIA = PromotionCriteria(
    auc_margin=0.005,
    segment_margin=0.02,
    ece_max=0.10,
    tier_moves_max=0.6,
    tier_bounds=(0.35, 0.6, 0.8),
    seconds_per_thousand_max=5,
    megabytes_max=64,
)
OFFER = Offer(cost_cents=500, save_rate=0.1, margin_share=0.3, budget_share=0.1, minor_units=100)


def _limits(**measured: float) -> list[Check]:
    light = {"ece": 0.02, "ece_by_chance": 0.0, "seconds_per_thousand": 0.01, "megabytes": 1.0}
    return hard_limits(CRITERIA, **{**light, **measured})


def _world(
    *,
    candidate: float = 0.2,
    champion: float = 0.2,
    count: int = 3_000,
    seed: int = 1,
    days: int = 2,
    base: float = 0.0,
) -> Predictions:
    """Every model knows the truth up to its own noise, and is calibrated for what it knows."""
    draw = np.random.default_rng(seed)
    customer = np.tile(np.arange(count // days), days)
    signal = 1.5 * draw.normal(size=len(customer))
    outcome = (draw.random(len(customer)) < sigmoid(signal + base)).astype(float)

    def predict(noise: float) -> Floats:
        share = 1.5**2 / (1.5**2 + noise**2)
        observed = share * (signal + noise * draw.normal(size=len(signal)))
        return sigmoid(observed / np.sqrt(1 + np.pi / 8 * 1.5**2 * (1 - share)) + base)

    return Predictions(
        days=np.repeat(np.arange(days) + 20_000, count // days),
        groups=customer,
        outcome=outcome,
        models={CANDIDATE: predict(candidate), CHAMPION: predict(champion)},
    )


def _segments(world: Predictions) -> dict[str, Bools]:
    once = world.groups % 2 == 0
    return {"bought_once": once, "bought_more": ~once}


def _compare(world: Predictions, **more: Any) -> OfflineComparison:
    options = {
        "segments": _segments(world),
        "revenue_cents": np.full(len(world.outcome), 50_000.0),
        "criteria": CRITERIA,
        "offer": OFFER,
        "limits": _limits(),
        "draws": 200,
        "seed": 1,
    }
    return compare_offline(world, **{**options, **more})


def _statuses(comparison: OfflineComparison) -> dict[str, str]:
    return {check["what"]: check["outcome"] for check in comparison.evidence.get("findings", ())}


def test_a_candidate_that_is_better_in_all_is_promoted_with_every_figure() -> None:
    comparison = _compare(_world(candidate=0.1, champion=2.0))
    assert comparison.verdict == "promote"
    assert _statuses(comparison)["brier"] == "better"
    assert "It is better, and no worse in any check." in comparison.reason
    evidence = json.loads(json.dumps(comparison.evidence, allow_nan=False))
    assert evidence["customers"] == 1_500
    assert evidence["predictions"] == 3_000
    assert evidence["days"] == ["2024-10-04", "2024-10-05"]
    for metric in ("roc_auc", "log_loss", "brier", "ece", "profit_per_thousand"):
        assert set(evidence["metrics"][metric]) == {"candidate", "champion", "difference"}
    assert evidence["segments"]["bought_once"]["is_judged"]
    assert 0 < evidence["tier_moves_share"] < 1
    assert len(evidence["findings"]) == 10


def test_a_candidate_that_is_worse_is_kept_out_with_the_reason() -> None:
    comparison = _compare(_world(candidate=2.0, champion=0.1))
    assert comparison.verdict == "keep"
    assert _statuses(comparison)["roc_auc"] == _statuses(comparison)["brier"] == "failed"
    assert "It is worse or unfit, so the champion stays." in comparison.reason


@pytest.mark.parametrize("seed", range(6))
def test_a_candidate_within_noise_is_not_promoted(seed: int) -> None:
    comparison = _compare(_world(candidate=0.5, champion=0.5, seed=seed))
    assert comparison.verdict != "promote"


def test_equals_are_promoted_in_no_more_than_one_of_twenty_worlds() -> None:
    verdicts = [
        _compare(_world(candidate=0.4, champion=0.4, seed=seed, count=800), draws=100).verdict
        for seed in range(60)
    ]
    assert verdicts.count("promote") <= 3
    assert verdicts.count("inconclusive") >= 45


def test_an_identical_candidate_is_kept_out() -> None:
    world = _world()
    same = replace(world, models={**world.models, CANDIDATE: world.models[CHAMPION].copy()})
    comparison = _compare(same)
    assert comparison.verdict == "keep"
    assert "identical to the champion" in comparison.reason


@pytest.mark.parametrize("base", [-8.0, 8.0])
def test_one_class_is_kept_out(base: float) -> None:
    comparison = _compare(_world(candidate=0.1, champion=2.0, base=base))
    assert comparison.verdict == "keep"
    assert "at least 25 of each on a day are needed" in comparison.reason


def test_a_tiny_sample_is_kept_out() -> None:
    comparison = _compare(_world(candidate=0.1, champion=3.0, count=60))
    assert comparison.verdict == "keep"
    assert "at least 25 of each on a day are needed" in comparison.reason


def test_a_day_with_too_few_of_an_outcome_is_left_out() -> None:
    world = _world(candidate=0.1, champion=2.0)
    second = world.days == world.days.max()
    comparison = _compare(replace(world, outcome=np.where(second, 0.0, world.outcome)))
    assert comparison.evidence["days"] == ["2024-10-04"]
    assert comparison.evidence["predictions"] == 1_500


def test_a_small_segment_is_reported_and_not_evaluated() -> None:
    world = _world(candidate=0.1, champion=2.0)
    few = world.groups < 20
    comparison = _compare(world, segments={"country_Malta": few, "bought_more": ~few})
    assert comparison.verdict == "promote"
    assert comparison.evidence["segments"]["country_Malta"]["is_judged"] is False
    assert comparison.evidence["segments"]["country_Malta"]["predictions"] == 40


def test_an_empty_segment_is_reported_and_without_any_evaluated_one_nothing_is_promoted() -> None:
    world = _world(candidate=0.1, champion=2.0)
    nobody = np.zeros(len(world.outcome), dtype=np.bool_)
    assert _compare(world, segments={**_segments(world), "empty": nobody}).verdict == "promote"
    comparison = _compare(world, segments={"empty": nobody})
    assert comparison.verdict == "keep"
    assert "none could be evaluated" in comparison.reason


def test_a_candidate_that_fails_in_one_segment_is_kept_out_and_the_segment_is_named() -> None:
    """Better over all by far: a gate on the whole alone would promote it."""
    world = _world(candidate=0.1, champion=2.0, count=8_000)
    once = world.groups % 8 == 0
    draw = np.random.default_rng(3)
    models = dict(world.models)
    models[CANDIDATE] = np.where(once, draw.permutation(models[CANDIDATE]), models[CANDIDATE])
    harmed = replace(world, models=models)
    segments = {"bought_once": once, "bought_more": ~once}
    comparison = _compare(harmed, segments=segments)
    overall = evaluate(harmed, draws=200, seed=1).difference(CANDIDATE, CHAMPION, "brier")
    assert overall.upper < 0
    assert comparison.verdict == "keep"
    assert "in bought on one day, of 2 segments evaluated" in comparison.reason


def test_a_segment_in_which_nothing_is_shown_leaves_it_open() -> None:
    world = _world(candidate=0.1, champion=1.0, count=4_000)
    part = np.random.default_rng(2).random(2_000)[world.groups] < 0.06
    models = dict(world.models)
    models[CANDIDATE] = np.where(part, models[CHAMPION] * 0.999, models[CANDIDATE])
    noise = np.random.default_rng(5).normal(size=len(part))
    models[CANDIDATE] = np.where(
        part, np.clip(models[CANDIDATE] + 0.08 * noise, 0.01, 0.99), models[CANDIDATE]
    )
    comparison = _compare(
        replace(world, models=models), segments={"newest_third": part, "rest": ~part}
    )
    assert _statuses(comparison)["segments"] == "open"
    assert comparison.verdict == "inconclusive"
    assert "not shown in newest third of customers" in comparison.reason


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -0.1, 1.1])
@pytest.mark.parametrize("name", [CANDIDATE, CHAMPION])
def test_a_value_that_is_no_probability_is_kept_out(name: str, wrong: float) -> None:
    world = _world(candidate=0.1, champion=2.0)
    probability = world.models[name].copy()
    probability[7] = wrong
    comparison = _compare(replace(world, models={**world.models, name: probability}))
    assert comparison.verdict == "keep"
    assert f"The {name} predicts values that are no probabilities" in comparison.reason


def test_a_constant_candidate_is_kept_out_and_a_constant_champion_may_be_challenged() -> None:
    world = _world(candidate=0.1, champion=0.1)
    flat = np.full(len(world.outcome), float(world.outcome.mean()))
    comparison = _compare(replace(world, models={**world.models, CANDIDATE: flat}))
    assert (comparison.verdict, "predicts the same for every customer" in comparison.reason) == (
        "keep",
        True,
    )
    comparison = _compare(replace(world, models={**world.models, CHAMPION: flat}))
    assert comparison.verdict == "inconclusive"
    assert _statuses(comparison)["brier"] == "better"


def test_what_is_not_there_is_kept_out_with_the_reason() -> None:
    world = _world(candidate=0.1, champion=2.0)
    short = {name: inside[:-1] for name, inside in _segments(world).items()}
    for comparison in (
        _compare(replace(world, outcome=np.empty(0))),
        _compare(replace(world, models={**world.models, CHAMPION: np.array([0.5])})),
        _compare(world, segments={}),
        _compare(world, segments=short),
        _compare(world, revenue_cents=np.ones(3)),
    ):
        assert comparison.verdict == "keep"
        assert comparison.reason.endswith(".")
        json.dumps(comparison.evidence, allow_nan=False)


def test_a_defect_is_not_a_verdict() -> None:
    world = _world(candidate=0.1, champion=2.0)
    with pytest.raises(KeyError):
        _compare(replace(world, models={CANDIDATE: world.models[CANDIDATE]}))
    for missing in ({"criteria": None}, {"limits": None}):
        with pytest.raises((AttributeError, TypeError)):
            _compare(world, **missing)


def test_a_badly_calibrated_candidate_is_not_promoted() -> None:
    world = _world(candidate=0.1, champion=0.1)
    probability = world.models[CANDIDATE]
    bent = probability**2 / (probability**2 + (1 - probability) ** 2)
    comparison = _compare(replace(world, models={**world.models, CANDIDATE: bent}))
    assert comparison.verdict == "keep"
    assert _statuses(comparison)["calibration_difference"] == "open"


@pytest.mark.parametrize(
    ("measured", "words"),
    [
        ({"ece": 0.2}, "Its calibration error is 0.200; chance alone gives 0.000"),
        ({"ece": float("nan")}, "calibration error is nan"),
        ({"seconds_per_thousand": 9.0}, "in 9 s; at most 5 s"),
        ({"megabytes": 99}, "99 MB; at most 64 MB"),
    ],
)
def test_a_candidate_beyond_a_limit_is_kept_out_however_good(
    measured: dict[str, float], words: str
) -> None:
    world = _world(candidate=0.1, champion=2.0)
    comparison = _compare(world, limits=_limits(**measured))
    assert comparison.verdict == "keep"
    assert words in comparison.reason


def test_what_chance_brings_to_the_calibration_error_of_few_customers_is_allowed_for() -> None:
    for allowed, outcome in ((0.0, "failed"), (0.08, "passed")):
        calibration, *_ = _limits(ece=0.15, ece_by_chance=allowed)
        assert calibration.status == outcome


def test_many_tiers_moved_at_once_leave_it_to_statuses() -> None:
    world = _world(candidate=0.1, champion=2.0)
    comparison = _compare(world, criteria=replace(CRITERIA, tier_moves_max=0.05))
    assert comparison.verdict == "inconclusive"
    assert "would change their tier at once; at most 5 % are accepted" in comparison.reason


def test_a_comparison_is_repeatable() -> None:
    world = _world(candidate=0.3, champion=0.6)
    assert _compare(world).evidence == _compare(world).evidence


def test_the_negative_control_that_looks_at_the_means_alone_would_promote_noise() -> None:
    """The mistake this gate must not make: whoever is ahead on a few days wins."""
    naive = sum(
        evaluate(world, draws=50, seed=1).difference(CANDIDATE, CHAMPION, "brier").value < 0
        for world in (_world(candidate=0.4, champion=0.4, seed=s, count=800) for s in range(30))
    )
    assert naive >= 8


def test_a_check_of_a_difference_that_is_not_finite_fails() -> None:
    unknown = Interval(float("nan"), 0.0, 1.0)
    every = checks.discrimination(
        dict.fromkeys(("roc_auc", "log_loss", "brier"), unknown), CRITERIA
    )
    every += [checks.calibration(unknown), checks.profit(unknown)]
    assert {check.status for check in every} == {"failed"}
    assert checks.verdict_of([]) == "keep"
    passed = Check(name="a", status="passed", message="")
    assert checks.verdict_of([passed]) == "inconclusive"


def test_a_difference_is_not_worded_as_if_it_were_the_metric() -> None:
    less = Interval(-0.001, -0.002, 0.0005)
    results = checks.discrimination(dict.fromkeys(("roc_auc", "log_loss", "brier"), less), CRITERIA)
    results.append(checks.calibration(less))
    for name, check in zip(
        ("ROC AUC", "log loss", "Brier score", "calibration error"), results, strict=True
    ):
        assert check.message.startswith(
            f"Its {name} differs by -0.0010 (95 % interval -0.0020 to +0.0005) from the champion's"
        )


def test_by_rank_a_candidate_of_another_level_moves_nobody() -> None:
    world = _world()
    level = Predictions(
        days=world.days, groups=world.groups, outcome=world.outcome,
        models={"champion": world.models["champion"], "candidate": world.models["champion"] / 3},
    )  # fmt: skip
    revenue = np.random.default_rng(2).uniform(1, 100, len(world.days))
    moves = {
        by: _tier_moves(level, revenue, replace(CRITERIA, tiers_by=by))
        for by in ("probability", "share", "value")
    }
    assert moves["probability"] > 0.2
    assert moves["share"] == moves["value"] == 0


def test_by_value_customers_are_ranked_by_what_is_at_risk_with_them() -> None:
    one_day = Predictions(
        days=np.zeros(4, int), groups=np.arange(4), outcome=np.zeros(4),
        models={"champion": np.array([0.9, 0.5, 0.2, 0.1])},
    )  # fmt: skip
    revenue = np.array([1.0, 10.0, 100.0, 1000.0])
    for by, order in (("share", [3, 2, 1, 0]), ("value", [0, 1, 2, 3])):
        assert tier_positions(one_day, "champion", revenue, by).argsort().tolist() == order


def test_who_was_contacted_does_not_count_but_has_a_tier() -> None:
    world = _world(candidate=0.1, champion=2.0)
    is_contacted = np.arange(len(world.outcome)) % 3 == 0
    # They came back because of the contact, whatever was foreseen.
    outcome = np.where(is_contacted, 0.0, world.outcome)
    contacted = replace(world, outcome=outcome, weights=np.where(is_contacted, 0.0, 1.0))
    left_alone = world.take(~is_contacted)
    weighted, alone = _compare(contacted), _compare(left_alone)
    assert weighted.verdict == alone.verdict == "promote"
    for name in ("metrics", "segments", "predictions", "churned", "customers"):
        assert weighted.evidence[name] == alone.evidence[name]
    assert weighted.evidence["tier_moves_share"] == _compare(world).evidence["tier_moves_share"]


def test_rows_count_as_often_as_they_stand_for_customers() -> None:
    world = _world(candidate=0.3, champion=0.8)
    often = np.where(world.groups % 2 == 0, 3, 1)
    rows = np.repeat(np.arange(len(often)), often)
    weighted = _compare(replace(world, weights=often.astype(float)))
    repeated = _compare(world.take(rows))
    for metric in ("roc_auc", "brier", "log_loss", "profit_per_thousand"):
        one, other = (
            each.evidence["metrics"][metric]["difference"] for each in (weighted, repeated)
        )
        assert one["value"] == pytest.approx(other["value"], abs=1e-5)
        assert one["lower"] == pytest.approx(other["lower"], abs=1e-4)
