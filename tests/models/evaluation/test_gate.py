"""The gate fails closed: nothing that cannot be evaluated is promoted, and a defect is raised."""

from datetime import date
from typing import Any

import numpy as np
import pytest

from retention_ml.models.evaluation.checks import Check
from retention_ml.models.evaluation.gate import (
    Choice,
    GateDecision,
    choose,
    gate_with_champion,
    gate_without_champion,
)
from retention_ml.models.evaluation.offline_comparison import OfflineComparison
from retention_ml.models.promotion.challenger_slot import ChallengerSlot
from retention_ml.statistics.arrays import sigmoid
from retention_ml.statistics.bootstrap import Interval
from retention_ml.statistics.metrics import METRICS, Evaluation, Predictions, evaluate


def _evaluation(noise: dict[str, float], count: int = 800) -> Evaluation:
    draw = np.random.default_rng(1)
    truth = 1.5 * draw.normal(size=count)
    outcome = (draw.random(count) < sigmoid(truth)).astype(float)
    models = {
        name: sigmoid(truth + spread * draw.normal(size=count)) for name, spread in noise.items()
    }
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


LIMITS_MET = (Check(name="megabytes", status="passed", message="It is small."),)
LIMITS_BROKEN = (Check(name="megabytes", status="failed", message="It is too large."),)


def _choose(evaluation: Any, **more: Any) -> Choice:
    options = {"baseline": "recency", "churned": 400, "retained": 400}
    return choose(evaluation, **{**options, **more})


def _gate(choice: Choice, comparison: OfflineComparison | None, **more: Any) -> GateDecision:
    options = {
        "limits": LIMITS_MET,
        "slot": None,
        "decides": "outcomes",
        "mode": "automatic",
        **more,
    }
    return gate_with_champion(choice, comparison, options.pop("limits"), **options)


def _comparison(verdict: Any) -> OfflineComparison:
    return OfflineComparison(
        verdict=verdict, reason=f"It is {verdict}.", evidence={"verdict": verdict}
    )


CLEAR = _evaluation({"recency": 4.0, "lightgbm": 0.1, "logistic": 1.0})
NOISE = _evaluation({"recency": 1.0, "lightgbm": 1.0})


def test_clear_evidence_without_a_champion_promotes_the_best_and_makes_no_challenger() -> None:
    choice = _choose(CLEAR)
    decision = gate_without_champion(choice, LIMITS_MET)
    assert (decision.verdict, choice.best, decision.is_challenger) == ("promote", "lightgbm", False)
    assert "The interval lies above zero" in decision.reason
    assert decision.evidence["roc_auc_difference_lower"] > 0


def test_among_near_equals_the_preferred_candidate_is_best() -> None:
    near = _evaluation({"recency": 4.0, "lightgbm": 0.30, "ensemble": 0.32})
    assert _choose(near).best == "lightgbm"
    assert _choose(near, preferred="ensemble").best == "ensemble"


def test_a_candidate_that_is_clearly_better_than_the_preferred_one_is_best() -> None:
    assert _choose(CLEAR, preferred="logistic").best == "lightgbm"
    assert _choose(CLEAR, preferred="not_fitted").best == "lightgbm"


def test_what_being_chosen_among_equals_brings_is_taken_off_the_difference() -> None:
    equals = _evaluation({"recency": 4.0, **{f"model_{n}": 1.0 for n in range(6)}}, count=400)
    choice = _choose(equals)
    assert choice.best is not None
    raw = equals.difference(choice.best, "recency", "roc_auc")
    optimism = choice.evidence["selection_optimism"]
    assert optimism > 0.002
    for end in ("", "_lower", "_upper"):
        stored = choice.evidence[f"roc_auc_difference{end}"]
        assert stored == pytest.approx(getattr(raw, end.strip("_") or "value") - optimism)
    assert f"less {optimism:.4f}, which being the best of 6 brings by itself" in choice.reason
    preferred = _choose(equals, preferred=choice.best).evidence["selection_optimism"]
    assert preferred < optimism


def test_a_lead_that_being_chosen_may_have_brought_is_not_shown() -> None:
    """The raw interval lies above zero, by less than choosing brings."""
    clear, names = _evaluation({"recency": 4.0, "a": 1.0, "b": 1.0}), ("recency", "a", "b")
    best = _choose(clear).best
    assert best is not None
    raw = clear.difference(best, "recency", "roc_auc")
    shift = raw.lower - 0.0002
    values = {name: dict(clear.values[name]) for name in names}
    draws = {name: dict(clear.draws[name]) for name in names}
    auc = values["recency"]["roc_auc"]
    values["recency"]["roc_auc"] = Interval(*(end + shift for end in auc))
    draws["recency"]["roc_auc"] = draws["recency"]["roc_auc"] + shift
    close = Evaluation(values=values, draws=draws)
    assert close.difference(best, "recency", "roc_auc").lower > 0
    choice = _choose(close)
    assert (choice.best, choice.is_shown) == (best, False)
    assert gate_without_champion(choice, LIMITS_MET).verdict == "inconclusive"


@pytest.mark.fault("a candidate within noise", promises="P6", row=30)
def test_a_candidate_within_noise_of_the_baseline_is_not_promoted() -> None:
    decision = gate_without_champion(_choose(NOISE), LIMITS_MET)
    assert (decision.verdict, decision.is_challenger) == ("inconclusive", True)
    assert "The interval holds zero" in decision.reason


@pytest.mark.fault("a tie", promises="P6", row=30)
def test_a_tie_is_not_promoted() -> None:
    world = _evaluation({"recency": 1.0})
    tied = Evaluation(
        values={**world.values, "copy": world.values["recency"]},
        draws={**world.draws, "copy": world.draws["recency"]},
    )
    assert _choose(tied).best is None
    decision = gate_without_champion(_choose(tied), LIMITS_MET)
    assert (decision.verdict, decision.is_challenger) == ("keep", False)


def test_a_candidate_that_is_worse_than_the_recency_baseline_is_not_even_challenger() -> None:
    choice = _choose(_evaluation({"recency": 0.1, "lightgbm": 5.0}))
    assert choice.best is None
    assert "no better" in choice.reason
    for decision in (
        gate_without_champion(choice, LIMITS_MET),
        _gate(choice, _comparison("promote")),
    ):
        assert (decision.verdict, decision.is_challenger) == ("keep", False)


def test_a_model_beyond_a_limit_is_not_promoted_with_or_without_a_champion() -> None:
    for decision in (
        gate_without_champion(_choose(CLEAR), LIMITS_BROKEN),
        _gate(_choose(CLEAR), None, limits=LIMITS_BROKEN),
    ):
        assert (decision.verdict, decision.is_challenger) == ("keep", False)
        assert "It is too large." in decision.reason


@pytest.mark.fault("too few of one outcome", promises="P6", row=30)
@pytest.mark.parametrize(("churned", "retained"), [(0, 500), (500, 0), (24, 500), (500, 3)])
def test_too_few_of_one_outcome_promotes_nobody(churned: int, retained: int) -> None:
    choice = _choose(CLEAR, churned=churned, retained=retained)
    assert choice.best is None
    assert "at least 25 of each are needed" in gate_without_champion(choice, LIMITS_MET).reason


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("field", [0, 1, 2])
def test_a_metric_that_is_not_finite_takes_its_candidate_out(metric: str, field: int) -> None:
    metrics = dict(CLEAR.values["lightgbm"])
    numbers = [metrics[metric].value, metrics[metric].lower, metrics[metric].upper]
    numbers[field] = float("nan")
    metrics[metric] = Interval(*numbers)
    choice = _choose(Evaluation(values={**CLEAR.values, "lightgbm": metrics}, draws=CLEAR.draws))
    assert choice.best == "logistic"
    assert choice.evidence["not_finite"] == ["lightgbm"]


def test_a_baseline_that_is_not_finite_promotes_nobody() -> None:
    metrics = {name: Interval(float("nan"), 0, 1) for name in METRICS}
    choice = _choose(Evaluation(values={**CLEAR.values, "recency": metrics}, draws=CLEAR.draws))
    assert choice.best is None


@pytest.mark.fault("a comparison that fails", promises="P6", row=30)
@pytest.mark.parametrize(
    "evaluation",
    [
        Evaluation(values={}, draws={}),
        Evaluation(values={"recency": CLEAR.values["recency"]}, draws=CLEAR.draws),
        Evaluation(values={"lightgbm": CLEAR.values["lightgbm"]}, draws=CLEAR.draws),
    ],
    ids=["nothing", "only the baseline", "no baseline"],
)
def test_what_cannot_be_evaluated_promotes_nobody(evaluation: Any) -> None:
    choice = _choose(evaluation)
    decision = gate_without_champion(choice, LIMITS_MET)
    assert (choice.best, decision.verdict, decision.is_challenger) == (None, "keep", False)
    assert decision.reason.endswith(".")


@pytest.mark.parametrize("decides", ["outcomes", "offline"])
@pytest.mark.parametrize("mode", ["automatic", "approval"])
@pytest.mark.parametrize("verdict", ["promote", "inconclusive", "keep", None])
@pytest.mark.parametrize("slot", [None, ChallengerSlot(version="7", until=date(2026, 3, 1))])
@pytest.mark.parametrize("world", [CLEAR, NOISE], ids=["clear", "noise"])
def test_only_a_better_candidate_is_promoted_and_only_where_the_comparison_decides(
    decides: str, mode: str, verdict: str | None, slot: ChallengerSlot | None, world: Evaluation
) -> None:
    choice = _choose(world)
    comparison = None if verdict is None else _comparison(verdict)
    decision = _gate(choice, comparison, decides=decides, mode=mode, slot=slot)
    may = choice.is_shown and (verdict, decides, mode) == ("promote", "offline", "automatic")
    assert (decision.verdict == "promote") == may
    assert not (decision.is_challenger and slot)
    assert not (decision.is_challenger and verdict == "keep")
    assert not (decision.is_challenger and decision.verdict != "inconclusive")
    if decision.verdict == "inconclusive":
        assert decision.is_challenger


def test_the_version_on_trial_is_named_with_its_last_day() -> None:
    slot = ChallengerSlot(version="7", until=date(2026, 3, 1))
    decision = _gate(_choose(CLEAR), _comparison("inconclusive"), slot=slot)
    assert decision.verdict == "keep"
    assert "Version 7 is on trial" in decision.reason
    assert "until 2026-03-01 at the latest" in decision.reason
    assert decision.evidence["seat_of_version"] == "7"


def test_without_a_champion_the_version_on_trial_stays_unless_the_candidate_is_shown_better() -> (
    None
):
    slot = ChallengerSlot(version="7", until=date(2026, 3, 1))
    decision = gate_without_champion(_choose(NOISE), LIMITS_MET, slot=slot)
    assert (decision.verdict, decision.is_challenger) == ("keep", False)
    assert "Version 7 is on trial against the starter" in decision.reason
    assert "until 2026-03-01" in decision.reason
    assert gate_without_champion(_choose(NOISE), LIMITS_MET).is_challenger
    assert gate_without_champion(_choose(CLEAR), LIMITS_MET, slot=slot).verdict == "promote"


def test_without_a_day_to_compare_on_only_what_beats_the_recency_baseline_becomes_challenger() -> (
    None
):
    shown = _gate(_choose(CLEAR), None)
    assert (shown.verdict, shown.is_challenger) == ("inconclusive", True)
    assert "cannot be compared yet" in shown.reason
    noise = _gate(_choose(NOISE), None)
    assert (noise.verdict, noise.is_challenger) == ("keep", False)


def test_a_better_candidate_waits_for_a_person_where_one_decides() -> None:
    decision = _gate(_choose(CLEAR), _comparison("promote"), decides="offline", mode="approval")
    assert (decision.verdict, decision.is_challenger) == ("inconclusive", True)
    assert decision.evidence["awaits_approval"] is True
    assert "waits for a person's approval" in decision.reason


@pytest.mark.parametrize(
    "evaluation",
    [
        Evaluation(values=CLEAR.values, draws={}),
        Evaluation(values={"recency": {}, "lightgbm": {}}, draws={}),
        None,
    ],
    ids=["no draws", "no metrics", "None"],
)
def test_a_defect_is_no_choice(evaluation: Any) -> None:
    """What becomes of it: tests/models/training/test_gate_errors.py."""
    with pytest.raises((KeyError, AttributeError)):
        _choose(evaluation)


def test_the_negative_control_that_swallows_errors_would_promote() -> None:
    """The mistake this gate must not make: an exception counts as passed."""

    def naive(evaluation: Any) -> bool:
        try:
            return bool(evaluation.values["lightgbm"]["roc_auc"].value > 0.5)
        except Exception:
            return True

    assert naive(None)
    with pytest.raises(AttributeError):
        _choose(None)
