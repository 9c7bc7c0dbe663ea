"""A shop whose purchases come as events, with profiles of today."""

import pytest

from retention_ml.profiles.profile import profile
from retention_ml.profiles.publish_profiles import publish_profiles
from tests.worlds.live_shop import LiveShop


@pytest.fixture
def profiled(shop: LiveShop) -> LiveShop:
    """Nobody but c001 became overdue since midnight; c059 has just ordered."""
    made = profile(shop.warehouse, settings=shop.settings, as_of=shop.today)
    publish_profiles(
        shop.warehouse, settings=shop.settings, snapshot_id=made.details["snapshot_id"]
    )
    with shop.warehouse.transaction() as transaction:
        transaction.execute("UPDATE profiles.customer_daily SET is_overdue = customer_id <> 'c001'")
        transaction.execute(
            "UPDATE profiles.customer_daily SET overdue_after_days = as_of - last_order_on "
            "WHERE customer_id = 'c001'"
        )
    shop.order("c059")
    return shop
