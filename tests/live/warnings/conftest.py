"""A shop whose purchases come as events, with profiles of today."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from retention_ml.profiles.profile import profile
from retention_ml.profiles.publish_profiles import publish_profiles
from retention_ml.settings import Settings
from tests.live.conftest import NewShop
from tests.worlds.live_shop import LiveShop


def _profile(shop: LiveShop) -> None:
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


@pytest.fixture
def profiled(new_shop: NewShop, settings: Settings, tmp_path: Path) -> Iterator[LiveShop]:
    """Nobody but c001 became overdue since midnight; c059 has just ordered."""
    with new_shop(_profile, settings, tmp_path) as shop:
        shop.order("c059")
        yield shop
