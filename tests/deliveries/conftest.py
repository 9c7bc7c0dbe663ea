"""The shop of `tests.worlds.feeds` as a fixture."""

from pathlib import Path

import pytest

from retention_ml.settings import Settings
from tests.worlds.feeds import SHOP


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of source descriptions with one shop."""
    folder = tmp_path / "sources"
    folder.mkdir()
    (folder / "shop.toml").write_text(SHOP, encoding="utf-8")
    return folder


@pytest.fixture
def shop_settings(settings: Settings, folder: Path) -> Settings:
    """The shipped settings with that folder."""
    return settings.model_copy(update={"sources": folder})
