"""A look at an experiment: effects, guards, sample ratio and the verdict they lead to."""

import dataclasses
from typing import Any

import numpy as np
import pytest

from retention_ml.experiments.decisions import Decisions
from retention_ml.experiments.design import Design
from retention_ml.experiments.guards import Tolerances
from retention_ml.experiments.readout import Readout, readout
from retention_ml.experiments.verdict import verdict
from tests.worlds.experiments import TIERS, decisions_of

DESIGN = Design(
    experiment_id="spring_coupon", arms={"none": 0.5, "coupon": 0.5}, tiers=TIERS, metric="retained"
)
OF_MONEY = dataclasses.replace(DESIGN, metric="margin")


def _read(decisions: Decisions, design: Design = DESIGN, **changes: Any) -> Readout:
    arguments: dict[str, Any] = {
        "count_planned": 8_000.0,
        "elapsed_days": 60,
        "tolerances": Tolerances(unsubscribed=0.005, returned=0.02),
        "ratio_error_rate": 0.05,
    }
    return readout(decisions, design, **{**arguments, **changes})


@pytest.mark.parametrize("design", [DESIGN, OF_MONEY], ids=["retained", "margin"])
def test_an_action_that_saves_customers_wins(design: Design) -> None:
    result = _read(decisions_of(design, saved=0.12), design)
    assert result.verdict.outcome == "won", result.verdict.reason
    assert result.verdict.arm == "coupon"
    effect = result.paths["coupon", "retained"][-1]
    assert effect.lower < 0.12 < effect.upper
    assert effect.count == 4_000
    assert "4,000 decisions" in result.verdict.reason


@pytest.mark.parametrize("design", [DESIGN, OF_MONEY], ids=["retained", "margin"])
def test_an_action_that_does_nothing_stays_open_and_ends_undecided(design: Design) -> None:
    decisions = decisions_of(design)
    assert _read(decisions, design).verdict.outcome == "open"
    over = _read(decisions, design, elapsed_days=design.days_max)
    assert over.verdict.outcome == "undecided"
    assert "The time is over after 182 days." in over.verdict.reason


def test_an_action_that_drives_customers_away_loses() -> None:
    result = _read(decisions_of(DESIGN, saved=-0.12), OF_MONEY)
    assert result.verdict.outcome == "lost"
    assert any(one.name == "retained" and one.segment == "all" for one in result.guards)


def test_harm_to_one_tier_holds_a_better_action_back() -> None:
    result = _read(decisions_of(DESIGN, saved=0.16, harm_in="medium", days=60))
    # -.04 is left of the harm; enough decisions have to show it
    assert result.verdict.outcome in ("won", "open")
    worse = _read(decisions_of(DESIGN, saved=0.08, harm_in="medium", days=120, seed=2))
    broken = [one for one in worse.guards if one.is_broken]
    assert [one.segment for one in broken] == ["medium"]
    assert worse.verdict.outcome == "open"
    assert "Guard retained in tier medium is broken" in worse.verdict.reason


def test_unsubscribes_end_an_action_that_saves_customers() -> None:
    result = _read(decisions_of(DESIGN, saved=0.12, unsubscribed=0.04, days=80))
    assert result.verdict.outcome == "lost"
    assert "Guard unsubscribed is broken" in result.verdict.reason
    few = _read(decisions_of(DESIGN, saved=0.12, unsubscribed=0.004, days=80))
    assert few.verdict.outcome == "won"


def test_a_lost_arm_makes_the_experiment_invalid_whatever_it_shows() -> None:
    result = _read(decisions_of(DESIGN, saved=0.12, lost=0.15))
    assert result.verdict.outcome == "invalid"
    assert "counted by" in result.verdict.reason
    assert "lost" in result.verdict.reason
    assert _read(decisions_of(DESIGN, saved=0.12, lost=0.0)).verdict.outcome == "won"


def test_lots_of_a_day_that_are_grossly_wrong_are_noticed_at_once() -> None:
    decisions = decisions_of(DESIGN)
    assigned = decisions.assigned.copy()
    assigned[3] = (95, 5)
    result = _read(dataclasses.replace(decisions, assigned=assigned))
    assert result.verdict.outcome == "invalid"
    assert "2026-01-04" in result.verdict.reason


def test_the_better_of_two_actions_wins_and_the_error_rate_is_shared() -> None:
    design = dataclasses.replace(DESIGN, arms={"none": 0.4, "mail": 0.3, "coupon": 0.3})
    assert design.arm_error_rate == 0.025
    decisions = decisions_of(design, days=60)
    bonus = (decisions.arm == 2) & (decisions.retained == 0) & (np.arange(len(decisions)) % 4 == 0)
    better = dataclasses.replace(decisions, retained=np.where(bonus, 1.0, decisions.retained))
    result = _read(better, design)
    assert result.verdict.outcome == "won"
    assert result.verdict.arm == "coupon"
    assert result.paths["mail", "retained"][-1].upper > 0


def test_effects_by_tier_are_drawn_towards_the_effect_of_all() -> None:
    result = _read(decisions_of(DESIGN, saved=0.12))
    by_tier = {row.segment: row.effect for row in result.rows if row.metric == "retained"}
    assert set(by_tier) == {"all", *TIERS}
    for tier in TIERS:
        assert by_tier[tier].method == "shrunk"
        assert abs(by_tier[tier].effect - 0.12) < 0.06
    assert sum(by_tier[tier].count for tier in TIERS) == by_tier["all"].count


def test_what_a_buyer_leaves_is_compared_where_both_arms_have_enough() -> None:
    result = _read(decisions_of(DESIGN, saved=0.12))
    [row] = [one for one in result.rows if one.metric == "margin_per_buyer"]
    assert row.effect.lower < 0 < row.effect.upper  # only who buys was changed, not how much
    assert row.effect.control_mean == pytest.approx(np.exp(3 + 0.18), rel=0.1)
    few = _read(decisions_of(DESIGN, days=5, per_day=40))
    assert not [one for one in few.rows if one.metric == "margin_per_buyer"]


def test_the_order_of_rows_within_a_day_changes_nothing() -> None:
    decisions = decisions_of(DESIGN, saved=0.05)
    order = np.lexsort((np.random.default_rng(1).random(len(decisions)), decisions.day))
    names = [field.name for field in dataclasses.fields(Decisions)]
    arrays = {
        name: getattr(decisions, name)[order]
        for name in names
        if isinstance(getattr(decisions, name), np.ndarray) and name != "assigned"
    }
    mixed = dataclasses.replace(decisions, **arrays)
    before, after = (_read(one).paths["coupon", "margin"][-1] for one in (decisions, mixed))
    assert before.effect == pytest.approx(after.effect, rel=1e-9)
    assert before.upper == pytest.approx(after.upper, rel=1e-9)


def test_before_any_outcome_nothing_is_stated_but_the_arms_are_watched() -> None:
    decisions = decisions_of(DESIGN, days=6)
    names = [field.name for field in dataclasses.fields(Decisions)]
    empty = {
        name: getattr(decisions, name)[:0]
        for name in names
        if isinstance(getattr(decisions, name), np.ndarray) and name != "assigned"
    }
    waiting = dataclasses.replace(decisions, **empty)
    result = _read(waiting)
    assert result.verdict.outcome == "open"
    assert "too few decisions have an outcome (0)" in result.verdict.reason
    wrong = np.tile([90, 10], (6, 1))
    assert _read(dataclasses.replace(waiting, assigned=wrong)).verdict.outcome == "invalid"


def test_evidence_that_contradicts_itself_decides_nothing() -> None:
    [one] = _read(decisions_of(DESIGN, days=1, per_day=500)).paths["coupon", "retained"]
    better, worse = (
        dataclasses.replace(one, lower=low, upper=high) for low, high in ((0.1, 0.2), (-0.2, -0.1))
    )
    result = verdict(
        {"coupon": [better, worse]},
        [],
        (1.0, ""),
        DESIGN,
        elapsed_days=9,
        ratio_error_rate=0.05,
    )
    assert result.outcome == "open"
    assert "contradicts itself" in result.reason
