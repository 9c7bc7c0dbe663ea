"""Keys are forgotten when they are old and delivered, never before."""

from datetime import timedelta

from retention_ml import clock
from retention_ml.live.prune_keys import prune_keys
from tests.worlds.live_shop import LiveShop


def test_only_what_is_old_and_delivered_is_forgotten_and_then_known_by_its_content(
    shop: LiveShop,
) -> None:
    records = shop.clicks([1, 2])
    shop.send("clicks", records, name="delivered")
    shop.worker.work()
    shop.send("clicks", shop.clicks([3]), name="waiting")
    assert prune_keys(shop.warehouse, settings=shop.settings).read == 0
    with shop.warehouse.transaction() as transaction:
        transaction.execute(
            "UPDATE live.events SET received_at = :then", then=clock.now() - timedelta(days=31)
        )
    assert prune_keys(shop.warehouse, settings=shop.settings).left_out == 2
    assert shop.rows("SELECT count(*) AS n FROM live.events") == [{"n": 1}]
    assert shop.send("clicks", records, name="delivered")["accepted"] == 2
    shop.worker.work()
    assert shop.rows("SELECT count(*) AS n FROM curated.events") == [{"n": 3}]
