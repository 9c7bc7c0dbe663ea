"""A shop without a champion is scored by the starter, until there is one."""

import shutil
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from retention_ml.errors import NotReady, PublicationRefused, UnfitModel
from retention_ml.models.bundle.starter import shipped
from retention_ml.scores.explain import explain
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.worlds.scores import DAY, PlainBundle, World, make_world

NEXT = DAY + timedelta(days=1)


@pytest.fixture
def young(warehouse: Warehouse, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> World:
    """A shop on its first day: features, no champion, no decision about one."""
    world = make_world(warehouse, settings, monkeypatch)
    world.models.clear()
    with warehouse.transaction() as transaction:
        transaction.execute("DELETE FROM models.promotions")
    _features(world)
    return world


def _features(world: World, day: object = DAY) -> None:
    draw = np.random.default_rng(4)
    recency = draw.integers(1, 90, 60).astype(float)
    gaps = draw.integers(3, 60, 60).astype(float)
    world.features(
        day,  # type: ignore[arg-type]
        recency_days=recency,
        tenure_days=recency + draw.integers(0, 200, 60),
        purchase_days_count=draw.integers(1, 9, 60).astype(float),
        gap_mean_days=[None if one < 10 else float(one) for one in gaps],
    )


def test_the_first_day_is_scored_published_and_marked(young: World) -> None:
    receipt = young.score()
    young.publish(int(receipt.details["snapshot_id"]))
    rows = young.rows("SELECT * FROM reports.customer_risk")
    assert len(rows) == 60
    assert {row["model_name"] for row in rows} == {"starter"}
    assert {row["model_version"] for row in rows} == {shipped.shipped().manifest["version"]}
    assert {row["arm"] for row in rows} == {"starter"}
    assert {row["is_calibrated"] for row in rows} == {False}
    assert len({row["churn_probability"] for row in rows}) > 20
    assert all(row["reason_1"] for row in rows if row["risk_tier"] == "critical")
    [audit] = young.rows("SELECT observed FROM scores.audits WHERE audit = 'model_is_served'")
    assert "the starter model: no champion had been approved" in audit["observed"]


def test_the_receipt_says_what_the_scores_are_not_and_what_an_own_model_needs(young: World) -> None:
    details = young.score().details
    assert details["is_calibrated"] is False
    for words in (
        "not calibrated for this one",
        "200 active customers",
        "days of orders",
        f"`retention train --as-of {DAY}`",
        "takes over by itself",
    ):
        assert words in details["caveat"]


def test_a_champion_scores_without_a_caveat(world: World) -> None:
    details = world.score().details
    assert details["is_calibrated"] is True
    assert details["caveat"] is None


def test_a_champion_takes_over_at_once_whatever_its_level(young: World) -> None:
    young.score_and_publish()
    _features(young, NEXT)
    young.champion(PlainBundle(bias=-9.0))
    young.score_and_publish(NEXT)
    rows = young.rows("SELECT * FROM reports.customer_risk")
    assert {(row["model_name"], row["arm"], row["is_calibrated"]) for row in rows} == {
        ("plain", "champion", True)
    }
    assert {row["as_of"] for row in rows} == {NEXT}
    observed = young.rows(
        "SELECT DISTINCT observed FROM scores.audits WHERE audit = 'tier_shares_jumped'"
    )
    assert "nothing to compare with: the starter model scored before" in {
        row["observed"] for row in observed
    }


def test_from_champion_to_champion_a_jump_still_stops(young: World) -> None:
    young.champion(PlainBundle(bias=9.0))
    young.score_and_publish()
    _features(young, NEXT)
    young.champion(PlainBundle(bias=-9.0), version="2")
    with pytest.raises(PublicationRefused, match="tier_shares_jumped"):
        young.score_and_publish(NEXT)


def test_scores_of_the_starter_begun_before_the_first_champion_are_published(young: World) -> None:
    snapshot_id = int(young.score().details["snapshot_id"])
    young.champion()
    young.publish(snapshot_id)
    [audit] = young.rows("SELECT observed FROM scores.audits WHERE audit = 'model_is_served'")
    assert "no champion had been approved; since then" in audit["observed"]
    young.score_and_publish()
    rows = young.rows("SELECT DISTINCT model_name FROM reports.customer_risk")
    assert rows == [{"model_name": "plain"}]


def test_the_starter_is_not_published_where_a_champion_was_approved_before(young: World) -> None:
    snapshot_id = int(young.score().details["snapshot_id"])
    young.champion()
    with young.warehouse.transaction() as transaction:
        transaction.execute(
            "UPDATE scores.snapshots SET promotion_id = (SELECT max(promotion_id) FROM models.promotions)"
        )
    with pytest.raises(PublicationRefused, match="not the starter model as shipped, or not needed"):
        young.publish(snapshot_id)
    assert young.rows("SELECT * FROM reports.customer_risk") == []


def test_a_champion_that_cannot_serve_is_not_replaced_by_the_starter(young: World) -> None:
    young.champion()
    young.models.clear()
    with pytest.raises(PublicationRefused, match="No champion that was approved can score"):
        young.score()


def test_scores_of_another_starter_than_the_shipped_one_are_refused(young: World) -> None:
    snapshot_id = int(young.score().details["snapshot_id"])
    with young.warehouse.transaction() as transaction:
        transaction.execute("UPDATE scores.snapshots SET bundle_sha256 = repeat('0', 64)")
    with pytest.raises(PublicationRefused, match="not the starter model as shipped"):
        young.publish(snapshot_id)


def test_where_the_setting_says_no_nobody_is_scored(young: World) -> None:
    scoring = young.settings.scoring.model_copy(update={"starter": False})
    young.settings = young.settings.model_copy(update={"scoring": scoring})
    with pytest.raises(NotReady, match="starter = true under"):
        young.score()


def test_a_damaged_starter_scores_nobody(
    young: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "starter"
    shutil.copytree(shipped.FOLDER, copy)
    (copy / "bundle" / "model_0.lgb").write_bytes(b"\x00garbage")
    monkeypatch.setattr(shipped, "FOLDER", copy)
    with pytest.raises(UnfitModel, match="starter model is not as it was shipped"):
        young.score()
    assert young.rows("SELECT * FROM scores.snapshots") == []


def test_the_same_first_day_twice_is_the_same_snapshot(young: World) -> None:
    published = young.score_and_publish()
    again = young.score()
    assert again.details["is_repeat"]
    assert again.details["snapshot_id"] == published


def test_a_score_of_the_starter_is_explained_to_the_last_contribution(young: World) -> None:
    young.score_and_publish()
    explanation = explain(young.warehouse, settings=young.settings, customer_id="c00007")
    assert explanation["note"] is None
    log_odds = explanation["base_log_odds"] + sum(
        one["log_odds"] for one in explanation["features"]
    )
    assert 1 / (1 + np.exp(-log_odds)) == pytest.approx(explanation["churn_probability"], abs=1e-9)
