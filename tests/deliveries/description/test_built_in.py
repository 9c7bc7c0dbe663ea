"""The descriptions that the platform brings itself."""

from pathlib import Path

import pytest

from retention_ml.deliveries.description.loading import load_source
from retention_ml.deliveries.source_names import BUILT_IN, all_source_names, source_names
from retention_ml.errors import SettingsError


def test_the_platform_brings_the_description_of_its_own_contacts(folder: Path) -> None:
    assert source_names(BUILT_IN) == ["actions"]
    assert all_source_names(folder) == ["actions", "shop"]
    assert source_names(folder) == ["shop"]
    source = load_source(folder, "actions")
    assert {name: feed.table for name, feed in source.feeds.items()} == {
        "contacts": "campaign_contacts",
        "bounces": "contact_permissions",
    }
    assert not any(source.is_required(feed) for feed in source.feeds)


def test_a_shop_may_not_give_a_source_the_name_of_a_built_in_one(folder: Path) -> None:
    (folder / "shop.toml").rename(folder / "actions.toml")
    with pytest.raises(SettingsError, match=r"actions\.toml has the name of a source that the"):
        load_source(folder, "actions")
