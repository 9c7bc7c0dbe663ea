"""What a look says, given the evidence and the guards."""

from dataclasses import replace

import numpy as np
import pytest

from retention_ml.models.evaluation.checks import Check, PromotionCriteria
from retention_ml.outcomes.trial.paired import Compared, paired
from retention_ml.outcomes.trial.sample import TrialSample
from retention_ml.outcomes.trial.verdict import guards, unharmed, verdict
from retention_ml.settings import Trial as Rules
from retention_ml.statistics.arrays import sigmoid
from retention_ml.statistics.profit import Offer
from retention_ml.statistics.sequential import Look

RULES = Rules(error_rate=0.05, windows_min=2, days_max=182)
PASSED = Check(name="roc_auc", status="passed", message="All is well.")
CRITERIA = PromotionCriteria(
    auc_margin=0.005,
    segment_margin=0.02,
    ece_max=0.1,
    tier_moves_max=0.6,
    tier_bounds=(0.35, 0.6, 0.8),
    seconds_per_thousand_max=5,
    megabytes_max=64,
)
OFFER = Offer(cost_cents=500, save_rate=0.1, margin_share=0.3, budget_share=0.1, minor_units=100)


def _look(better: float = 1.0, worse: float = 1.0) -> Look:
    return Look(count=500, mean=0.01, lower=-0.01, upper=0.03, e_better=better, e_worse=worse)


@pytest.mark.parametrize(
    ("better", "worse", "windows", "elapsed", "guard", "expected"),
    [
        (20.0, 0.1, 2, 60, "passed", ("won", "promote")),
        (19.9, 0.1, 2, 60, "passed", ("open", "inconclusive")),
        (20.0, 0.1, 1, 60, "passed", ("open", "inconclusive")),
        (20.0, 0.1, 2, 60, "open", ("open", "inconclusive")),
        (20.0, 0.1, 2, 60, "failed", ("open", "inconclusive")),
        (20.0, 0.1, 2, 182, "passed", ("won", "promote")),
        (20.0, 0.1, 2, 182, "failed", ("undecided", "inconclusive")),
        (0.1, 20.0, 2, 60, "passed", ("lost", "keep")),
        (0.1, 20.0, 1, 60, "passed", ("open", "inconclusive")),
        (1.0, 1.0, 5, 181, "passed", ("open", "inconclusive")),
        (1.0, 1.0, 5, 182, "passed", ("undecided", "inconclusive")),
        (1.0, 1.0, 0, 182, "passed", ("undecided", "inconclusive")),
        (30.0, 30.0, 5, 100, "passed", ("open", "inconclusive")),
    ],
)
def test_the_verdict_follows_the_rules(
    better: float, worse: float, windows: int, elapsed: int, guard: str, expected: tuple[str, str]
) -> None:
    decision = verdict(
        _look(better, worse),
        [replace(PASSED, status=guard)],  # type: ignore[arg-type]
        scored_days=9,
        windows=windows,
        elapsed_days=elapsed,
        rules=RULES,
    )
    assert (decision.outcome, decision.verdict) == expected
    assert "500 forecasts" in decision.reason


def test_the_reason_names_what_holds_a_challenger_back() -> None:
    failing = replace(PASSED, status="open", message="Its ROC AUC is lower.")
    decision = verdict(_look(99), [failing], scored_days=5, windows=2, elapsed_days=50, rules=RULES)
    assert "held back: Its ROC AUC is lower." in decision.reason


def test_a_challenger_that_looks_better_only_where_campaigns_do_not_reach_is_held_back() -> None:
    worse = replace(_look(0.1, 2.0), mean=-0.001)
    assert unharmed(worse, 0.05).status == "failed"
    assert unharmed(_look(1.0, 30.0), 0.05).status == "failed"
    assert unharmed(_look(1.0, 1.0), 0.05).status == "passed"


def test_without_a_segment_large_enough_the_guard_stays_open() -> None:
    log_odds, churned = _outcomes()
    sample = replace(
        _sample(sigmoid(log_odds), sigmoid(log_odds + 0.1), churned),
        segments={"bought_once": np.arange(len(churned)) < 5},
    )
    assert _guards(sample)["segments"].status == "open"


def _sample(champion: np.ndarray, challenger: np.ndarray, churned: np.ndarray) -> TrialSample:
    n = len(churned)
    return TrialSample(
        days=np.full(n, 1),
        codes=np.arange(n).astype(np.uint64),
        champion=champion,
        challenger=challenger,
        churned=churned,
        assigned_to_challenger=np.zeros(n, bool),
        revenue_cents=np.random.default_rng(1).gamma(2, 40_000, n),
        segments={"bought_once": np.arange(n) < n // 4, "bought_more": np.arange(n) >= n // 4},
        whole_days=(1,),
    )


def _guards(sample: TrialSample) -> dict[str, Check]:
    checks = guards(sample, paired(sample), criteria=CRITERIA, offer=OFFER, draws=200, seed=1)
    return {one.name: one for one in checks}


def _outcomes(n: int = 6_000) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(2)
    log_odds = draw.normal(0, 1.5, n)
    return log_odds, (draw.random(n) < sigmoid(log_odds)).astype(float)


def test_a_better_challenger_passes_every_guard() -> None:
    log_odds, churned = _outcomes()
    noise = np.random.default_rng(3).normal(0, 0.7, len(churned))
    checks = _guards(_sample(sigmoid(log_odds + noise), sigmoid(log_odds), churned))
    assert {one.status for one in checks.values()} == {"passed"}
    assert set(checks) == {"roc_auc", "log_loss", "segments", "calibration", "profit"}


def test_harm_to_one_segment_holds_back() -> None:
    log_odds, churned = _outcomes()
    n = len(churned)
    draw = np.random.default_rng(4)
    champion = sigmoid(log_odds + draw.normal(0, 0.8, n))
    once = np.arange(n) < n // 4
    challenger = np.where(once, draw.uniform(0.3, 0.7, n), sigmoid(log_odds))
    checks = _guards(_sample(champion, challenger, churned))
    assert checks["segments"].status == "failed"
    assert "bought on one day" in checks["segments"].message


def test_a_challenger_whose_level_is_off_is_held_back() -> None:
    log_odds, churned = _outcomes()
    checks = _guards(_sample(sigmoid(log_odds), sigmoid(log_odds + 0.9), churned))
    assert checks["calibration"].status == "failed"


def test_too_few_outcomes_hold_back() -> None:
    sample = _sample(np.full(30, 0.5), np.full(30, 0.4), np.zeros(30))
    compared: list[Compared] = paired(sample)
    assert compared == []
    [only] = guards(sample, compared, criteria=CRITERIA, offer=OFFER, draws=50, seed=1)
    assert only.status == "open"
