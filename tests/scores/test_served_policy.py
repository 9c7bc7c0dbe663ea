"""Tiers follow the policy approved with the champion, until somebody edits [tiers]."""

import json
from datetime import timedelta
from typing import Any

import pytest

from retention_ml.errors import PublicationRefused
from tests.worlds.scores import DAY, PlainBundle, World

STRICT = {"medium": 0.2, "high": 0.3, "critical": 0.4, "hysteresis": 0.0}


def _asked(world: World) -> dict[str, float]:
    tiers = world.settings.tiers
    return {name: float(getattr(tiers, name)) for name in STRICT}


def _decide(world: World, version: str, policy: dict[str, float], verdict: str) -> None:
    """An approval of a version with the policy that is served with it."""
    with world.warehouse.transaction() as transaction:
        transaction.execute(
            "INSERT INTO models.promotions (alias, model_name, model_version, bundle_sha256, "
            "verdict, decided_by, reason, evidence, policy, policy_of_settings, decided_at) "
            "VALUES ('champion', 'plain', :version, :sha, :verdict, 'test', 'test', '{}', "
            "CAST(:policy AS jsonb), CAST(:asked AS jsonb), now())",
            version=version,
            sha=world.models["champion"].bundle.sha256,  # type: ignore[union-attr]
            verdict=verdict,
            policy=json.dumps(policy),
            asked=json.dumps(_asked(world)),
        )


def _tiers(world: World) -> list[tuple[float, str]]:
    snapshot_id = world.score().details["snapshot_id"]
    rows = world.rows(f"SELECT * FROM scores.customer_daily WHERE snapshot_id = {snapshot_id}")
    return [(row["churn_probability"], row["risk_tier"]) for row in rows]


def _follows(world: World, policy: dict[str, float]) -> bool:
    def tier(probability: float) -> str:
        reached = [name for name in ("critical", "high", "medium") if probability >= policy[name]]
        return reached[0] if reached else "low"

    return all(tier(probability) == name for probability, name in _tiers(world))


def test_a_rollback_brings_the_policy_of_that_version_back(world: World) -> None:
    _decide(world, "1", _asked(world), "promote")
    assert world.score().details["policy"] is None
    world.champion(PlainBundle(bias=-1.4), version="2")
    _decide(world, "2", _asked(world), "promote")
    world.champion(version="1")
    _decide(world, "1", STRICT, "rollback")
    assert _follows(world, STRICT)
    assert not _follows(world, _asked(world))
    note = world.score().details["policy"]
    assert note == (
        "Tiers follow the policy that was approved with version 1 (medium from 0.2, high from "
        "0.3, critical from 0.4, hysteresis 0), not [tiers] of the settings (medium from 0.35, "
        "high from 0.6, critical from 0.8, hysteresis 0.03). Edit [tiers] to serve another."
    )


def test_an_edit_of_the_settings_since_then_wins(world: World) -> None:
    _decide(world, "1", STRICT, "rollback")
    edited: dict[str, Any] = {"medium": 0.5, "high": 0.7, "critical": 0.9, "hysteresis": 0.0}
    world.set("tiers", **edited)
    assert _follows(world, edited)
    assert world.score().details["policy"] is None


def test_another_policy_is_another_snapshot_and_the_challenger_follows_it_too(world: World) -> None:
    world.challenger()
    world.set("trial", challenger_share=0.5)
    published = world.score_and_publish()
    _decide(world, "1", STRICT, "rollback")
    assert world.score_and_publish() != published
    rows = world.rows(f"SELECT * FROM reports.customer_risk WHERE as_of = '{DAY}'")
    assert {row["arm"] for row in rows} == {"champion", "challenger"}
    for row in rows:
        assert (row["risk_tier"] == "critical") == (row["churn_probability"] >= STRICT["critical"])


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_a_decision_about_the_challenger_changes_no_policy(world: World, share: float) -> None:
    world.set("trial", challenger_share=share)
    world.challenger()
    with world.warehouse.transaction() as transaction:
        transaction.execute(
            "UPDATE models.promotions SET policy = CAST(:policy AS jsonb) WHERE alias = 'challenger'",
            policy=json.dumps(STRICT),
        )
    assert world.score().details["policy"] is None
    assert _follows(world, _asked(world))


def test_tiers_by_share_are_never_empty_and_go_with_the_version(world: World) -> None:
    world.score_and_publish()
    by_share = {"by": "share", "medium": 0.5, "high": 0.8, "critical": 0.95, "hysteresis": 0.0}
    _decide(world, "1", by_share, "rollback")
    assert [name for _, name in sorted(_tiers(world))] == (
        ["low"] * 30 + ["medium"] * 18 + ["high"] * 9 + ["critical"] * 3
    )
    assert (
        world.score()
        .details["policy"]
        .startswith(
            "Tiers follow the policy that was approved with version 1 (critical the riskiest 5 % of"
        )
    )
    world.set("tiers", by="value")
    snapshot_id = world.score_and_publish()
    rows = world.rows(
        f"SELECT * FROM scores.customer_daily WHERE snapshot_id = {snapshot_id} "
        "ORDER BY expected_value_at_risk_cents DESC"
    )
    assert [row["risk_tier"] for row in rows[:3]] == ["critical"] * 3
    tiers = {row["risk_tier"]: row for row in world.rows("SELECT * FROM reports.risk_tier_daily")}
    assert {row["tiers_by"] for row in tiers.values()} == {"value"}
    assert sum(row["value_share"] for row in tiers.values()) == pytest.approx(1)
    total = sum(row["expected_value_at_risk_cents"] for row in rows)
    assert tiers["critical"]["value_share"] == pytest.approx(
        sum(row["expected_value_at_risk_cents"] for row in rows[:3]) / total
    )


def test_by_share_a_day_on_which_most_customers_change_their_tier_is_not_published(
    world: World,
) -> None:
    world.set("tiers", by="share")
    world.score_and_publish()
    next_day = DAY + timedelta(days=1)
    features = world.rows("SELECT recency_days FROM features.customer_daily ORDER BY customer_id")
    world.features(next_day)
    snapshot_id = world.score_and_publish(next_day)  # hardly a change
    audited = f"SELECT * FROM scores.audits WHERE snapshot_id = {snapshot_id}"
    observed = {row["audit"]: row["observed"] for row in world.rows(audited)}
    assert observed["tier_shares_jumped"] == (
        "0.0% of the 60 customers also scored on 2025-03-01 are in another tier now"
    )
    upside_down = [90.0 - row["recency_days"] for row in features]
    ratio = [days / 20 for days in upside_down]
    world.features(next_day, recency_days=upside_down, recency_over_gap_mean_ratio=ratio)
    with pytest.raises(PublicationRefused, match="customers also scored on 2025-03-01"):
        world.score_and_publish(next_day)
