"""The gate is closed in any doubt."""

from datetime import date
from typing import Any

import numpy as np
import pytest

from retention_ml.models.evaluation.checks import Finding
from retention_ml.models.evaluation.gate import Choice, Gate, beside, choose, first
from retention_ml.models.evaluation.offline_comparison import Contest
from retention_ml.models.promotion.challenger_slot import Seat
from retention_ml.statistics.arrays import sigmoid
from retention_ml.statistics.metrics import METRICS, Evaluation, Interval, Predictions, evaluate


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


HELD = (Finding(what="megabytes", outcome="passed", sentence="It is small."),)
BROKEN = (Finding(what="megabytes", outcome="failed", sentence="It is too large."),)


def _choose(evaluation: Any, **more: Any) -> Choice:
    options = {"baseline": "recency", "churned": 400, "retained": 400}
    return choose(evaluation, **{**options, **more})


def _beside(choice: Choice, contest: Contest | None, **more: Any) -> Gate:
    options = {"held": HELD, "seat": None, "decides": "outcomes", "mode": "automatic", **more}
    return beside(choice, contest, options.pop("held"), **options)


def _contest(verdict: Any) -> Contest:
    return Contest(verdict=verdict, reason=f"It is {verdict}.", evidence={"verdict": verdict})


CLEAR = _evaluation({"recency": 4.0, "lightgbm": 0.1, "logistic": 1.0})
NOISE = _evaluation({"recency": 1.0, "lightgbm": 1.0})


def test_clear_evidence_without_a_champion_promotes_the_best_and_seats_no_challenger() -> None:
    choice = _choose(CLEAR)
    said = first(choice, HELD)
    assert (said.verdict, choice.best, said.is_challenger) == ("promote", "lightgbm", False)
    assert "The interval lies above zero" in said.reason
    assert said.evidence["roc_auc_difference_lower"] > 0


def test_among_near_equals_the_preferred_candidate_is_best() -> None:
    near = _evaluation({"recency": 4.0, "lightgbm": 0.30, "ensemble": 0.32})
    assert _choose(near).best == "lightgbm"
    assert _choose(near, preferred="ensemble").best == "ensemble"


def test_a_candidate_that_is_clearly_better_than_the_preferred_one_is_best() -> None:
    assert _choose(CLEAR, preferred="logistic").best == "lightgbm"
    assert _choose(CLEAR, preferred="not_fitted").best == "lightgbm"


def test_a_candidate_within_noise_of_the_baseline_is_not_promoted() -> None:
    said = first(_choose(NOISE), HELD)
    assert (said.verdict, said.is_challenger) == ("inconclusive", True)
    assert "The interval holds zero" in said.reason


def test_a_tie_is_not_promoted() -> None:
    world = _evaluation({"recency": 1.0})
    tied = Evaluation(
        values={**world.values, "copy": world.values["recency"]},
        draws={**world.draws, "copy": world.draws["recency"]},
    )
    assert _choose(tied).best is None
    said = first(_choose(tied), HELD)
    assert (said.verdict, said.is_challenger) == ("keep", False)


def test_a_candidate_that_is_worse_than_the_recency_rule_is_not_even_challenger() -> None:
    choice = _choose(_evaluation({"recency": 0.1, "lightgbm": 5.0}))
    assert choice.best is None
    assert "no better" in choice.reason
    for said in (first(choice, HELD), _beside(choice, _contest("promote"))):
        assert (said.verdict, said.is_challenger) == ("keep", False)


def test_a_model_beyond_a_limit_is_not_promoted_with_or_without_a_champion() -> None:
    for said in (first(_choose(CLEAR), BROKEN), _beside(_choose(CLEAR), None, held=BROKEN)):
        assert (said.verdict, said.is_challenger) == ("keep", False)
        assert "It is too large." in said.reason


@pytest.mark.parametrize(("churned", "retained"), [(0, 500), (500, 0), (24, 500), (500, 3)])
def test_too_few_of_one_outcome_promotes_nobody(churned: int, retained: int) -> None:
    choice = _choose(CLEAR, churned=churned, retained=retained)
    assert choice.best is None
    assert "at least 25 of each are needed" in first(choice, HELD).reason


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("field", [0, 1, 2])
def test_a_metric_that_is_not_finite_takes_its_candidate_out(metric: str, field: int) -> None:
    own = dict(CLEAR.values["lightgbm"])
    numbers = [own[metric].value, own[metric].lower, own[metric].upper]
    numbers[field] = float("nan")
    own[metric] = Interval(*numbers)
    choice = _choose(Evaluation(values={**CLEAR.values, "lightgbm": own}, draws=CLEAR.draws))
    assert choice.best == "logistic"
    assert choice.evidence["not_finite"] == ["lightgbm"]


def test_a_baseline_that_is_not_finite_promotes_nobody() -> None:
    own = {name: Interval(float("nan"), 0, 1) for name in METRICS}
    choice = _choose(Evaluation(values={**CLEAR.values, "recency": own}, draws=CLEAR.draws))
    assert choice.best is None


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
    choice = _choose(evaluation)
    said = first(choice, HELD)
    assert (choice.best, said.verdict, said.is_challenger) == (None, "keep", False)
    assert said.reason.endswith(".")


@pytest.mark.parametrize("decides", ["outcomes", "offline"])
@pytest.mark.parametrize("mode", ["automatic", "approval"])
@pytest.mark.parametrize("verdict", ["promote", "inconclusive", "keep", None])
@pytest.mark.parametrize("seat", [None, Seat(version="7", until=date(2026, 3, 1))])
@pytest.mark.parametrize("world", [CLEAR, NOISE], ids=["clear", "noise"])
def test_only_a_better_candidate_is_promoted_and_only_where_the_comparison_decides(
    decides: str, mode: str, verdict: str | None, seat: Seat | None, world: Evaluation
) -> None:
    choice = _choose(world)
    contest = None if verdict is None else _contest(verdict)
    said = _beside(choice, contest, decides=decides, mode=mode, seat=seat)
    may = choice.is_shown and (verdict, decides, mode) == ("promote", "offline", "automatic")
    assert (said.verdict == "promote") == may
    assert not (said.is_challenger and seat)
    assert not (said.is_challenger and verdict == "keep")
    assert not (said.is_challenger and said.verdict != "inconclusive")
    if said.verdict == "inconclusive":
        assert said.is_challenger


def test_the_seat_on_trial_is_named_with_its_last_day() -> None:
    seat = Seat(version="7", until=date(2026, 3, 1))
    said = _beside(_choose(CLEAR), _contest("inconclusive"), seat=seat)
    assert said.verdict == "keep"
    assert "Version 7 is on trial" in said.reason
    assert "until 2026-03-01 at most" in said.reason
    assert said.evidence["seat_of_version"] == "7"


def test_without_a_champion_the_seat_on_trial_is_kept_unless_the_candidate_is_shown() -> None:
    seat = Seat(version="7", until=date(2026, 3, 1))
    said = first(_choose(NOISE), HELD, seat=seat)
    assert (said.verdict, said.is_challenger) == ("keep", False)
    assert "Version 7 is on trial beside the starter" in said.reason
    assert "until 2026-03-01" in said.reason
    assert first(_choose(NOISE), HELD).is_challenger
    assert first(_choose(CLEAR), HELD, seat=seat).verdict == "promote"


def test_without_a_day_to_compare_on_only_what_beats_the_recency_rule_may_stand() -> None:
    shown = _beside(_choose(CLEAR), None)
    assert (shown.verdict, shown.is_challenger) == ("inconclusive", True)
    assert "cannot be compared yet" in shown.reason
    noise = _beside(_choose(NOISE), None)
    assert (noise.verdict, noise.is_challenger) == ("keep", False)


def test_a_better_candidate_waits_for_a_person_where_one_decides() -> None:
    said = _beside(_choose(CLEAR), _contest("promote"), decides="offline", mode="approval")
    assert (said.verdict, said.is_challenger) == ("inconclusive", True)
    assert said.evidence["awaits_approval"] is True
    assert "waits for a person's approval" in said.reason


def test_the_negative_control_that_swallows_errors_would_promote() -> None:
    """The mistake this gate must not make: an exception counts as passed."""

    def naive(evaluation: Any) -> bool:
        try:
            return bool(evaluation.values["lightgbm"]["roc_auc"].value > 0.5)
        except Exception:
            return True

    assert naive(None)
    assert first(_choose(None), HELD).verdict == "keep"
