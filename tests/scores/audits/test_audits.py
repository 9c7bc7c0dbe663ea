"""Audits: each can fail, and only its own cause makes it."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from retention_ml.scores.audits.audit_results import refusal
from retention_ml.scores.audits.audits import AuditInputs, Baseline, Limits, audits
from retention_ml.statistics.sample_ratio import Arms

SOUND = AuditInputs(
    as_of=date(2025, 3, 1),
    population_count=103,
    scored_count=100,
    excluded_count=3,
    feature_rows_count=103,
    rows_count=100,
    customers_count=100,
    excluded_rows_count=3,
    scored_and_excluded_count=0,
    improbable_count=0,
    negative_value_count=0,
    untraceable_count=0,
    unknown_tier_count=0,
    distinct_probabilities_count=90,
    mean_probability=0.40,
    tier_counts={"low": 50, "medium": 30, "high": 15, "critical": 5},
    policy_sha256="p",
    bundle_sha256="b",
    is_bundle_approved=True,
    is_bundle_taken_back=False,
    newer_bundle_sha256=None,
    features_digest="f",
    latest_features_digest="f",
    newest_input_age_days=0.4,
    baseline=Baseline(
        as_of=date(2025, 2, 22),
        policy_sha256="p",
        mean_probability=0.38,
        tier_counts={"low": 55, "medium": 30, "high": 10, "critical": 5},
    ),
)
LIMITS = Limits()


def _failed(inputs: AuditInputs) -> set[str]:
    return {audit.name for audit in audits(inputs, LIMITS) if not audit.is_success}


def test_a_sound_snapshot_passes_every_audit() -> None:
    results = audits(SOUND, LIMITS)
    assert len(results) == 20
    assert len({audit.name for audit in results}) == 20
    assert _failed(SOUND) == set()
    assert refusal(results) is None


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"feature_rows_count": 104}, "rows_account"),
        ({"rows_count": 99, "customers_count": 99}, "rows_account"),
        ({"excluded_rows_count": 2}, "rows_account"),
        ({"population_count": 104}, "rows_account"),
        ({"customers_count": 99}, "one_row_per_customer"),
        ({"scored_and_excluded_count": 1}, "one_row_per_customer"),
        ({"improbable_count": 1}, "probabilities_are_probable"),
        ({"distinct_probabilities_count": 1}, "probabilities_vary"),
        ({"negative_value_count": 1}, "values_are_not_negative"),
        ({"unknown_tier_count": 1}, "tiers_are_known"),
        ({"untraceable_count": 1}, "rows_are_of_the_manifest"),
        ({"misassigned_count": 1}, "arms_account"),
        ({"is_challenger_approved": False}, "challenger_is_approved"),
        ({"is_bundle_approved": False}, "model_is_served"),
        ({"is_bundle_taken_back": True}, "model_is_served"),
        ({"latest_features_digest": "g"}, "features_are_current"),
        ({"latest_features_digest": None}, "features_are_current"),
    ],
)
def test_a_critical_fault_refuses_by_name(change: dict[str, Any], name: str) -> None:
    results = audits(replace(SOUND, **change), LIMITS)
    assert {audit.name for audit in results if not audit.is_success} == {name}
    assert str(refusal(results)).startswith(f"{name}: ")


def test_a_promotion_since_scoring_is_told_and_stops_nothing() -> None:
    results = audits(replace(SOUND, newer_bundle_sha256="c" * 64), LIMITS)
    [served] = [audit for audit in results if audit.name == "model_is_served"]
    assert served.is_success
    assert "since then cccccccccccc has become champion" in served.observed


def test_nobody_scored_is_refused() -> None:
    nobody = replace(
        SOUND, population_count=3, scored_count=0, feature_rows_count=3, rows_count=0,
        customers_count=0, distinct_probabilities_count=0, tier_counts={},
    )  # fmt: skip
    assert _failed(nobody) == {"someone_is_scored"}


def test_no_audits_at_all_are_a_refusal() -> None:
    assert refusal([]) == "no audit ran"


@pytest.mark.parametrize(
    ("low", "failed"),
    [
        (60, set()),
        (75, {"tier_shares_moved"}),
        (2, {"tier_shares_moved", "tier_shares_jumped"}),
    ],
)
def test_a_tier_that_moves_is_noted_and_one_that_jumps_is_refused(
    low: int, failed: set[str]
) -> None:
    rest = 100 - low
    counts = {"low": low, "medium": rest // 2, "high": rest - rest // 2 - 5, "critical": 5}
    inputs = replace(SOUND, tier_counts=counts)
    assert _failed(inputs) == failed
    assert (refusal(audits(inputs, LIMITS)) is None) == ("tier_shares_jumped" not in failed)


@pytest.mark.parametrize(
    ("moved", "failed"),
    [
        (10, set()),
        (20, {"tier_shares_moved"}),
        (60, {"tier_shares_moved", "tier_shares_jumped"}),
    ],
)
def test_by_rank_it_is_the_customers_who_moved_that_count(moved: int, failed: set[str]) -> None:
    assert SOUND.baseline is not None
    baseline = replace(
        SOUND.baseline, tier_counts=SOUND.tier_counts, common_count=100, moved_count=moved
    )
    assert _failed(replace(SOUND, baseline=baseline)) == set()  # by probability shares count
    by_share = replace(SOUND, baseline=baseline, tiers_by="share")
    assert _failed(by_share) == failed
    (audit,) = [each for each in audits(by_share, LIMITS) if each.name == "tier_shares_jumped"]
    assert audit.observed == (
        f"{moved}.0% of the 100 customers also scored on 2025-02-22 are in another tier now"
    )


@pytest.mark.parametrize("tiers_by", ["probability", "share", "value"])
@pytest.mark.parametrize(("n", "failed"), [(19, False), (20, True)])
def test_of_few_customers_those_who_moved_are_noted_and_stop_nothing(
    tiers_by: str, n: int, failed: bool
) -> None:
    assert SOUND.baseline is not None
    baseline = replace(SOUND.baseline, tier_counts={"critical": n}, common_count=n, moved_count=n)
    results = audits(
        replace(SOUND, baseline=baseline, tier_counts={"low": n}, tiers_by=tiers_by), LIMITS
    )
    names = {"tier_shares_moved"} | ({"tier_shares_jumped"} if failed else set())
    assert {audit.name for audit in results if not audit.is_success} == names
    assert (refusal(results) is not None) == failed


def test_a_mean_that_moves_is_noted() -> None:
    assert _failed(replace(SOUND, mean_probability=0.6)) == {"mean_probability_moved"}


@pytest.mark.parametrize("why", ["no earlier day is published", "the tier policy changed"])
def test_what_cannot_be_compared_says_so_and_passes(why: str) -> None:
    inputs = replace(SOUND, tier_counts={"critical": 100}, mean_probability=0.9)
    inputs = (
        replace(inputs, policy_sha256="q") if "policy" in why else replace(inputs, baseline=None)
    )
    results = audits(inputs, LIMITS)
    assert refusal(results) is None
    assert sum(why in audit.observed for audit in results) == 3


@pytest.mark.parametrize(
    ("age", "failed"),
    [
        (2.9, set()),
        (5.0, {"input_is_fresh"}),
        (20.0, {"input_is_fresh", "input_is_not_stale"}),
        (None, {"input_is_fresh", "input_is_not_stale"}),
    ],
)
def test_a_feed_that_stopped_is_noted_then_refused(age: float | None, failed: set[str]) -> None:
    assert _failed(replace(SOUND, newest_input_age_days=age)) == failed


def test_a_model_demoted_and_approved_again_while_scoring_is_still_served() -> None:
    assert _failed(replace(SOUND, newer_bundle_sha256="b")) == set()


@pytest.mark.parametrize(
    ("challengers", "failed"),
    [
        (1_000, set()),
        (1_120, {"sample_ratio_is_likely"}),
        (1_300, {"sample_ratio_is_likely", "sample_ratio_holds"}),
    ],
)
def test_an_unlikely_ratio_is_noted_and_an_impossible_one_refused(
    challengers: int, failed: set[str]
) -> None:
    arms = Arms(arm_count=challengers, customers_count=10_000)
    inputs = replace(SOUND, challenger_share=0.1, arms=arms)
    assert _failed(inputs) == failed
    why = refusal(audits(inputs, LIMITS))
    assert (why is None) == ("sample_ratio_holds" not in failed)
    if why:
        assert "1,300 of 10,000 customers are the challenger's, expected 1,000" in why
        assert "set another [trial] salt or share" in why


def test_a_stratum_with_another_ratio_is_noted_by_name() -> None:
    whole = Arms(arm_count=1_000, customers_count=10_000)
    strata = {
        "lowest third of tenure": Arms(arm_count=450, customers_count=3_334),
        "middle third of tenure": Arms(arm_count=330, customers_count=3_333),
        "highest third of tenure": Arms(arm_count=220, customers_count=3_333),
    }
    inputs = replace(SOUND, challenger_share=0.1, arms=whole, strata=strata)
    assert _failed(inputs) == {"sample_ratio_is_likely_by_stratum"}
    [noted] = [audit for audit in audits(inputs, LIMITS) if not audit.is_success]
    assert noted.severity == "warning"
    assert noted.observed.startswith(("lowest third of tenure", "highest third of tenure"))
