"""The risk tiers of a day are those that readers see."""

from datetime import timedelta

from retention_ml.scores.published_tiers import published_tiers
from tests.worlds.scores import DAY, World


def test_only_published_tiers_are_read(world: World) -> None:
    assert published_tiers(world.warehouse, DAY) == {}
    world.score_and_publish()
    rows = world.rows("SELECT customer_id, risk_tier FROM reports.customer_risk")
    tiers = published_tiers(world.warehouse, DAY)
    assert tiers == {row["customer_id"]: row["risk_tier"] for row in rows}
    assert len(tiers) == 60
    assert published_tiers(world.warehouse, DAY + timedelta(days=1)) == {}
