"""From orders to published tiers with the real features and the real expectations."""

from datetime import date

import pytest

from retention_ml.errors import PublicationRefused
from retention_ml.scores import publish as publish_module
from retention_ml.scores import served as served_module
from retention_ml.scores.explain import explain
from retention_ml.settings import Settings
from retention_ml.warehouse import Warehouse
from tests.worlds.scores import PlainBundle, World, make_world
from tests.worlds.shops import random_shop

pytestmark = pytest.mark.suites

DAY = date(2024, 12, 1)


@pytest.fixture
def shop(warehouse: Warehouse, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> World:
    """A random shop and a champion; features and expectations are the real ones."""
    random_shop(warehouse, customers=150, days=400)
    world = World(warehouse, settings)
    world.champion(PlainBundle({"recency_days": 0.05, "orders_count_90d": -0.3}, bias=-1.0))
    monkeypatch.setattr(served_module, "served", lambda w, s, alias: world.models.get(alias))
    monkeypatch.setattr(served_module, "bundle_that_scored", world.bundle_that_scored)
    return world


def test_missing_features_are_built_and_checked_scores_are_published(shop: World) -> None:
    published = shop.score_and_publish(DAY)
    risk = shop.rows("SELECT * FROM reports.customer_risk ORDER BY churn_probability DESC")
    features = shop.rows(f"SELECT customer_id FROM features.customer_daily WHERE as_of = '{DAY}'")
    assert len(risk) == len(features) > 50
    assert {row["snapshot_id"] for row in risk} == {published}
    assert "No order for" in risk[0]["reason_1"]
    asked = shop.rows("SELECT * FROM quality.results WHERE suite = 'scores.customer_daily'")
    assert len(asked) >= 8
    assert all(row["is_success"] for row in shop.rows("SELECT is_success FROM scores.audits"))
    again = shop.score(DAY)
    assert again.details["is_repeat"]
    explanation = explain(
        shop.warehouse, settings=shop.settings, customer_id=risk[0]["customer_id"]
    )
    log_odds = explanation["base_log_odds"] + sum(
        one["log_odds"] for one in explanation["features"]
    )
    probability = explanation["churn_probability"]
    assert 1 / (1 + 2.718281828459045**-log_odds) == pytest.approx(probability)


def test_rows_that_are_not_those_of_their_build_are_built_again_and_scored(shop: World) -> None:
    before = shop.score(DAY).details
    with shop.warehouse.transaction() as transaction:
        transaction.execute("UPDATE features.customer_daily SET recency_days = recency_days + 1")
    after = shop.score(DAY).details
    assert (after["features_digest"], after["scores_digest"]) == (
        before["features_digest"],
        before["scores_digest"],
    )


def test_a_critical_expectation_refuses_the_snapshot_before_the_flip(
    warehouse: Warehouse, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = publish_module._check_expectations
    world = make_world(warehouse, settings, monkeypatch)
    monkeypatch.setattr(publish_module, "_check_expectations", real)
    world.champion(PlainBundle({"recency_days": 1e-7}, bias=9.0), version="2")
    with pytest.raises(PublicationRefused, match="churn_probability"):
        world.score_and_publish()
    assert world.rows("SELECT * FROM reports.customer_risk") == []
    assert world.rows("SELECT status FROM scores.snapshots") == [{"status": "refused"}]
    world.champion(version="3")
    world.score_and_publish()
    assert len(world.rows("SELECT * FROM reports.customer_risk")) == 60
